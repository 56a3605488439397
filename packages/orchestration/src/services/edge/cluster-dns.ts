// The cluster's DNS: names of Services, at the address where Kubernetes' own has it.
import { kinds } from "../../api/kinds.ts";
import type { EndpointSlice, Service } from "../../api/types.generated.ts";
import { createIfMissing } from "../../client/client.ts";
import type { ControllerContext } from "../../controllers/runtime/controller.ts";
import { type DnsView, isHeadless } from "../core/dns-view.ts";
import { serviceNameLabel, serviceProxyLabel } from "../core/frontends.ts";
import { DnsForwarder, machineResolvers } from "./dns-forwarder.ts";
import { DnsServer } from "./dns-server.ts";

export const clusterDomain = "cluster.local";
const ownAddress = "127.96.0.10";
const port = 53;

export interface ClusterDnsServer {
  readonly address: string;
  readonly domain: string;
  stop(): void;
}

/**
 * Call it before the context's informers are started.
 * @returns undefined where nobody may listen there: names are not resolved then, which is logged
 */
export async function startClusterDns(
  context: ControllerContext,
): Promise<ClusterDnsServer | undefined> {
  const { client, log } = context;
  const forwarder = new DnsForwarder(() => machineResolvers(ownAddress));
  const view = viewOf(context);
  let server: DnsServer | undefined;
  try {
    server = await DnsServer.listen({ host: ownAddress, port, view, forwarder });
    const opened = server;
    await createIfMissing(client, kinds.services, ownService);
    return { address: ownAddress, domain: clusterDomain, stop: () => opened.close() };
  } catch (error) {
    server?.close();
    const why = error instanceof Error ? error.message : String(error);
    log.info("no DNS for services", { address: `${ownAddress}:${port}`, error: why });
    return undefined;
  }
}

const ownService: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "kube-dns",
    namespace: "kube-system",
    labels: {
      "k8s-app": "kube-dns",
      "kubernetes.io/cluster-service": "true",
      // It is served here, and by no proxy.
      [serviceProxyLabel]: "warrener-dns",
    },
  },
  spec: {
    clusterIP: ownAddress,
    clusterIPs: [ownAddress],
    ports: [
      { name: "dns", port, protocol: "UDP", targetPort: port },
      { name: "dns-tcp", port, protocol: "TCP", targetPort: port },
    ],
  },
};

/** What informers know, by names and by addresses. */
export function viewOf({ informers }: Pick<ControllerContext, "informers">): DnsView {
  const services = informers.of(kinds.services);
  const slices = informers.of(kinds.endpointSlices);
  const namespaces = informers.of(kinds.namespaces);
  services.addIndex("address", ({ spec }) => (spec.clusterIP ? [spec.clusterIP] : []));
  slices.addIndex("serviceName", (slice) => [serviceKeyOf(slice)]);
  slices.addIndex("address", ({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses));
  return {
    domain: clusterDomain,
    hasNamespace: (name) => namespaces.get(undefined, name) !== undefined,
    service: (namespace, name) => services.get(namespace, name),
    slices: (namespace, name) => slices.byIndex("serviceName", `${namespace}/${name}`),
    serviceAt: (address) => services.byIndex("address", address)[0],
    servicesBehind: (address) =>
      slices.byIndex("address", address).flatMap(({ metadata: { namespace, labels = {} } }) => {
        const service = services.get(namespace, labels[serviceNameLabel] ?? "");
        return service !== undefined && isHeadless(service) ? [service] : [];
      }),
  };
}

function serviceKeyOf({ metadata: { namespace = "", labels = {} } }: EndpointSlice): string {
  return `${namespace}/${labels[serviceNameLabel] ?? ""}`;
}
