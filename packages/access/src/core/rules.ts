// Whether a set of RBAC rules grants what a subject wants to do, and which rule does.
import type { Attributes, Decision } from "../guard.ts";

/** A PolicyRule of Kubernetes RBAC; `*` stands for everything. `namespaces` narrows a rule where Kubernetes would use a RoleBinding. */
export interface Rule {
  readonly apiGroups: readonly string[];
  /** `queues`, `queues/messages`, or `queues/*` for every subresource of queues. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Absent or empty: every object. Otherwise the act must name one of these. */
  readonly resourceNames?: readonly string[];
  /** Absent or empty: every namespace. */
  readonly namespaces?: readonly string[];
}

export interface Role {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A role as bound to a subject, in one namespace or (absent) in all. */
export interface Grant {
  readonly role: Role;
  readonly namespace?: string;
}

/** The namespace of whoever names none; AMQP calls it the virtual host `/`. */
const defaultNamespace = "default";

/**
 * Decides by the first rule that grants. RBAC only grants, so that order never matters to the answer.
 * @returns the decision, with the role and rule that granted, or what is missing
 */
export function decide(who: string, grants: readonly Grant[], attributes: Attributes): Decision {
  const namespace = attributes.namespace ?? defaultNamespace;
  for (const grant of grants) {
    if (grant.namespace !== undefined && grant.namespace !== namespace) continue;
    const at = grant.role.rules.findIndex((rule) => grantsAct(rule, attributes, namespace));
    if (at !== -1) return { allowed: true, reason: `role ${grant.role.name}, rule ${at + 1}` };
  }
  return { allowed: false, reason: missing(who, grants, attributes, namespace) };
}

function grantsAct(rule: Rule, attributes: Attributes, namespace: string): boolean {
  return (
    holds(rule.apiGroups, attributes.apiGroup) &&
    holds(rule.verbs, attributes.verb) &&
    rule.resources.some((pattern) => coversResource(pattern, attributes.resource)) &&
    namesObject(rule.resourceNames, attributes.name) &&
    (!rule.namespaces?.length || holds(rule.namespaces, namespace))
  );
}

function holds(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes("*");
}

function coversResource(pattern: string, resource: string): boolean {
  if (pattern === "*" || pattern === resource) return true;
  return pattern.endsWith("/*") && resource.startsWith(pattern.slice(0, -1));
}

/** A rule with names never grants an act without one, such as list or create (as in Kubernetes). */
function namesObject(names: readonly string[] | undefined, name: string | undefined): boolean {
  if (!names?.length) return true;
  return name !== undefined && names.includes(name);
}

function missing(
  who: string,
  grants: readonly Grant[],
  { verb, resource, apiGroup, name }: Attributes,
  namespace: string,
): string {
  const object = name === undefined ? resource : `${resource} "${name}"`;
  const roles = [...new Set(grants.map(({ role }) => role.name))].join(", ") || "none";
  return `"${who}" cannot ${verb} ${object} in API group ${apiGroup} in namespace ${namespace} (roles: ${roles})`;
}
