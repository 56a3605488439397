// Which address and node ports a Service has: those it had, those it asks for, or ones that are free.
import type { StatusCause } from "../../api/status.ts";
import type { Service, ServicePort } from "../../api/types.generated.ts";

type ServiceSpec = Service["spec"];

/** What other Services have. */
export interface Taken {
  readonly addresses: ReadonlySet<string>;
  readonly nodePorts: ReadonlySet<number>;
}

export interface Allocation {
  readonly service: Service;
  /** What is wrong with what it asks for; then nothing of it counts. */
  readonly causes: readonly StatusCause[];
}

const addressPrefix = "127.96.";
export const addressRange = `${addressPrefix}0.0/16`;
const nodePortMin = 30_000;
const nodePortMax = 32_767;
/** The lower part of each range is for those who ask for a certain one (Kubernetes, "Avoiding collisions"). */
const addressesAskedFor = 256;
const nodePortsAskedFor = 86;
const lastAddress = 65_534;

export function takenBy(services: readonly Service[]): Taken {
  return {
    addresses: new Set(
      services.flatMap(({ spec }) => (hasAddress(spec) ? [spec.clusterIP as string] : [])),
    ),
    nodePorts: new Set(services.flatMap(({ spec }) => nodePortsOf(spec))),
  };
}

/** @param old as it is stored; undefined for a new one */
export function allocate(given: Service, old: Service | undefined, taken: Taken): Allocation {
  const kept = old === undefined ? given : { ...given, spec: keptSpec(given.spec, old.spec) };
  const { type } = kept.spec;
  if (type === "ExternalName") return { service: withoutAddress(kept), causes: [] };
  const [spec, addressCauses] = withAddress(kept, old?.spec, taken);
  const [ports, portCauses] = withNodePorts({ ...kept, spec }, taken);
  return {
    service: { ...kept, spec: { ...spec, ...(ports !== undefined && { ports }) } },
    causes: [...familyCauses(spec), ...addressCauses, ...portCauses],
  };
}

/** Whether an address is one of those that Services are given. */
export function isServiceAddress(address: string): boolean {
  const [, high, low] = /^127\.96\.(\d{1,3})\.(\d{1,3})$/.exec(address) ?? [];
  if (high === undefined || low === undefined || Number(high) > 255 || Number(low) > 255)
    return false;
  const offset = Number(high) * 256 + Number(low);
  return offset > 0 && offset <= lastAddress;
}

/** What a writer leaves out stays; what belongs to the type that it was goes with it. */
function keptSpec(given: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const isSame = given.type === old.type;
  const ports = (given.ports ?? []).map((port) => keptPort(port, given, old));
  const clusterIP = given.clusterIP || old.clusterIP;
  const clusterIPs = given.clusterIP ? given.clusterIPs : old.clusterIPs;
  const addressed = {
    ...given,
    ...(given.ports !== undefined && { ports }),
    ...(clusterIP && { clusterIP }),
    ...(clusterIPs && { clusterIPs }),
  };
  if (isSame || wantsNodePorts(given)) return addressed;
  const { externalTrafficPolicy: _, allocateLoadBalancerNodePorts: __, ...rest } = addressed;
  return rest;
}

function keptPort(port: ServicePort, given: ServiceSpec, old: ServiceSpec): ServicePort {
  const before = old.ports?.find(
    (each) => each.port === port.port && (each.protocol ?? "TCP") === (port.protocol ?? "TCP"),
  );
  if ((port.nodePort ?? 0) !== 0) {
    const isLeftOver = !wantsNodePorts(given) && before?.nodePort === port.nodePort;
    return isLeftOver ? withoutNodePort(port) : port;
  }
  const isKept = wantsNodePorts(given) && before?.nodePort !== undefined;
  return isKept ? { ...port, nodePort: before.nodePort } : withoutNodePort(port);
}

function withoutNodePort(port: ServicePort): ServicePort {
  const { nodePort: _, ...rest } = port;
  return rest;
}

/** What a Service without an address of its own has nothing of. */
const ofAddresses: ReadonlySet<string> = new Set([
  "clusterIP",
  "clusterIPs",
  "ipFamilies",
  "ipFamilyPolicy",
  "internalTrafficPolicy",
]);

function withoutAddress(service: Service): Service {
  const kept = Object.entries(service.spec).filter(([name]) => !ofAddresses.has(name));
  return { ...service, spec: Object.fromEntries(kept) };
}

function withAddress(
  service: Service,
  old: ServiceSpec | undefined,
  { addresses }: Taken,
): readonly [ServiceSpec, readonly StatusCause[]] {
  const { spec } = service;
  const [first] = spec.clusterIPs ?? [];
  const address = spec.clusterIP || first || freeAddress(keyOf(service), addresses);
  if (address === undefined) return [spec, [invalidAddress([], rangeIsFull)]];
  if (first !== undefined && first !== address)
    return [spec, [invalidAddress([first], "first value must match `clusterIP`", "[0]")]];
  const next = { ...spec, clusterIP: address, clusterIPs: [address] };
  const had = old?.clusterIP ?? "";
  if (had === address) return [next, []];
  if (had !== "") return [next, [invalidAddress([address], "may not change once set", "[0]")]];
  const why = address === "None" ? undefined : problemOf(address, addresses);
  return [next, why === undefined ? [] : [invalidAddress([address], why)]];
}

const rangeIsFull = `failed to allocate a serviceIP: range is full: ${addressRange}`;

function problemOf(address: string, taken: ReadonlySet<string>): string | undefined {
  const failed = `failed to allocate IP ${address}:`;
  if (!isServiceAddress(address))
    return `${failed} the provided IP (${address}) is not in the valid range. The range of valid IPs is ${addressRange}`;
  return taken.has(address) ? `${failed} provided IP is already allocated` : undefined;
}

function invalidAddress(addresses: readonly string[], why: string, at = ""): StatusCause {
  const list = addresses.map((each) => JSON.stringify(each)).join(", ");
  const message = `Invalid value: []string{${list}}: ${why}`;
  return { reason: "FieldValueInvalid", message, field: `spec.clusterIPs${at}` };
}

function familyCauses({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): readonly StatusCause[] {
  const reason = "FieldValueInvalid";
  if (ipFamilyPolicy === "RequireDualStack") {
    const message = `Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`;
    return [{ reason, message, field: "spec.ipFamilyPolicy" }];
  }
  const at = ipFamilies.findIndex((family) => family !== "IPv4");
  if (at === -1) return [];
  const message = `Invalid value: ${JSON.stringify(ipFamilies[at])}: not configured on this cluster`;
  return [{ reason, message, field: `spec.ipFamilies[${at}]` }];
}

function withNodePorts(
  service: Service,
  { nodePorts }: Taken,
): readonly [readonly ServicePort[] | undefined, readonly StatusCause[]] {
  const { spec } = service;
  const isAutomatic = wantsNodePorts(spec) && spec.allocateLoadBalancerNodePorts !== false;
  const own = new Set<number>(nodePortsOf(spec));
  const causes: StatusCause[] = [];
  const ports = spec.ports?.map((port, i) => {
    const { nodePort = 0 } = port;
    if (nodePort !== 0) {
      const why = nodePortProblem(spec, nodePort, nodePorts);
      if (why !== undefined) causes.push(nodePortCause(i, nodePort, why));
      return port;
    }
    if (!isAutomatic) return port;
    const key = `${keyOf(service)}/${port.port}/${port.protocol ?? "TCP"}`;
    const free = freeNodePort(key, (each) => nodePorts.has(each) || own.has(each));
    if (free === undefined) {
      causes.push(nodePortCause(i, 0, "failed to allocate a nodePort: range is full"));
      return port;
    }
    own.add(free);
    return { ...port, nodePort: free };
  });
  return [ports, causes];
}

function nodePortProblem(
  spec: ServiceSpec,
  nodePort: number,
  taken: ReadonlySet<number>,
): string | undefined {
  if (!wantsNodePorts(spec)) return "may not be used when `type` is 'ClusterIP'";
  if (nodePort < nodePortMin || nodePort > nodePortMax)
    return `provided port is not in the valid range. The range of valid ports is ${nodePortMin}-${nodePortMax}`;
  return taken.has(nodePort) ? "provided port is already allocated" : undefined;
}

function nodePortCause(i: number, nodePort: number, why: string): StatusCause {
  const field = `spec.ports[${i}].nodePort`;
  return { reason: "FieldValueInvalid", message: `Invalid value: ${nodePort}: ${why}`, field };
}

function wantsNodePorts({ type }: ServiceSpec): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

function hasAddress({ clusterIP = "", type }: ServiceSpec): boolean {
  return type !== "ExternalName" && clusterIP !== "" && clusterIP !== "None";
}

function nodePortsOf({ ports = [] }: ServiceSpec): readonly number[] {
  return ports.flatMap(({ nodePort = 0 }) => (nodePort === 0 ? [] : [nodePort]));
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

function freeAddress(key: string, taken: ReadonlySet<string>): string | undefined {
  const range = { first: addressesAskedFor, last: lastAddress, asked: 1 };
  const at = free(key, range, (offset) => taken.has(addressAt(offset)));
  return at === undefined ? undefined : addressAt(at);
}

function addressAt(offset: number): string {
  return `${addressPrefix}${Math.floor(offset / 256)}.${offset % 256}`;
}

function freeNodePort(key: string, isTaken: (port: number) => boolean): number | undefined {
  const first = nodePortMin + nodePortsAskedFor;
  return free(key, { first, last: nodePortMax, asked: nodePortMin }, isTaken);
}

/** Begins where the key's hash points to; the part for those who ask comes last. */
function free(
  key: string,
  { first, last, asked }: { first: number; last: number; asked: number },
  isTaken: (value: number) => boolean,
): number | undefined {
  const count = last - first + 1;
  const start = hashOf(key) % count;
  for (let step = 0; step < count; step += 1) {
    const value = first + ((start + step) % count);
    if (!isTaken(value)) return value;
  }
  for (let value = asked; value < first; value += 1) if (!isTaken(value)) return value;
  return undefined;
}

/** FNV-1a, 32 bit. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text))
    hash = Math.imul(hash ^ octet, 0x01000193) >>> 0;
  return hash;
}
