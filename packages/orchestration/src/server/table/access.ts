// Rows of the kinds that decide who may do what, and what is admitted.
import type { KubeObject } from "../../api/object.ts";
import type {
  CertificateSigningRequest,
  ClusterRoleBinding,
  MutatingWebhookConfiguration,
  RoleBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../../api/types.generated.ts";
import { ageOf, type CellsOf, nameOf, reference, selectorCell } from "./cells.ts";

const rbac = "rbac.authorization.k8s.io";
const admission = "admissionregistration.k8s.io";
const certificates = "certificates.k8s.io";

export const accessRows: Readonly<Record<string, CellsOf>> = {
  [`${rbac}/roles`]: roleCells,
  [`${rbac}/clusterroles`]: roleCells,
  [`${rbac}/rolebindings`]: bindingCells,
  [`${rbac}/clusterrolebindings`]: bindingCells,
  [`${admission}/mutatingwebhookconfigurations`]: webhookCells,
  [`${admission}/validatingwebhookconfigurations`]: webhookCells,
  [`${admission}/validatingadmissionpolicies`]: (policy: ValidatingAdmissionPolicy, nowMs) => {
    const { validations = [], paramKind } = policy.spec;
    return [
      nameOf(policy),
      validations.length,
      paramKind === undefined ? "<unset>" : `${paramKind.apiVersion}/${paramKind.kind}`,
      ageOf(policy, nowMs),
    ];
  },
  [`${admission}/validatingadmissionpolicybindings`]: (
    binding: ValidatingAdmissionPolicyBinding,
    nowMs,
  ) => [nameOf(binding), binding.spec.policyName ?? "", paramCell(binding), ageOf(binding, nowMs)],
  [`${certificates}/certificatesigningrequests`]: (request: CertificateSigningRequest, nowMs) => {
    const { status } = request;
    const spec: Partial<typeof request.spec> = request.spec;
    const conditions = (status?.conditions ?? []).map(({ type }) => type);
    return [
      nameOf(request),
      ageOf(request, nowMs),
      spec.signerName ?? "",
      spec.username ?? "",
      [
        ...(conditions.length === 0 ? ["Pending"] : conditions),
        ...(status?.certificate === undefined ? [] : ["Issued"]),
      ].join(","),
    ];
  },
};

/** Roles show when they were made rather than for how long they have been there. */
function roleCells(role: KubeObject): ReturnType<CellsOf> {
  return [nameOf(role), role.metadata.creationTimestamp ?? null];
}

function bindingCells(
  binding: RoleBinding | ClusterRoleBinding,
  nowMs: number,
): ReturnType<CellsOf> {
  const { roleRef, subjects = [] } = binding;
  const named = (kind: string): string =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
      .join(", ");
  return [
    nameOf(binding),
    reference(roleRef),
    ageOf(binding, nowMs),
    named("User"),
    named("Group"),
    named("ServiceAccount"),
  ];
}

function webhookCells(
  configuration: MutatingWebhookConfiguration | ValidatingWebhookConfiguration,
  nowMs: number,
): ReturnType<CellsOf> {
  const { webhooks = [] } = configuration;
  return [nameOf(configuration), webhooks.length, ageOf(configuration, nowMs)];
}

function paramCell({ spec: { paramRef } }: ValidatingAdmissionPolicyBinding): string {
  if (paramRef?.name) return `${paramRef.namespace || "*"}/${paramRef.name}`;
  return paramRef?.selector === undefined ? "<unset>" : selectorCell(paramRef.selector);
}
