// The kinds that our own code works with, by the name of their resource.
import type { KubeObject } from "./object.ts";
import type * as types from "./types.generated.ts";

/** Where a kind is served, and the type of its objects. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  /** Plural, as in URLs: `deployments`. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never there: it only carries the type. */
  readonly object?: T;
}

function kind<T extends KubeObject>(
  groupVersion: string,
  resource: string,
  name: string,
  namespaced = true,
): Kind<T> {
  const [first = "", second] = groupVersion.split("/");
  const [group, version] = second === undefined ? ["", first] : [first, second];
  return { group, version, resource, kind: name, namespaced };
}

export const kinds = {
  configMaps: kind<types.ConfigMap>("v1", "configmaps", "ConfigMap"),
  endpoints: kind<types.Endpoints>("v1", "endpoints", "Endpoints"),
  events: kind<types.Event>("v1", "events", "Event"),
  limitRanges: kind<types.LimitRange>("v1", "limitranges", "LimitRange"),
  namespaces: kind<types.Namespace>("v1", "namespaces", "Namespace", false),
  nodes: kind<types.Node>("v1", "nodes", "Node", false),
  persistentVolumeClaims: kind<types.PersistentVolumeClaim>(
    "v1",
    "persistentvolumeclaims",
    "PersistentVolumeClaim",
  ),
  persistentVolumes: kind<types.PersistentVolume>(
    "v1",
    "persistentvolumes",
    "PersistentVolume",
    false,
  ),
  pods: kind<types.Pod>("v1", "pods", "Pod"),
  resourceQuotas: kind<types.ResourceQuota>("v1", "resourcequotas", "ResourceQuota"),
  secrets: kind<types.Secret>("v1", "secrets", "Secret"),
  serviceAccounts: kind<types.ServiceAccount>("v1", "serviceaccounts", "ServiceAccount"),
  services: kind<types.Service>("v1", "services", "Service"),
  controllerRevisions: kind<types.ControllerRevision>(
    "apps/v1",
    "controllerrevisions",
    "ControllerRevision",
  ),
  daemonSets: kind<types.DaemonSet>("apps/v1", "daemonsets", "DaemonSet"),
  deployments: kind<types.Deployment>("apps/v1", "deployments", "Deployment"),
  replicaSets: kind<types.ReplicaSet>("apps/v1", "replicasets", "ReplicaSet"),
  statefulSets: kind<types.StatefulSet>("apps/v1", "statefulsets", "StatefulSet"),
  cronJobs: kind<types.CronJob>("batch/v1", "cronjobs", "CronJob"),
  jobs: kind<types.Job>("batch/v1", "jobs", "Job"),
  horizontalPodAutoscalers: kind<types.HorizontalPodAutoscaler>(
    "autoscaling/v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
  ),
  podDisruptionBudgets: kind<types.PodDisruptionBudget>(
    "policy/v1",
    "poddisruptionbudgets",
    "PodDisruptionBudget",
  ),
  endpointSlices: kind<types.EndpointSlice>(
    "discovery.k8s.io/v1",
    "endpointslices",
    "EndpointSlice",
  ),
  leases: kind<types.Lease>("coordination.k8s.io/v1", "leases", "Lease"),
  priorityClasses: kind<types.PriorityClass>(
    "scheduling.k8s.io/v1",
    "priorityclasses",
    "PriorityClass",
    false,
  ),
  clusterRoles: kind<types.ClusterRole>(
    "rbac.authorization.k8s.io/v1",
    "clusterroles",
    "ClusterRole",
    false,
  ),
  clusterRoleBindings: kind<types.ClusterRoleBinding>(
    "rbac.authorization.k8s.io/v1",
    "clusterrolebindings",
    "ClusterRoleBinding",
    false,
  ),
  mutatingWebhookConfigurations: kind<types.MutatingWebhookConfiguration>(
    "admissionregistration.k8s.io/v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    false,
  ),
  validatingWebhookConfigurations: kind<types.ValidatingWebhookConfiguration>(
    "admissionregistration.k8s.io/v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    false,
  ),
  validatingAdmissionPolicies: kind<types.ValidatingAdmissionPolicy>(
    "admissionregistration.k8s.io/v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    false,
  ),
  validatingAdmissionPolicyBindings: kind<types.ValidatingAdmissionPolicyBinding>(
    "admissionregistration.k8s.io/v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    false,
  ),
  roles: kind<types.Role>("rbac.authorization.k8s.io/v1", "roles", "Role"),
  certificateSigningRequests: kind<types.CertificateSigningRequest>(
    "certificates.k8s.io/v1",
    "certificatesigningrequests",
    "CertificateSigningRequest",
    false,
  ),
  customResourceDefinitions: kind<types.CustomResourceDefinition>(
    "apiextensions.k8s.io/v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    false,
  ),
  roleBindings: kind<types.RoleBinding>(
    "rbac.authorization.k8s.io/v1",
    "rolebindings",
    "RoleBinding",
  ),
} as const;
