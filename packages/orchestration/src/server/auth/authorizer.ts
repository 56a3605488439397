// May they: RBAC over the roles in the store, and for Warrener's own people what their roles there say.
import type { Guard } from "@warrener/access";
import { StatusError } from "../../api/status.ts";
import type { UserInfo } from "../registry/admission.ts";
import type { RequestInfo } from "../request-info.ts";
import type { PolicyView } from "./policy-view.ts";
import { type Act, type Decision, decide } from "./rbac.ts";

export interface Authorizer {
  authorize(user: UserInfo, act: Act): Decision;
}

export function authorizer(
  view: PolicyView,
  guard: Pick<Guard, "authorize"> | undefined,
): Authorizer {
  return {
    authorize(user, act) {
      const decision = decide(view.policy, user, act);
      if (decision.allowed || guard === undefined || act.path !== undefined) return decision;
      const { verb, group, resource, subresource, namespace, name } = act;
      return guard.authorize(
        { kind: "person", name: user.username, groups: user.groups },
        {
          verb,
          apiGroup: group,
          resource: subresource === undefined ? resource : `${resource}/${subresource}`,
          ...(namespace !== undefined && { namespace }),
          ...(name !== undefined && { name }),
        },
      );
    },
  };
}

export function actOf(info: RequestInfo): Act {
  if (!info.isResource) return { verb: info.verb, group: "", resource: "", path: info.path };
  const { verb, group, resource, subresource, namespace, name, selected } = info;
  return {
    verb,
    group,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(selected !== undefined && { selected }),
  };
}

/** In the words that clients know. */
export function forbidden(user: UserInfo, act: Act, reason: string): StatusError {
  const because = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(user.username)}`;
  if (act.path !== undefined)
    return new StatusError(
      "Forbidden",
      `forbidden: ${who} cannot ${act.verb} path ${JSON.stringify(act.path)}${because}`,
      {},
    );
  const { resource, subresource, group, namespace, name } = act;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const title = group === "" ? resource : `${resource}.${group}`;
  const object = name === undefined ? title : `${title} ${JSON.stringify(name)}`;
  const where =
    namespace === undefined
      ? "at the cluster scope"
      : `in the namespace ${JSON.stringify(namespace)}`;
  const message = `${object} is forbidden: ${who} cannot ${act.verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}${because}`;
  return new StatusError("Forbidden", message, {
    ...(name !== undefined && { name }),
    ...(group !== "" && { group }),
    kind: resource,
  });
}
