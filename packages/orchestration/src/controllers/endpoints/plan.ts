// Which addresses stand behind a Service: its pods, by readiness, in slices of a bounded size (discovery/v1 EndpointSlice).
import type {
  Endpoint,
  EndpointPort,
  Pod,
  Service,
  ServicePort,
} from "../../api/types.generated.ts";
import { isPodFinished, isPodReady, isPodTerminating } from "../pods/pod-state.ts";

export const endpointsPerSliceMax = 100;

/** Endpoints that share their ports: a named port may stand for another number in each pod. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** @param pods those that the service selects, in any order */
export function endpointGroups(service: Service, pods: readonly Pod[]): readonly EndpointGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  const inOrder = pods.toSorted((a, b) => compare(a.metadata.name ?? "", b.metadata.name ?? ""));
  for (const pod of inOrder) {
    if ((pod.status?.podIP ?? "") === "" || isPodFinished(pod)) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod));
  }
  return [...groups.values()];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function endpointOf({ spec }: Service, pod: Pod): Endpoint {
  const isTerminating = isPodTerminating(pod);
  const serving = isPodReady(pod);
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const { hostname, nodeName } = pod.spec;
  const hasHostname = hostname !== undefined && pod.spec.subdomain !== undefined;
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: {
      // Clients of such a service want to know of pods before they are ready, and after.
      ready: spec.publishNotReadyAddresses === true || (serving && !isTerminating),
      serving,
      terminating: isTerminating,
    },
    ...(hasHostname && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** A service without ports stands for its pods alone. */
function portsOf({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return (spec.ports ?? []).flatMap((port) => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    const { name = "", protocol = "TCP", appProtocol } = port;
    return [{ name, port: number, protocol, ...(appProtocol !== undefined && { appProtocol }) }];
  });
}

/** @returns undefined where the pod has no port of that name */
export function targetPortOf(
  { targetPort, port, protocol = "TCP" }: ServicePort,
  pod: Pod,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === "") return port;
  if (typeof targetPort === "number") return targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter((it) => it.restartPolicy === "Always");
  return [...pod.spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find((it) => it.name === targetPort && (it.protocol ?? "TCP") === protocol)?.containerPort;
}

/** A slice as it stands, with what it holds. */
export interface SliceContent extends EndpointGroup {
  /** Undefined for one that is yet to be made. */
  readonly name: string | undefined;
}

/**
 * What the slices of a service should hold, so that as few of them as possible change.
 * @param existing slices as they stand, in order of name
 * @returns every slice that should be there, those that exist by their names; what is not among them goes
 */
export function planSlices(
  groups: readonly EndpointGroup[],
  existing: readonly SliceContent[],
): readonly SliceContent[] {
  const wanted = groups.length > 0 ? groups : [{ ports: [], endpoints: [] }];
  const free = [...existing];
  return wanted.flatMap(({ ports, endpoints }) => {
    const key = JSON.stringify(ports);
    const own = free.filter((slice) => JSON.stringify(slice.ports) === key);
    for (const slice of own) free.splice(free.indexOf(slice), 1);
    return fill(ports, endpoints, own);
  });
}

/** An endpoint stays in the slice in which it is; new ones go where there is room. */
function fill(
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
  slices: readonly SliceContent[],
): readonly SliceContent[] {
  const rest = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const kept = slices.map(({ name, endpoints: before }) => {
    const still = before.flatMap((old) => {
      const id = identityOf(old);
      const now = rest.get(id);
      rest.delete(id);
      return now === undefined ? [] : [now];
    });
    return { name, ports, endpoints: still };
  });
  const fresh = [...rest.values()];
  for (const slice of kept)
    slice.endpoints.push(...fresh.splice(0, endpointsPerSliceMax - slice.endpoints.length));
  const more: SliceContent[] = [];
  while (fresh.length > 0 || kept.length + more.length === 0)
    more.push({ name: undefined, ports, endpoints: fresh.splice(0, endpointsPerSliceMax) });
  const used = kept.filter(
    (slice, i) => slice.endpoints.length > 0 || (i === 0 && endpoints.length === 0),
  );
  return [...used, ...more];
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses.join();
}
