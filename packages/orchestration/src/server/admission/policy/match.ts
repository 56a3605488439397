// Which requests a ValidatingAdmissionPolicy is about (admissionregistration.k8s.io/v1 MatchResources).
import type { KubeObject } from "../../../api/object.ts";
import type { MatchResources, NamedRuleWithOperations } from "../../../api/types.generated.ts";
import type { AdmissionRequest } from "../../registry/admission.ts";
import { labelSelectorMatches } from "../../selectors/selectors.ts";

/** @param namespace the namespace that the object lies in; undefined for what lies in none */
export function isMatched(
  match: MatchResources | undefined,
  request: AdmissionRequest,
  namespace: KubeObject | undefined,
): boolean {
  if (match === undefined) return true;
  const { resourceRules, excludeResourceRules = [], namespaceSelector, objectSelector } = match;
  if (resourceRules !== undefined && !resourceRules.some((rule) => covers(rule, request)))
    return false;
  if (excludeResourceRules.some((rule) => covers(rule, request))) return false;
  const isOfNamespace =
    namespaceSelector === undefined ||
    namespace === undefined ||
    labelSelectorMatches(namespaceSelector, namespace.metadata.labels);
  const labels = [request.object.metadata.labels, request.old?.metadata.labels];
  return (
    isOfNamespace &&
    (objectSelector === undefined ||
      labels.some((each) => labelSelectorMatches(objectSelector, each)))
  );
}

function covers(
  rule: NamedRuleWithOperations,
  { operation, resource, subresource, name, namespace }: AdmissionRequest,
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

/** `pods`, `pods/*`, or a star for all resources, which stands for no subresource. */
function coversResource(pattern: string, full: string): boolean {
  if (pattern === "*/*" || pattern === full) return true;
  if (pattern === "*") return !full.includes("/");
  return pattern.endsWith("/*") && `${full}/`.startsWith(pattern.slice(0, -1));
}
