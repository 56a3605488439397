// A request as the access log knows it, with the fields of a Kubernetes audit event (audit.k8s.io/v1).
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AccessEvent } from "@warrener/access";
import type { Act } from "../auth/rbac.ts";
import type { UserInfo } from "../registry/admission.ts";

const door = "kubernetes";

/** Before anything is done. @param who `caller` has shown credentials, perhaps to act as `user` */
export function accessEvent(
  raw: IncomingMessage,
  { caller, user }: { readonly caller: UserInfo; readonly user: UserInfo },
  act: Act,
  decision: { readonly allowed: boolean; readonly reason: string },
): AccessEvent {
  const { verb, group, resource, subresource, namespace, name, path } = act;
  const { "user-agent": userAgent } = raw.headers;
  const source = raw.socket.remoteAddress;
  return {
    actor: caller.username,
    door,
    ...(source !== undefined && { source }),
    verb,
    apiGroup: group,
    resource: path ?? (subresource === undefined ? resource : `${resource}/${subresource}`),
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    allowed: decision.allowed,
    reason: decision.reason,
    facts: {
      auditID: randomUUID(),
      stage: "RequestReceived",
      requestURI: (raw.url ?? "").slice(0, 1000),
      ...(userAgent !== undefined && { userAgent: userAgent.slice(0, 200) }),
      ...(user !== caller && { impersonatedUser: user.username }),
    },
  };
}

/** The same request once it is over, with what admission has added. */
export function annotated(
  event: AccessEvent,
  annotations: ReadonlyMap<string, string>,
): AccessEvent {
  const { facts } = event;
  return {
    ...event,
    facts: {
      ...facts,
      stage: "ResponseComplete",
      annotations: JSON.stringify(Object.fromEntries(annotations)),
    },
  };
}
