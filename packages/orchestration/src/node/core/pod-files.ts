// What a pod finds in /etc: its name, whom it knows by name, and whom it asks for other names.
import type { Pod } from "../../api/types.generated.ts";

/** Where the names of services are asked for. */
export interface ClusterDns {
  readonly address: string;
  /** Such as `cluster.local`. */
  readonly domain: string;
}

export interface PodFilesFacts {
  readonly podIp: string;
  /** Undefined where no DNS server answers for services. */
  readonly dns: ClusterDns | undefined;
  /** The machine's own files, as they stand. */
  readonly hostHosts: string;
  readonly hostResolv: string;
  /** Whether addresses of the machine's loopback are reached from the pod as they are from the machine. */
  readonly sharesNetwork: boolean;
}

/** Contents by the file's name in /etc. */
export type PodFiles = Readonly<Record<"hostname" | "hosts" | "resolv.conf", string>>;

export function podFiles(pod: Pod, facts: PodFilesFacts): PodFiles {
  return {
    hostname: `${hostnameOf(pod, facts.dns?.domain)}\n`,
    hosts: hostsFile(pod, facts),
    "resolv.conf": resolvConf(pod, facts),
  };
}

/** @see core/v1 PodSpec.hostname, setHostnameAsFQDN */
export function hostnameOf({ metadata, spec }: Pod, domain = "cluster.local"): string {
  const { hostname = metadata.name ?? "", subdomain, setHostnameAsFQDN } = spec;
  // A host name holds 63 characters, the name of a pod more.
  const short = hostname.slice(0, 63).replace(/[-.]+$/, "");
  const { namespace = "" } = metadata;
  return setHostnameAsFQDN === true && subdomain
    ? `${short}.${subdomain}.${namespace}.svc.${domain}`
    : short;
}

function hostsFile(pod: Pod, { podIp, dns, hostHosts }: PodFilesFacts): string {
  const { hostNetwork, hostAliases = [], subdomain } = pod.spec;
  const { namespace = "" } = pod.metadata;
  const name = hostnameOf({ ...pod, spec: { ...pod.spec, setHostnameAsFQDN: false } });
  const full =
    subdomain && `${name}.${subdomain}.${namespace}.svc.${dns?.domain ?? "cluster.local"}`;
  const own =
    hostNetwork === true
      ? hostHosts
      : `127.0.0.1\tlocalhost\n::1\tlocalhost\n${podIp}\t${full ? `${full}\t` : ""}${name}\n`;
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`);
  return own + aliases.join("");
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** @see core/v1 PodSpec.dnsPolicy, dnsConfig */
function resolvConf({ metadata, spec }: Pod, facts: PodFilesFacts): string {
  const { dnsConfig = {}, dnsPolicy = "ClusterFirst", hostNetwork } = spec;
  const base = resolverOf(
    hostNetwork === true && dnsPolicy === "ClusterFirst" ? "Default" : dnsPolicy,
    metadata.namespace ?? "",
    facts,
  );
  const own = (dnsConfig.options ?? []).map(({ name = "", value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  const named = new Set(own.map(optionName));
  const nameservers = unique([...base.nameservers, ...(dnsConfig.nameservers ?? [])]);
  const searches = unique([...base.searches, ...(dnsConfig.searches ?? [])]);
  const options = [...base.options.filter((each) => !named.has(optionName(each))), ...own];
  return [
    ...nameservers.map((each) => `nameserver ${each}\n`),
    ...(searches.length > 0 ? [`search ${searches.join(" ")}\n`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}\n`] : []),
  ].join("");
}

function resolverOf(policy: string, namespace: string, facts: PodFilesFacts): Resolver {
  const { dns, hostResolv, sharesNetwork } = facts;
  if (policy === "None") return { nameservers: [], searches: [], options: [] };
  const host = parsedResolv(hostResolv);
  if (policy === "Default" || dns === undefined) {
    // A resolver on the machine's own loopback is out of reach: the cluster's passes questions on to it.
    const isReached = (address: string): boolean => sharesNetwork || !address.startsWith("127.");
    const nameservers = unique(
      host.nameservers.flatMap((each) =>
        isReached(each) ? [each] : dns === undefined ? [] : [dns.address],
      ),
    );
    return { ...host, nameservers };
  }
  const { address, domain } = dns;
  const searches = [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches];
  return { nameservers: [address], searches, options: ["ndots:5"] };
}

function parsedResolv(text: string): Resolver {
  const words = (keyword: string): readonly string[] =>
    text.split("\n").flatMap((line) => {
      const [first, ...rest] = line.trim().split(/\s+/);
      return first === keyword ? rest : [];
    });
  return { nameservers: words("nameserver"), searches: words("search"), options: words("options") };
}

function optionName(option: string): string {
  return option.split(":")[0] ?? option;
}

function unique(all: readonly string[]): readonly string[] {
  return [...new Set(all)];
}
