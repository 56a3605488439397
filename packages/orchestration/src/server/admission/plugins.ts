// What has a say before something is written, in the order in which it is asked.
import {
  defaultNodeLifecycleProfile,
  type NodeLifecycleProfile,
} from "../../controllers/node-lifecycle/profiles.ts";
import { serviceAllocationAdmission } from "../../services/index.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";
import { certificateRequestAdmission } from "./certificate-request.ts";
import { defaultTolerationsAdmission } from "./default-tolerations.ts";
import { limitRangerAdmission } from "./limit-ranger.ts";
import { nodePodCidrAdmission } from "./node-pod-cidr.ts";
import { nodeRestrictionAdmission } from "./node-restriction.ts";
import { validatingPolicyAdmission } from "./policy/validating-policy.ts";
import { priorityAdmission } from "./priority.ts";
import { resourceQuotaAdmission } from "./resource-quota.ts";
import { serviceAccountAdmission } from "./service-account.ts";

/** Those that fill in, then those that count what has been filled in. */
export function admissionPlugins(
  registry: () => Registry,
  { evictionSeconds }: NodeLifecycleProfile = defaultNodeLifecycleProfile,
): readonly AdmissionPlugin[] {
  return [
    certificateRequestAdmission,
    nodePodCidrAdmission(registry),
    nodeRestrictionAdmission,
    defaultTolerationsAdmission(evictionSeconds),
    serviceAccountAdmission(registry),
    priorityAdmission(registry),
    limitRangerAdmission(registry),
    serviceAllocationAdmission(registry),
    validatingPolicyAdmission(registry),
    resourceQuotaAdmission(registry),
  ];
}
