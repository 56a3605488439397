// Where clients find a Service, and what stands behind each of its ports at the moment.
import type { Endpoint, EndpointSlice, Service, ServicePort } from "../../api/types.generated.ts";
import { isServiceAddress } from "./allocation.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Frontend {
  readonly listen: Address;
  readonly endpoints: readonly Address[];
  /** How long a client stays with its endpoint after its last connection; undefined: no longer than that. */
  readonly affinityMs: number | undefined;
}

/** Label of a slice that says whose it is. */
export const serviceNameLabel = "kubernetes.io/service-name";
/** Label of a Service that somebody else carries (Kubernetes, `service.kubernetes.io/service-proxy-name`). */
export const serviceProxyLabel = "service.kubernetes.io/service-proxy-name";
const nodePortHost = "127.0.0.1";

/** @param slices those of the Service */
export function frontendsOf(
  { metadata, spec }: Service,
  slices: readonly EndpointSlice[],
): readonly Frontend[] {
  if (metadata.labels?.[serviceProxyLabel] !== undefined) return [];
  const { clusterIP = "", sessionAffinity, sessionAffinityConfig } = spec;
  if (spec.type === "ExternalName") return [];
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const affinityMs = sessionAffinity === "ClientIP" ? seconds * 1000 : undefined;
  return carried(spec).flatMap((port) => {
    const { name = "", nodePort = 0 } = port;
    const endpoints = endpointsOf(name, slices);
    const hosts: readonly Address[] = [
      ...(isServiceAddress(clusterIP) ? [{ host: clusterIP, port: port.port }] : []),
      ...(nodePort === 0 ? [] : [{ host: nodePortHost, port: nodePort }]),
    ];
    return hosts.map((listen) => ({ listen, endpoints, affinityMs }));
  });
}

/** Ports of protocols that are not carried. */
export function uncarried({ metadata, spec }: Service): readonly ServicePort[] {
  if (metadata.labels?.[serviceProxyLabel] !== undefined) return [];
  if (spec.type === "ExternalName" || spec.clusterIP === "None") return [];
  return (spec.ports ?? []).filter(({ protocol = "TCP" }) => protocol !== "TCP");
}

function carried({ ports = [] }: Service["spec"]): readonly ServicePort[] {
  return ports.filter(({ protocol = "TCP" }) => protocol === "TCP");
}

/** Those that are ready; where none is, those that still serve while they end (KEP-1669). */
function endpointsOf(portName: string, slices: readonly EndpointSlice[]): readonly Address[] {
  const all = slices.flatMap(({ ports = [], endpoints }) => {
    const port = ports.find(({ name = "" }) => name === portName)?.port;
    if (port === undefined) return [];
    return endpoints.flatMap(({ addresses: [host], conditions }) =>
      host === undefined ? [] : [{ address: { host, port }, conditions }],
    );
  });
  const ready = all.filter(({ conditions }) => conditions?.ready !== false);
  const some = ready.length > 0 ? ready : all.filter(({ conditions }) => isEnding(conditions));
  return some.map(({ address }) => address);
}

function isEnding(conditions: Endpoint["conditions"]): boolean {
  return conditions?.serving === true && conditions.terminating === true;
}
