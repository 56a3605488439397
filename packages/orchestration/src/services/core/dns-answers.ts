// What is answered to a question about a name of the cluster (Kubernetes "DNS-Based Service Discovery", version 1.1.0).
import type { Service } from "../../api/types.generated.ts";
import { type DnsView, isHeadless, namedEndpoints, namedPorts } from "./dns-view.ts";

export interface DnsQuestion {
  readonly name: string;
  /** As DNS names it: A, AAAA, SRV, PTR. */
  readonly type: string;
}

export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: "A" | "CNAME" | "PTR"; readonly data: string }
  | { readonly type: "TXT"; readonly data: string }
  | {
      readonly type: "SRV";
      readonly data: {
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      };
    }
);

export type DnsAnswer =
  | {
      readonly kind: "answer";
      readonly exists: boolean;
      readonly records: readonly DnsRecord[];
      /** Addresses of what the records name. */
      readonly additional: readonly DnsRecord[];
    }
  /** It is another name for one that others know. */
  | { readonly kind: "alias"; readonly record: DnsRecord; readonly target: string }
  /** Not a name of the cluster. */
  | { readonly kind: "elsewhere" };

/** Seconds: what stands behind a Service changes without notice. */
const ttl = 5;
const schemaVersion = "1.1.0";
/** Names of one question that lead from one to the next, within the cluster. */
const aliasesMax = 8;

const noSuchName: DnsAnswer = { kind: "answer", exists: false, records: [], additional: [] };
const nothingOfIt: DnsAnswer = { kind: "answer", exists: true, records: [], additional: [] };

export function dnsAnswer(question: DnsQuestion, view: DnsView): DnsAnswer {
  const name = question.name.toLowerCase().replace(/\.$/, "");
  const asked = { name: question.name, type: question.type };
  if (name.endsWith(".in-addr.arpa")) return pointer(asked, name, view);
  const { domain } = view;
  if (name === domain) return nothingOfIt;
  if (!name.endsWith(`.${domain}`)) return { kind: "elsewhere" };
  const labels = name.slice(0, -domain.length - 1).split(".");
  const [top, namespace, ...rest] = labels.toReversed();
  if (top === "dns-version" && namespace === undefined)
    return question.type === "TXT"
      ? found([{ name: question.name, ttl, type: "TXT", data: schemaVersion }])
      : nothingOfIt;
  if (top !== "svc" && top !== "pod") return noSuchName;
  if (namespace === undefined) return nothingOfIt;
  if (!view.hasNamespace(namespace)) return noSuchName;
  const [first, ...more] = rest;
  if (first === undefined) return nothingOfIt;
  if (top === "pod") return more.length > 0 ? noSuchName : podAnswer(asked, first);
  const service = view.service(namespace, first);
  return service === undefined
    ? noSuchName
    : serviceAnswer(asked, service, more.toReversed(), view);
}

/** @param below labels before the Service's name, as they are written */
function serviceAnswer(
  asked: DnsQuestion,
  service: Service,
  below: readonly string[],
  view: DnsView,
): DnsAnswer {
  const { spec } = service;
  const [first = "", second = "", ...more] = below;
  if (more.length > 0) return noSuchName;
  if (spec.type === "ExternalName") return below.length > 0 ? noSuchName : alias(asked, spec, view);
  if (second !== "" && first.startsWith("_") && second.startsWith("_"))
    return portAnswer(asked, service, { port: first.slice(1), protocol: second.slice(1) }, view);
  if (second !== "") return noSuchName;
  const addresses = addressesOf(service, view);
  const own = first === "" ? addresses : addresses.filter(({ label }) => label === first);
  const isProtocol =
    first.startsWith("_") && portsOf(service, view).some((each) => `_${each.protocol}` === first);
  if (first !== "" && own.length === 0) return isProtocol ? nothingOfIt : noSuchName;
  if (asked.type === "A" || asked.type === "ANY")
    return found(own.map(({ address }) => ({ name: asked.name, ttl, type: "A", data: address })));
  // Asked about the Service as a whole, every port is told (as CoreDNS does).
  return asked.type === "SRV" && first === ""
    ? located(asked, service, portsOf(service, view), view)
    : nothingOfIt;
}

function portAnswer(
  asked: DnsQuestion,
  service: Service,
  { port, protocol }: { readonly port: string; readonly protocol: string },
  view: DnsView,
): DnsAnswer {
  const ports = portsOf(service, view).filter(
    (each) => each.name === port && each.protocol === protocol,
  );
  if (ports.length === 0) return noSuchName;
  return asked.type === "SRV" ? located(asked, service, ports, view) : nothingOfIt;
}

function located(
  asked: DnsQuestion,
  service: Service,
  ports: ReturnType<typeof namedPorts>,
  view: DnsView,
): DnsAnswer {
  const targets = addressesOf(service, view);
  const of = (label: string): string =>
    `${label === "" ? "" : `${label}.`}${fullName(service, view)}`;
  const weight = Math.floor(100 / Math.max(1, targets.length * ports.length));
  const records = ports.flatMap(({ port }) =>
    targets.map(
      ({ label }): DnsRecord => ({
        name: asked.name,
        ttl,
        type: "SRV",
        data: { priority: 0, weight, port, target: of(label) },
      }),
    ),
  );
  const additional = targets.map(
    ({ label, address }): DnsRecord => ({ name: of(label), ttl, type: "A", data: address }),
  );
  return { kind: "answer", exists: true, records, additional };
}

function alias(
  asked: DnsQuestion,
  { externalName = "" }: Service["spec"],
  view: DnsView,
): DnsAnswer {
  const target = externalName.replace(/\.$/, "");
  const record: DnsRecord = { name: asked.name, ttl, type: "CNAME", data: target };
  if (asked.type === "CNAME") return found([record]);
  return followed(record, target, asked.type, view, aliasesMax);
}

/** A name of the cluster that stands for another one of it is answered at once. */
function followed(
  record: DnsRecord,
  target: string,
  type: string,
  view: DnsView,
  aliases: number,
): DnsAnswer {
  if (aliases === 0 || !target.toLowerCase().endsWith(`.${view.domain}`))
    return { kind: "alias", record, target };
  const [name = "", namespace = ""] = target.split(".");
  // An alias that leads to an alias is left to whoever asks.
  if (view.service(namespace, name)?.spec.type === "ExternalName") return found([record]);
  const answer = dnsAnswer({ name: target, type }, view);
  return answer.kind === "answer"
    ? { ...answer, exists: true, records: [record, ...answer.records] }
    : { kind: "alias", record, target };
}

/** `127-64-0-9.<namespace>.pod`: whoever has the address may be named by it. */
function podAnswer({ name, type }: DnsQuestion, label: string): DnsAnswer {
  const octets = label.split("-").map(Number);
  const isAddress =
    /^\d+(-\d+){3}$/.test(label) && octets.every((octet) => octet >= 0 && octet <= 255);
  if (!isAddress) return noSuchName;
  return type === "A" ? found([{ name, ttl, type, data: octets.join(".") }]) : nothingOfIt;
}

function pointer({ name, type }: DnsQuestion, lowered: string, view: DnsView): DnsAnswer {
  const octets = lowered.slice(0, -".in-addr.arpa".length).split(".");
  const address = octets.toReversed().join(".");
  const service = view.serviceAt(address);
  const named = view.servicesBehind(address).flatMap((each) =>
    addressesOf(each, view)
      .filter((endpoint) => endpoint.address === address && endpoint.hasHostname)
      .map(({ label }) => `${label}.${fullName(each, view)}`),
  );
  const names = [...(service === undefined ? [] : [fullName(service, view)]), ...named];
  // Addresses of pods and Services are this machine's own: nobody else knows names for them.
  if (names.length === 0) return octets.at(-1) === "127" ? noSuchName : { kind: "elsewhere" };
  return type === "PTR" ? found(names.map((data) => ({ name, ttl, type, data }))) : nothingOfIt;
}

function addressesOf(service: Service, view: DnsView): ReturnType<typeof namedEndpoints> {
  const { clusterIP = "" } = service.spec;
  if (isHeadless(service)) return namedEndpoints(view.slices(...placeOf(service)));
  return clusterIP === "" ? [] : [{ address: clusterIP, label: "", hasHostname: false }];
}

function portsOf(service: Service, view: DnsView): ReturnType<typeof namedPorts> {
  return namedPorts(service, view.slices(...placeOf(service)));
}

function placeOf({ metadata }: Service): [namespace: string, name: string] {
  return [metadata.namespace ?? "", metadata.name ?? ""];
}

function fullName(service: Service, { domain }: DnsView): string {
  const [namespace, name] = placeOf(service);
  return `${name}.${namespace}.svc.${domain}`;
}

function found(records: readonly DnsRecord[]): DnsAnswer {
  return { kind: "answer", exists: true, records, additional: [] };
}
