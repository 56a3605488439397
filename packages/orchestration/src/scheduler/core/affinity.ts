// Which nodes the affinity of pods to pods allows, both ways, and which it likes (Kubernetes, "Inter-pod affinity and anti-affinity").
import type { PodAffinityTerm, WeightedPodAffinityTerm } from "../../api/types.generated.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { termMeans } from "./pod-terms.ts";
import { type Rejection, rejection } from "./rejection.ts";
import type { ClusterView } from "./snapshot.ts";

/** Looks at all pods once. @returns what each node says; undefined when no affinity is at play */
export function affinityFilter(
  pod: PodInfo,
  cluster: ClusterView,
): ((node: NodeInfo) => Rejection | undefined) | undefined {
  const refused = refusedDomains(pod, cluster);
  if (pod.affinity.length + pod.antiAffinity.length + refused.size === 0) return undefined;
  const wanted = meetingDomains(pod, pod.affinity, cluster);
  const unwanted = pod.antiAffinity.map((term) => meetingDomains(pod, [term], cluster));
  const isFirst = isFirstOfItsKind(pod, wanted, cluster);
  return (node) => {
    if (!isWanted(node, pod.affinity, wanted, isFirst))
      return rejection("affinity", "node(s) didn't match pod affinity rules", true);
    if (unwanted.some((domains, i) => isIn(domains, node, pod.antiAffinity[i])))
      return rejection("affinity", "node(s) didn't match pod anti-affinity rules");
    if (Object.entries(node.labels).some((label) => refused.has(domainOf(label))))
      return rejection("affinity", "node(s) didn't satisfy existing pods anti-affinity rules");
    return undefined;
  };
}

type Domains = ReadonlySet<string>;

function domainOf([key, value]: readonly [string, string]): string {
  return `${key}=${value}`;
}

/** Domains in which there is a pod that all terms mean. */
function meetingDomains(
  pod: PodInfo,
  terms: readonly PodAffinityTerm[],
  cluster: ClusterView,
): Domains {
  const domains = new Set<string>();
  if (terms.length === 0) return domains;
  for (const { labels, pods } of cluster.nodes) {
    if (!pods.some((other) => terms.every((term) => termMeans(term, pod, other, cluster))))
      continue;
    for (const { topologyKey } of terms) {
      const value = labels[topologyKey];
      if (value !== undefined) domains.add(domainOf([topologyKey, value]));
    }
  }
  return domains;
}

/** Domains in which a pod will not have this one beside it. */
function refusedDomains(pod: PodInfo, cluster: ClusterView): Domains {
  const domains = new Set<string>();
  for (const { labels, affine } of cluster.nodes)
    for (const other of affine)
      for (const term of other.antiAffinity) {
        const value = labels[term.topologyKey];
        if (value !== undefined && termMeans(term, other, pod, cluster))
          domains.add(domainOf([term.topologyKey, value]));
      }
  return domains;
}

/** Pods that want to be with their own kind would never begin otherwise. */
function isFirstOfItsKind(pod: PodInfo, wanted: Domains, cluster: ClusterView): boolean {
  return wanted.size === 0 && pod.affinity.every((term) => termMeans(term, pod, pod, cluster));
}

function isWanted(
  node: NodeInfo,
  terms: readonly PodAffinityTerm[],
  wanted: Domains,
  isFirst: boolean,
): boolean {
  return terms.every((term) =>
    isFirst ? node.labels[term.topologyKey] !== undefined : isIn(wanted, node, term),
  );
}

function isIn(domains: Domains, { labels }: NodeInfo, term: PodAffinityTerm | undefined): boolean {
  const value = labels[term?.topologyKey ?? ""];
  return value !== undefined && domains.has(domainOf([term?.topologyKey ?? "", value]));
}

type Likes = readonly WeightedPodAffinityTerm[];

/** How much a required affinity of a pod that is there already weighs for one that would join it. */
const joiningWeight = 1;

/** @returns how much each node is liked, perhaps below zero; undefined when nobody has a preference */
export function affinityPreference(
  pod: PodInfo,
  cluster: ClusterView,
): ((node: NodeInfo) => number) | undefined {
  const weights = new Map<string, number>();
  const likes = preferencesOf(pod);
  const weigh = (owner: PodInfo, about: PodInfo, { labels }: NodeInfo, terms: Likes): void => {
    for (const { weight, podAffinityTerm } of terms)
      if (termMeans(podAffinityTerm, owner, about, cluster))
        addWeight(weights, labels, podAffinityTerm, weight);
  };
  for (const node of cluster.nodes) {
    if (likes.length > 0) for (const other of node.pods) weigh(pod, other, node, likes);
    for (const owner of node.affine)
      weigh(owner, pod, node, [...preferencesOf(owner), ...joining(owner)]);
  }
  if (weights.size === 0) return undefined;
  return ({ labels }) =>
    Object.entries(labels).reduce((sum, label) => sum + (weights.get(domainOf(label)) ?? 0), 0);
}

function preferencesOf({ pod }: PodInfo): Likes {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const likes = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const dislikes = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [...likes, ...dislikes.map((term) => ({ ...term, weight: -term.weight }))];
}

function joining({ affinity }: PodInfo): Likes {
  return affinity.map((podAffinityTerm) => ({ weight: joiningWeight, podAffinityTerm }));
}

function addWeight(
  weights: Map<string, number>,
  labels: Readonly<Record<string, string>>,
  { topologyKey }: PodAffinityTerm,
  weight: number,
): void {
  const value = labels[topologyKey];
  if (value === undefined) return;
  const domain = domainOf([topologyKey, value]);
  weights.set(domain, (weights.get(domain) ?? 0) + weight);
}
