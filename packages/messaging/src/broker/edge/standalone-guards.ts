// Guards for a broker that stands alone: one that lets guest in, and one that knows a single user.
import { timingSafeEqual } from "node:crypto";
import type { Credentials, Decision, Guard, Subject } from "@warrener/access";

const granted: Decision = { allowed: true, reason: "all rights of a broker that stands alone" };

/** Takes guest/guest with all rights, and asks `inner` about everybody else. */
export function guestGuard(inner: Guard | undefined): Guard {
  const guest = oneUserGuard("guest", "guest");
  const isGuest = (subject: Subject): boolean => subject.name === "guest";
  return {
    authenticate: (credentials) =>
      guest.authenticate(credentials) ?? inner?.authenticate(credentials),
    authorize: (subject, attributes) =>
      isGuest(subject) || inner === undefined ? granted : inner.authorize(subject, attributes),
    record: (event) => inner?.record(event) ?? Promise.resolve(),
  };
}

/** One user with all rights; nothing is recorded. */
export function oneUserGuard(name: string, password: string): Guard {
  const subject: Subject = { kind: "serviceAccount", name, groups: [] };
  return {
    authenticate: ({ username = "", secret }: Credentials) =>
      same(username, name) && same(secret, password) ? subject : undefined,
    authorize: () => granted,
    record: () => Promise.resolve(),
  };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
