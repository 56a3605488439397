// Refuses what ValidatingAdmissionPolicies deny, warns where their bindings say so (admissionregistration.k8s.io/v1).
import { type Kind, kinds } from "../../../api/kinds.ts";
import type { KubeObject } from "../../../api/object.ts";
import { qualified, StatusError, type StatusReason } from "../../../api/status.ts";
import type {
  MatchResources,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../../api/types.generated.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../../registry/admission.ts";
import type { Registry } from "../../registry/registry.ts";
import { covers, isExempt, isSelected } from "../match.ts";
import { CompiledPolicy, type Violation } from "./compiled-policy.ts";

interface Bound {
  readonly binding: ValidatingAdmissionPolicyBinding;
  readonly policy: ValidatingAdmissionPolicy;
  /** Or why it cannot be evaluated. */
  readonly compiled: CompiledPolicy | Error;
}

/** @param registry asked at the first request: it need not exist yet */
export function validatingPolicyAdmission(registry: () => Registry): AdmissionPlugin {
  let known: readonly Bound[] | undefined;
  let isWatching = false;
  const all = (): readonly Bound[] => {
    if (!isWatching) watchPolicies(registry(), () => (known = undefined));
    isWatching = true;
    return (known ??= readPolicies(registry()));
  };
  return {
    name: "ValidatingAdmissionPolicy",
    validate(request) {
      if (isExempt(request)) return;
      for (const bound of all()) judge(registry(), bound, request);
    },
  };
}

function watchPolicies(registry: Registry, onChange: () => void): void {
  for (const kind of [kinds.validatingAdmissionPolicies, kinds.validatingAdmissionPolicyBindings])
    registry.watch(resourceOf(registry, kind), undefined, registry.revision, () => true, onChange);
}

function readPolicies(registry: Registry): readonly Bound[] {
  const policies = read(registry, kinds.validatingAdmissionPolicies);
  const byName = new Map(policies.map((policy) => [policy.metadata.name, policy]));
  const compiled = new Map(policies.map((policy) => [policy, compiling(policy)]));
  return read(registry, kinds.validatingAdmissionPolicyBindings).flatMap((binding) => {
    const policy = byName.get(binding.spec.policyName);
    return policy === undefined
      ? []
      : [{ binding, policy, compiled: compiled.get(policy) as Bound["compiled"] }];
  });
}

function read<T extends KubeObject>(registry: Registry, kind: Kind<T>): readonly T[] {
  return registry.peekAll(resourceOf(registry, kind), undefined) as readonly T[];
}

function resourceOf(
  registry: Registry,
  { group, version, resource }: Kind,
): ReturnType<Registry["resources"]["get"]> {
  return registry.resources.get(group, version, resource);
}

function compiling(policy: ValidatingAdmissionPolicy): CompiledPolicy | Error {
  try {
    return new CompiledPolicy(policy);
  } catch (error) {
    return error as Error;
  }
}

function judge(registry: Registry, bound: Bound, request: AdmissionRequest): void {
  const { policy, binding } = bound;
  const namespace =
    request.namespace === undefined
      ? undefined
      : registry.peek(resourceOf(registry, kinds.namespaces), undefined, request.namespace);
  const isMeant =
    isMatched(policy.spec.matchConstraints, request, namespace) &&
    isMatched(binding.spec.matchResources, request, namespace);
  if (!isMeant) return;
  for (const violation of violationsOf(registry, bound, request, namespace))
    act(bound, request, violation);
}

function isMatched(
  match: MatchResources | undefined,
  request: AdmissionRequest,
  namespace: KubeObject | undefined,
): boolean {
  if (match === undefined) return true;
  const { resourceRules, excludeResourceRules = [] } = match;
  const isCovered = (rule: NamedRuleWithOperations): boolean =>
    covers(rule, request, request.resource);
  if (resourceRules !== undefined && !resourceRules.some(isCovered)) return false;
  return !excludeResourceRules.some(isCovered) && isSelected(match, request, namespace);
}

function violationsOf(
  registry: Registry,
  { policy, binding, compiled }: Bound,
  request: AdmissionRequest,
  namespace: KubeObject | undefined,
): readonly Violation[] {
  try {
    if (compiled instanceof Error) throw compiled;
    return compiled.violations({
      request,
      namespace,
      params: paramsOf(registry, policy, binding, request),
    });
  } catch (error) {
    if (policy.spec.failurePolicy === "Ignore") return [];
    const message = `expression could not be evaluated: ${(error as Error).message.split("\n", 1)[0]}`;
    return [{ message, reason: "Invalid" }];
  }
}

/** @throws Error when the binding names an object that is not there, and does not allow that */
function paramsOf(
  registry: Registry,
  { spec }: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
): KubeObject | undefined {
  const { paramRef } = binding.spec;
  if (spec.paramKind === undefined || paramRef?.name === undefined) return undefined;
  const { apiVersion = "", kind } = spec.paramKind;
  const resource = registry.resources.all.find(
    (it) =>
      it.kind === kind &&
      (it.group === "" ? it.version : `${it.group}/${it.version}`) === apiVersion,
  );
  const namespace =
    resource?.namespaced === true ? (paramRef.namespace ?? request.namespace) : undefined;
  const found = resource && registry.peek(resource, namespace, paramRef.name);
  if (found !== undefined || paramRef.parameterNotFoundAction === "Allow") return found;
  throw new Error(`no params found for policy binding with Deny parameterNotFoundAction`);
}

function act(
  { policy, binding }: Bound,
  request: AdmissionRequest,
  { message, reason }: Violation,
): void {
  const actions = binding.spec.validationActions ?? ["Deny"];
  const text = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  if (actions.includes("Warn")) request.warn(`Validation failed for ${text}: ${message}`);
  if (!actions.includes("Deny")) return;
  const { resource, name } = request;
  throw new StatusError(
    reason as StatusReason,
    `${qualified(resource)} "${name}" is forbidden: ${text} denied request: ${message}`,
    {
      name,
      ...(resource.group !== "" && { group: resource.group }),
      kind: resource.resource,
      causes: [{ reason: "ValidatingAdmissionPolicy", message }],
    },
  );
}
