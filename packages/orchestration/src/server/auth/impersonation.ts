// `kubectl --as`: somebody acts as somebody else, if they may impersonate exactly that (Kubernetes, "User impersonation").
import type { IncomingHttpHeaders } from "node:http";
import { StatusError } from "../../api/status.ts";
import type { UserInfo } from "../registry/admission.ts";
import { type Authorizer, forbidden } from "./authorizer.ts";
import type { Act } from "./rbac.ts";

/** @returns the caller where nobody else is meant @throws StatusError Forbidden, BadRequest */
export function impersonated(
  caller: UserInfo,
  headers: IncomingHttpHeaders,
  authorizer: Authorizer,
): UserInfo {
  const name = first(headers["impersonate-user"]);
  const groups = all(headers["impersonate-group"]);
  const uid = first(headers["impersonate-uid"]);
  if (name === undefined) {
    if (groups.length === 0 && uid === undefined) return caller;
    throw new StatusError(
      "BadRequest",
      "impersonating groups or a uid needs Impersonate-User, too",
    );
  }
  const acts = [actAs(name), ...groups.map((group) => ({ ...impersonate("groups"), name: group }))];
  for (const act of acts) {
    const { allowed, reason } = authorizer.authorize(caller, act);
    if (!allowed) throw forbidden(caller, act, reason);
  }
  return {
    username: name,
    ...(uid !== undefined && { uid }),
    groups: [...(groups.length > 0 ? groups : groupsOf(name)), "system:authenticated"],
  };
}

function impersonate(resource: string): Act {
  return { verb: "impersonate", group: "", resource };
}

const serviceAccount = /^system:serviceaccount:([^:]+):([^:]+)$/;

function actAs(name: string): Act {
  const match = serviceAccount.exec(name);
  if (match === null) return { ...impersonate("users"), name };
  const [, namespace = "", account = ""] = match;
  return { ...impersonate("serviceaccounts"), namespace, name: account };
}

function groupsOf(name: string): readonly string[] {
  const namespace = serviceAccount.exec(name)?.[1];
  return namespace === undefined
    ? []
    : ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Node joins repeated headers by a comma. */
function all(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : value.split(",")).map((each) => each.trim());
}
