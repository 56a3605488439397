// Rows of services, what stands behind them, and what leads to them.
import type { KubeObject } from "../../api/object.ts";
import type {
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  LabelSelector,
  LoadBalancerStatus,
  Service,
} from "../../api/types.generated.ts";
import {
  ageOf,
  type CellsOf,
  labelsCell,
  listed,
  nameOf,
  none,
  selectorCell,
  shortened,
} from "./cells.ts";

/** networking.k8s.io/v1 Ingress, as far as its row tells it. */
type Ingress = KubeObject & {
  readonly spec?: {
    readonly ingressClassName?: string;
    readonly rules?: readonly { readonly host?: string }[];
    readonly tls?: readonly unknown[];
  };
  readonly status?: { readonly loadBalancer?: LoadBalancerStatus };
};
type IngressClass = KubeObject & {
  readonly spec?: {
    readonly controller?: string;
    readonly parameters?: {
      readonly apiGroup?: string;
      readonly kind: string;
      readonly name: string;
    };
  };
};
type NetworkPolicy = KubeObject & { readonly spec?: { readonly podSelector?: LabelSelector } };

/** How many of a list a cell shows. */
const shown = 3;

export const networkRows: Readonly<Record<string, CellsOf>> = {
  "/services": (service: Service, nowMs) => {
    const { type = "ClusterIP", clusterIPs, clusterIP, selector } = service.spec;
    return [
      nameOf(service),
      type,
      clusterIPs?.[0] || clusterIP || none,
      externalIpCell(service),
      servicePortsCell(service),
      ageOf(service, nowMs),
      labelsCell(selector),
    ];
  },
  "/endpoints": (endpoints: Endpoints, nowMs) => {
    const addresses = (endpoints.subsets ?? []).flatMap(addressesOf);
    return [nameOf(endpoints), shortened(addresses, shown) || none, ageOf(endpoints, nowMs)];
  },
  "discovery.k8s.io/endpointslices": (slice: EndpointSlice, nowMs) => {
    const ports = (slice.ports ?? []).map(({ port }) => String(port ?? "*"));
    const addresses = slice.endpoints.flatMap(({ addresses }) => addresses);
    return [
      nameOf(slice),
      slice.addressType,
      shortened(ports, shown) || "<unset>",
      shortened(addresses, shown) || "<unset>",
      ageOf(slice, nowMs),
    ];
  },
  "networking.k8s.io/ingresses": (ingress: Ingress, nowMs) => [
    nameOf(ingress),
    ingress.spec?.ingressClassName ??
      ingress.metadata.annotations?.["kubernetes.io/ingress.class"] ??
      none,
    hostsCell(ingress),
    loadBalancerAddresses(ingress.status?.loadBalancer),
    (ingress.spec?.tls ?? []).length > 0 ? "80, 443" : "80",
    ageOf(ingress, nowMs),
  ],
  "networking.k8s.io/ingressclasses": (ingressClass: IngressClass, nowMs) => [
    nameOf(ingressClass),
    ingressClass.spec?.controller ?? "",
    parametersCell(ingressClass),
    ageOf(ingressClass, nowMs),
  ],
  "networking.k8s.io/networkpolicies": (policy: NetworkPolicy, nowMs) => [
    nameOf(policy),
    selectorCell(policy.spec?.podSelector),
    ageOf(policy, nowMs),
  ],
};

function externalIpCell({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case "ExternalName":
      return spec.externalName ?? "";
    case "LoadBalancer": {
      const balanced = loadBalancerAddresses(status?.loadBalancer);
      const all = [...(balanced === "" ? [] : [balanced]), ...external];
      return all.length === 0 ? "<pending>" : all.join(",");
    }
    default:
      return listed(external);
  }
}

function loadBalancerAddresses(status: LoadBalancerStatus | undefined): string {
  const addresses = (status?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
  return [...new Set(addresses.filter(Boolean))].toSorted().join(",");
}

/** `80:30080/TCP,443/TCP`. */
function servicePortsCell({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol = "TCP" }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return listed(ports);
}

/** Each address with each port; a headless service may have none. */
function addressesOf({ addresses = [], ports = [] }: EndpointSubset): readonly string[] {
  if (ports.length === 0) return addresses.map(({ ip }) => ip);
  return ports.flatMap(({ port }) =>
    addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
  );
}

function hostsCell({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const hosts = rules.flatMap(({ host }) => host || []);
  return hosts.length === 0 ? "*" : shortened(hosts, shown);
}

function parametersCell({ spec }: IngressClass): string {
  const { parameters } = spec ?? {};
  if (parameters === undefined) return none;
  const { apiGroup, kind, name } = parameters;
  return `${apiGroup === undefined ? kind : `${kind}.${apiGroup}`}/${name}`;
}
