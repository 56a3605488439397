// Nobody grants what they do not have: roles and bindings may give no more than their writer holds (Kubernetes, "Privilege escalation prevention").
import { isDeepStrictEqual } from "node:util";
import { qualified, StatusError } from "../../api/status.ts";
import type { ClusterRole, PolicyRule, RoleBinding } from "../../api/types.generated.ts";
import type { Authorizer } from "../auth/authorizer.ts";
import type { PolicyView } from "../auth/policy-view.ts";
import type { Act } from "../auth/rbac.ts";
import type { AdmissionPlugin, AdmissionRequest, UserInfo } from "../registry/admission.ts";

const group = "rbac.authorization.k8s.io";
/** A role that says more in one rule is refused unless its writer may do everything. */
const actsMax = 20_000;
const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

export interface EscalationContext {
  readonly authorizer: Authorizer;
  readonly view: PolicyView;
}

/** @param context asked at the first request of somebody: it need not exist yet */
export function escalationAdmission(context: () => EscalationContext): AdmissionPlugin {
  return {
    name: "PrivilegeEscalation",
    validate(request) {
      const { operation, resource, user } = request;
      const isWrite = operation === "CREATE" || operation === "UPDATE";
      if (resource.group !== group || !isWrite || user === undefined) return;
      const granted = resource.resource.endsWith("bindings")
        ? ofBinding(context(), request, user)
        : ofRole(context(), request, user);
      const { namespace } = request;
      const missing = granted.filter((rule) => !holds(context(), user, rule, namespace));
      if (missing.length > 0) throw escalation(request, user, missing);
    },
  };
}

/** @returns the rules that its writer must hold */
function ofRole(
  { authorizer }: EscalationContext,
  { resource, namespace, name, object, old }: AdmissionRequest,
  user: UserInfo,
): readonly PolicyRule[] {
  const { rules = [], aggregationRule } = object as ClusterRole;
  const before = old as ClusterRole | undefined;
  const isSame =
    isDeepStrictEqual(rules, before?.rules ?? []) &&
    isDeepStrictEqual(aggregationRule, before?.aggregationRule);
  if (isSame) return [];
  const act = { verb: "escalate", group, resource: resource.resource, name };
  if (isAllowed(authorizer, user, act, namespace)) return [];
  // What will be gathered later nobody can know now.
  return aggregationRule === undefined ? rules : everything;
}

function ofBinding(
  { authorizer, view }: EscalationContext,
  { namespace, object, old }: AdmissionRequest,
  user: UserInfo,
): readonly PolicyRule[] {
  const binding = object as RoleBinding;
  const { kind, name } = binding.roleRef;
  if (old !== undefined && isDeepStrictEqual(binding.subjects, (old as RoleBinding).subjects))
    return [];
  const isOfCluster = kind === "ClusterRole";
  const resource = isOfCluster ? "clusterroles" : "roles";
  if (isAllowed(authorizer, user, { verb: "bind", group, resource, name }, namespace)) return [];
  const { clusterRoles, roles } = view.policy;
  const role = isOfCluster ? clusterRoles.get(name) : roles.get(`${namespace}/${name}`);
  if (role !== undefined) return role.rules ?? [];
  throw new StatusError("NotFound", `${resource}.${group} "${name}" not found`, {
    name,
    group,
    kind: resource,
  });
}

function holds(
  { authorizer }: EscalationContext,
  user: UserInfo,
  rule: PolicyRule,
  namespace: string | undefined,
): boolean {
  if (everything.every((all) => allows(authorizer, user, all, namespace))) return true;
  return actCount(rule) <= actsMax && allows(authorizer, user, rule, namespace);
}

function actCount({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): number {
  const onResources = apiGroups.length * resources.length * Math.max(1, resourceNames.length);
  return verbs.length * (onResources + nonResourceURLs.length);
}

function allows(
  authorizer: Authorizer,
  user: UserInfo,
  rule: PolicyRule,
  namespace: string | undefined,
): boolean {
  for (const act of actsOf(rule)) if (!isAllowed(authorizer, user, act, namespace)) return false;
  return true;
}

/** Each single act; a star in it is only allowed to whoever has the star. */
function* actsOf(rule: PolicyRule): Iterable<Act> {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names = resourceNames.length === 0 ? [undefined] : resourceNames;
  for (const verb of verbs) {
    for (const path of nonResourceURLs) yield { verb, group: "", resource: "", path };
    for (const apiGroup of apiGroups)
      for (const full of resources)
        for (const name of names) {
          const [resource = "", subresource] = full.split("/", 2);
          yield {
            verb,
            group: apiGroup,
            resource,
            ...(subresource !== undefined && { subresource }),
            ...(name !== undefined && { name }),
          };
        }
  }
}

function isAllowed(
  authorizer: Authorizer,
  user: UserInfo,
  act: Act,
  namespace: string | undefined,
): boolean {
  const placed = namespace === undefined || act.path !== undefined ? act : { ...act, namespace };
  return authorizer.authorize(user, placed).allowed;
}

function escalation(
  { resource, name }: AdmissionRequest,
  user: UserInfo,
  missing: readonly PolicyRule[],
): StatusError {
  const groups = user.groups.map((each) => JSON.stringify(each)).join(" ");
  const who = `user ${JSON.stringify(user.username)} (groups=[${groups}])`;
  const why = `is attempting to grant RBAC permissions not currently held:\n${missing.map(textOf).join("\n")}`;
  const message = `${qualified(resource)} "${name}" is forbidden: ${who} ${why}`;
  return new StatusError("Forbidden", message, { name, group, kind: resource.resource });
}

function textOf({
  apiGroups,
  resources,
  resourceNames,
  nonResourceURLs,
  verbs,
}: PolicyRule): string {
  const parts = Object.entries({
    APIGroups: apiGroups,
    Resources: resources,
    ResourceNames: resourceNames,
    NonResourceURLs: nonResourceURLs,
    Verbs: verbs,
  }).flatMap(([name, list]) => (list === undefined ? [] : [`${name}:${JSON.stringify(list)}`]));
  return `{${parts.join(", ")}}`;
}
