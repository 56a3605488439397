// Which of the nodes that do is best: 0 to 100 by each rule, times what the rule weighs (Kubernetes, "Scheduler Configuration", default plugins).
import { nodePreference, tolerates } from "../../controllers/pods/node-fit.ts";
import { affinityPreference } from "./affinity.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import type { ClusterView } from "./snapshot.ts";
import { spreadCost } from "./spread.ts";

const best = 100;
const weightOf = { taints: 3, nodeAffinity: 2, spread: 2, podAffinity: 2 } as const;

type Scores = readonly number[];

/** @param nodes those that do @returns their scores, in the same order */
export function scoresOf(pod: PodInfo, nodes: readonly NodeInfo[], cluster: ClusterView): Scores {
  const parts = [
    nodes.map((node) => leastAllocated(node, pod) + balanced(node, pod)),
    weighted(weightOf.taints, taintScores(pod, nodes)),
    weighted(weightOf.nodeAffinity, nodeAffinityScores(pod, nodes)),
    weighted(weightOf.spread, spreadScores(pod, nodes, cluster)),
    weighted(weightOf.podAffinity, podAffinityScores(pod, nodes, cluster)),
  ];
  return nodes.map((_, i) => parts.reduce((sum, scores) => sum + (scores[i] ?? 0), 0));
}

function weighted(weight: number, scores: Scores): Scores {
  return scores.map((score) => weight * score);
}

/** The more of a node is free, the better. */
function leastAllocated(node: NodeInfo, pod: PodInfo): number {
  const free = (name: "cpu" | "memory"): number => {
    const has = node.allocatable.get(name) ?? 0;
    const taken = node.assumed[name] + pod.assumed[name];
    return has === 0 || taken > has ? 0 : ((has - taken) / has) * best;
  };
  return (free("cpu") + free("memory")) / 2;
}

/** The nearer the shares of cpu and memory that are taken, the better: neither is left over alone. */
function balanced(node: NodeInfo, { requests }: PodInfo): number {
  const share = (name: "cpu" | "memory"): number => {
    const has = node.allocatable.get(name) ?? 0;
    const taken = (node.requested.get(name) ?? 0) + (requests.get(name) ?? 0);
    return has === 0 ? 1 : Math.min(1, taken / has);
  };
  return (1 - Math.abs(share("cpu") - share("memory")) / 2) * best;
}

function taintScores({ pod }: PodInfo, nodes: readonly NodeInfo[]): Scores {
  const { tolerations = [] } = pod.spec;
  const unwanted = nodes.map(
    ({ taints }) =>
      taints.filter(
        (taint) =>
          taint.effect === "PreferNoSchedule" && !tolerations.some((it) => tolerates(it, taint)),
      ).length,
  );
  const most = Math.max(...unwanted);
  return most === 0 ? [] : unwanted.map((count) => best - (count / most) * best);
}

function nodeAffinityScores({ pod }: PodInfo, nodes: readonly NodeInfo[]): Scores {
  const preferred =
    pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  if (preferred === undefined) return [];
  const weights = nodes.map(({ node }) => nodePreference(pod.spec, node));
  const most = Math.max(...weights);
  return most === 0 ? [] : weights.map((weight) => (weight / most) * best);
}

function spreadScores(pod: PodInfo, nodes: readonly NodeInfo[], cluster: ClusterView): Scores {
  const cost = spreadCost(pod, cluster.nodes);
  if (cost === undefined) return [];
  const costs = nodes.map(cost);
  const known = costs.filter((each) => each !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return costs.map((each) => {
    if (each === undefined) return 0;
    return most === 0 ? best : ((most + least - each) / most) * best;
  });
}

function podAffinityScores(pod: PodInfo, nodes: readonly NodeInfo[], cluster: ClusterView): Scores {
  const preference = affinityPreference(pod, cluster);
  if (preference === undefined) return [];
  const likings = nodes.map(preference);
  const [least, most] = [Math.min(...likings), Math.max(...likings)];
  return most === least ? [] : likings.map((each) => ((each - least) / (most - least)) * best);
}
