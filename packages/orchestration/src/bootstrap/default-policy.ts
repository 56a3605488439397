// Roles and bindings that are there from the first start (Kubernetes, "Default roles and role bindings").
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from "../api/types.generated.ts";
import { tunnelGroup } from "../tunnel/core/requests.ts";

const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const api = "rbac.authorization.k8s.io";
const read = ["get", "list", "watch"];
const write = ["create", "delete", "deletecollection", "patch", "update"];

function role(
  name: string,
  rules: readonly PolicyRule[],
  more: Readonly<Record<string, string>> = {},
): ClusterRole {
  return {
    apiVersion: `${api}/v1`,
    kind: "ClusterRole",
    metadata: { name, labels: { ...labels, ...more } },
    rules,
  };
}

function binding(name: string, ...groups: readonly string[]): ClusterRoleBinding {
  return {
    apiVersion: `${api}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name, labels },
    roleRef: { apiGroup: api, kind: "ClusterRole", name },
    subjects: groups.map((group) => ({ apiGroup: api, kind: "Group", name: group })),
  };
}

/** What people who use a namespace see; secrets are not among it, for they would be somebody else's rights. */
const viewed: readonly PolicyRule[] = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "events",
      "limitranges",
      "namespaces",
      "persistentvolumeclaims",
      "persistentvolumeclaims/status",
      "pods",
      "pods/log",
      "pods/status",
      "resourcequotas",
      "resourcequotas/status",
      "serviceaccounts",
      "services",
      "services/status",
    ],
    verbs: read,
  },
  {
    apiGroups: ["apps", "batch", "autoscaling", "policy", "discovery.k8s.io"],
    resources: ["*"],
    verbs: read,
  },
  {
    apiGroups: ["keda.sh", "rabbitmq.com", "monitoring.coreos.com"],
    resources: ["*"],
    verbs: read,
  },
];

const edited: readonly PolicyRule[] = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "events",
      "persistentvolumeclaims",
      "pods",
      "pods/eviction",
      "secrets",
      "serviceaccounts",
      "services",
    ],
    verbs: write,
  },
  { apiGroups: [""], resources: ["secrets"], verbs: read },
  {
    apiGroups: [""],
    resources: ["pods/attach", "pods/exec", "pods/portforward"],
    verbs: ["get", "create"],
  },
  { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
  { apiGroups: ["apps", "batch", "autoscaling", "policy"], resources: ["*"], verbs: write },
  {
    apiGroups: ["keda.sh", "rabbitmq.com", "monitoring.coreos.com"],
    resources: ["*"],
    verbs: write,
  },
];

const administered: readonly PolicyRule[] = [
  { apiGroups: [api], resources: ["roles", "rolebindings"], verbs: [...read, ...write] },
  {
    apiGroups: ["authorization.k8s.io"],
    resources: ["localsubjectaccessreviews"],
    verbs: ["create"],
  },
];

const requestsForCertificates: PolicyRule = {
  apiGroups: ["certificates.k8s.io"],
  resources: ["certificatesigningrequests"],
  verbs: ["create", ...read],
};

export const defaultClusterRoles: readonly ClusterRole[] = [
  role("cluster-admin", [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ]),
  role("admin", [...viewed, ...edited, ...administered]),
  role("edit", [...viewed, ...edited], { "rbac.authorization.k8s.io/aggregate-to-admin": "true" }),
  role("view", viewed, { "rbac.authorization.k8s.io/aggregate-to-edit": "true" }),
  role("system:basic-user", [
    {
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      verbs: ["create"],
    },
    { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
  ]),
  role("system:discovery", [
    {
      nonResourceURLs: [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
      ],
      verbs: ["get"],
    },
  ]),
  role("system:public-info-viewer", [
    { nonResourceURLs: ["/healthz", "/livez", "/readyz", "/version", "/version/"], verbs: ["get"] },
  ]),
  role("system:service-account-issuer-discovery", [
    { nonResourceURLs: ["/.well-known/openid-configuration", "/openid/v1/jwks"], verbs: ["get"] },
  ]),
  role("system:node-bootstrapper", [
    requestsForCertificates,
    // Which names are free.
    { apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
  ]),
  role("system:node", [
    { apiGroups: [""], resources: ["nodes", "nodes/status"], verbs: [...read, ...write] },
    {
      apiGroups: [""],
      resources: [
        "pods",
        "services",
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "persistentvolumes",
      ],
      verbs: read,
    },
    { apiGroups: [""], resources: ["pods"], verbs: ["create", "delete"] },
    { apiGroups: [""], resources: ["pods/status"], verbs: ["patch", "update"] },
    { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
    {
      apiGroups: ["", "events.k8s.io"],
      resources: ["events"],
      verbs: ["create", "patch", "update"],
    },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: [...read, ...write] },
    requestsForCertificates, // its own, before the one that it has ends
    // The WebSocket of a tunnel begins as a GET.
    { apiGroups: [tunnelGroup], resources: ["nodes/tunnel"], verbs: ["get", "create"] },
  ]),
];

export const defaultClusterRoleBindings: readonly ClusterRoleBinding[] = [
  binding("cluster-admin", "system:masters"),
  binding("system:basic-user", "system:authenticated"),
  binding("system:discovery", "system:authenticated"),
  binding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
  binding("system:service-account-issuer-discovery", "system:serviceaccounts"),
  binding("system:node", "system:nodes"),
  binding("system:node-bootstrapper", "system:bootstrappers"),
];
