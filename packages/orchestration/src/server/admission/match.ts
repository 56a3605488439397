// Which requests a policy or a webhook is about: rules and selectors (admissionregistration.k8s.io/v1 MatchResources, RuleWithOperations).
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import type { LabelSelector, NamedRuleWithOperations } from "../../api/types.generated.ts";
import type { AdmissionRequest } from "../registry/admission.ts";
import { labelSelectorMatches } from "../selectors/selectors.ts";

export interface Selectors {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

const exempt = new Set([
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingwebhookconfigurations",
  "validatingwebhookconfigurations",
]);

/** Whoever is locked out by a policy or a webhook must be able to take it away. */
export function isExempt({ resource }: AdmissionRequest): boolean {
  return resource.group === "admissionregistration.k8s.io" && exempt.has(resource.resource);
}

/** @param namespace the namespace that the object lies in; undefined for what lies in none */
export function isSelected(
  { namespaceSelector, objectSelector }: Selectors,
  request: AdmissionRequest,
  namespace: KubeObject | undefined,
): boolean {
  const { resource, object, old } = request;
  const isNamespace = resource.group === "" && resource.resource === "namespaces";
  const around = isNamespace ? object : namespace;
  return (
    (namespaceSelector === undefined ||
      around === undefined ||
      labelSelectorMatches(namespaceSelector, around.metadata.labels)) &&
    (objectSelector === undefined ||
      [object, old].some(
        (each) => each && labelSelectorMatches(objectSelector, each.metadata.labels),
      ))
  );
}

/** @param resource the request's own, or one that its objects are served as, too */
export function covers(
  rule: NamedRuleWithOperations,
  { operation, subresource, name, namespace }: AdmissionRequest,
  resource: Resource,
): boolean {
  const {
    apiGroups = [],
    apiVersions = [],
    operations = [],
    resources = [],
    resourceNames = [],
    scope = "*",
  } = rule;
  const isInScope = scope === "*" || (scope === "Namespaced") === (namespace !== undefined);
  const full =
    subresource === undefined ? resource.resource : `${resource.resource}/${subresource}`;
  return (
    isInScope &&
    holds(apiGroups, resource.group) &&
    holds(apiVersions, resource.version) &&
    holds(operations, operation) &&
    resources.some((pattern) => coversResource(pattern, full)) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

function holds(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

// `pods`, `pods/*`, `*/scale`, or a star for all resources, which stands for no subresource.
function coversResource(pattern: string, full: string): boolean {
  if (pattern === "*/*" || pattern === full) return true;
  if (pattern === "*") return !full.includes("/");
  if (pattern.startsWith("*/")) return full.endsWith(pattern.slice(1));
  return pattern.endsWith("/*") && `${full}/`.startsWith(pattern.slice(0, -1));
}
