// What names are asked of: Services and what stands behind them.
import type { EndpointSlice, Service } from "../../api/types.generated.ts";

export interface DnsView {
  /** Such as `cluster.local`. */
  readonly domain: string;
  readonly hasNamespace: (namespace: string) => boolean;
  readonly service: (namespace: string, name: string) => Service | undefined;
  readonly slices: (namespace: string, name: string) => readonly EndpointSlice[];
  /** By cluster IP. */
  readonly serviceAt: (address: string) => Service | undefined;
  /** Of headless Services, by the address of an endpoint. */
  readonly servicesBehind: (address: string) => readonly Service[];
}

/** A pod or another place behind a headless Service. */
export interface NamedEndpoint {
  readonly address: string;
  /** First label of its name. */
  readonly label: string;
  readonly hasHostname: boolean;
}

export function isHeadless({ spec }: Service): boolean {
  return spec.type !== "ExternalName" && spec.clusterIP === "None";
}

/** Those that take connections; others have no name. */
export function namedEndpoints(slices: readonly EndpointSlice[]): readonly NamedEndpoint[] {
  return slices.flatMap(({ endpoints }) =>
    endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses, hostname }) =>
        addresses.map((address) => ({
          address,
          label: hostname ?? dashed(address),
          hasHostname: hostname !== undefined,
        })),
      ),
  );
}

/** Ports of a Service as SRV records name them; those of a headless one are its endpoints' own. */
export function namedPorts(
  service: Service,
  slices: readonly EndpointSlice[],
): readonly { readonly name: string; readonly protocol: string; readonly port: number }[] {
  const all = isHeadless(service)
    ? slices.flatMap(({ ports = [] }) => ports)
    : (service.spec.ports ?? []);
  const seen = new Set<string>();
  return all.flatMap(({ name = "", protocol = "TCP", port }) => {
    const key = `${name}/${protocol}/${port}`;
    if (name === "" || port === undefined || seen.has(key)) return [];
    seen.add(key);
    return [{ name, protocol: protocol.toLowerCase(), port }];
  });
}

function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, "-");
}
