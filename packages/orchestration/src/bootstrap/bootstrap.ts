// What every cluster has from its first start: namespaces, default policy, priority classes, and the service of the API itself.
import { type Kind, kinds } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import { type Client, createIfMissing, isReason } from "../client/client.ts";
import { shipDefinitions } from "../crd/shipped.ts";
import { bringDefaultRoles } from "./default-roles.ts";

const namespaces = ["default", "kube-system", "kube-public", "kube-node-lease", "warrener-system"];

const priorityClasses = [
  { name: "system-cluster-critical", value: 2_000_000_000 },
  { name: "system-node-critical", value: 2_000_001_000 },
];

/** Where the API server itself is reached. */
export interface OwnAddress {
  readonly host: string;
  readonly port: number;
}

/** Makes what is missing; what is there stays as somebody has changed it, but for what a default role lacks. */
export async function bootstrap(client: Client): Promise<void> {
  await Promise.all(
    namespaces.map((name) =>
      createIfMissing(client, kinds.namespaces, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
        spec: {},
      }),
    ),
  );
  await Promise.all([
    bringDefaultRoles(client),
    ...priorityClasses.map(({ name, value }) =>
      createIfMissing(client, kinds.priorityClasses, {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name },
        value,
      }),
    ),
    shipDefinitions(client),
  ]);
}

/** The service `kubernetes`, as programs in pods and `kubectl cluster-info` look for it. */
export async function publishOwnService(client: Client, { host, port }: OwnAddress): Promise<void> {
  const metadata = {
    name: "kubernetes",
    namespace: "default",
    labels: { component: "apiserver", provider: "kubernetes" },
  };
  const ports = [{ name: "https", port, protocol: "TCP" }];
  await replace(client, kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      type: "ClusterIP",
      clusterIP: host,
      clusterIPs: [host],
      ports: ports.map((each) => ({ ...each, targetPort: port })),
    },
  });
  await replace(client, kinds.endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports,
  });
  await replace(client, kinds.endpoints, {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata,
    subsets: [{ addresses: [{ ip: host }], ports }],
  });
}

async function replace<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    await client.update(kind, object);
  }
}
