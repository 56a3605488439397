// Whether rules of rbac.authorization.k8s.io/v1 grant an act, and through which binding. They only grant.
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
} from "../../api/types.generated.ts";
import type { UserInfo } from "../registry/admission.ts";

/** An act on a resource, or (with a path) on something else. */
export interface Act {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What the field selector of a list or watch narrows it to. */
  readonly selected?: { readonly name?: string; readonly namespace?: string };
  /** Of an act on no resource, such as `/healthz`. */
  readonly path?: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** All roles and bindings there are. */
export interface Policy {
  readonly clusterRoles: ReadonlyMap<string, ClusterRole>;
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  /** By `namespace/name`. */
  readonly roles: ReadonlyMap<string, Role>;
  /** By namespace. */
  readonly roleBindings: ReadonlyMap<string, readonly RoleBinding[]>;
}

/** A rule that a user has, where, and why. */
export interface GrantedRule {
  readonly rule: PolicyRule;
  /** As the decision's reason tells it. */
  readonly through: string;
}

export function decide(policy: Policy, user: UserInfo, act: Act): Decision {
  if (user.groups.includes("system:masters"))
    return { allowed: true, reason: "member of system:masters" };
  for (const { rule, through } of rulesFor(policy, user, act.namespace))
    if (grants(rule, act)) return { allowed: true, reason: `RBAC: allowed by ${through}` };
  return { allowed: false, reason: "" };
}

/** Rules that hold for a user everywhere, and in a namespace where one is given. */
export function* rulesFor(
  policy: Policy,
  user: UserInfo,
  namespace: string | undefined,
): Iterable<GrantedRule> {
  for (const binding of policy.clusterRoleBindings) {
    const subject = binding.subjects?.find((each) => isSubject(each, user, ""));
    if (subject === undefined) continue;
    const through = `ClusterRoleBinding "${binding.metadata.name}" of ClusterRole "${binding.roleRef.name}" to ${subject.kind} "${subject.name}"`;
    for (const rule of policy.clusterRoles.get(binding.roleRef.name)?.rules ?? [])
      yield { rule, through };
  }
  if (namespace === undefined || namespace === "") return;
  for (const binding of policy.roleBindings.get(namespace) ?? []) {
    const subject = binding.subjects?.find((each) => isSubject(each, user, namespace));
    if (subject === undefined) continue;
    const { kind, name } = binding.roleRef;
    const role =
      kind === "ClusterRole"
        ? policy.clusterRoles.get(name)
        : policy.roles.get(`${namespace}/${name}`);
    const through = `RoleBinding "${binding.metadata.name}/${namespace}" of ${kind} "${name}" to ${subject.kind} "${subject.name}"`;
    for (const rule of role?.rules ?? []) yield { rule, through };
  }
}

function isSubject(
  subject: { readonly kind: string; readonly name: string; readonly namespace?: string },
  user: UserInfo,
  namespace: string,
): boolean {
  switch (subject.kind) {
    case "User":
      return subject.name === user.username;
    case "Group":
      return user.groups.includes(subject.name);
    case "ServiceAccount":
      return (
        user.username === `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`
      );
    default:
      return false;
  }
}

function grants(rule: PolicyRule, act: Act): boolean {
  if (!holds(rule.verbs, act.verb)) return false;
  if (act.path !== undefined)
    return (rule.nonResourceURLs ?? []).some((url) => covers(url, act.path as string));
  return (
    holds(rule.apiGroups ?? [], act.group) &&
    (rule.resources ?? []).some((pattern) => coversResource(pattern, act)) &&
    ((rule.resourceNames ?? []).length === 0 ||
      (act.name !== undefined && (rule.resourceNames ?? []).includes(act.name)))
  );
}

function holds(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes("*");
}

/** `pods`, `pods/log`, `*` for everything, and star slash `log` for that subresource of everything. */
function coversResource(pattern: string, { resource, subresource }: Act): boolean {
  if (pattern === "*") return true;
  if (subresource === undefined) return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}

/** A star at the end stands for any rest. */
function covers(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}
