// Which nodes there are and who is on them, kept up to date change by change, so that a decision costs no list.
import type { Node, Pod, PodDisruptionBudget } from "../../api/types.generated.ts";
import { type NodeInfo, nodeInfo, updatedNodeInfo, withoutPod, withPod } from "./node-info.ts";
import { type PodInfo, podInfo, updatedPodInfo } from "./pod-info.ts";

type Labels = Readonly<Record<string, string>>;

/** All that a decision looks at. */
export interface ClusterView {
  readonly nodes: readonly NodeInfo[];
  /** Pods that wait for others to leave this node. */
  readonly nominated: (node: string) => readonly PodInfo[];
  readonly namespaceLabels: (namespace: string) => Labels;
  readonly budgets: readonly PodDisruptionBudget[];
}

export class Snapshot implements ClusterView {
  readonly #nodes = new Map<string, NodeInfo>();
  /** By uid. */
  readonly #placed = new Map<string, { readonly node: string; readonly info: PodInfo }>();
  readonly #nominated = new Map<string, { readonly node: string; readonly info: PodInfo }>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #budgets = new Map<string, PodDisruptionBudget>();
  #list: readonly NodeInfo[] | undefined;

  get nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()];
    return this.#list;
  }

  get budgets(): readonly PodDisruptionBudget[] {
    return [...this.#budgets.values()];
  }

  readonly nominated = (node: string): readonly PodInfo[] => {
    if (this.#nominated.size === 0) return [];
    return [...this.#nominated.values()]
      .filter((each) => each.node === node)
      .map(({ info }) => info);
  };

  readonly namespaceLabels = (namespace: string): Labels => this.#namespaces.get(namespace) ?? {};

  /** Pods may have been placed on it before it was known. */
  setNode(node: Node): void {
    const name = node.metadata.name as string;
    const there = this.#nodes.get(name);
    const waiting = (): readonly PodInfo[] =>
      [...this.#placed.values()].filter((each) => each.node === name).map(({ info }) => info);
    this.#put(there === undefined ? nodeInfo(node, waiting()) : updatedNodeInfo(there, node));
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** Places a pod on its node, or moves it there. */
  place(pod: Pod, node: string): void {
    const there = this.#placed.get(pod.metadata.uid ?? "");
    const info = there === undefined ? podInfo(pod) : updatedPodInfo(there.info, pod);
    this.remove(info.uid);
    this.#nominated.delete(info.uid);
    this.#placed.set(info.uid, { node, info });
    const on = this.#nodes.get(node);
    if (on !== undefined) this.#put(withPod(on, info));
  }

  nominate(pod: Pod, node: string | undefined): void {
    const info = podInfo(pod);
    if (node === undefined) this.#nominated.delete(info.uid);
    else this.#nominated.set(info.uid, { node, info });
  }

  /** Takes a pod off its node, or off the one that it waits for. @returns whether there is room now that was taken or kept */
  remove(uid: string): boolean {
    const wasNominated = this.#nominated.delete(uid);
    const there = this.#placed.get(uid);
    if (there === undefined) return wasNominated;
    this.#placed.delete(uid);
    const on = this.#nodes.get(there.node);
    if (on !== undefined) this.#put(withoutPod(on, uid));
    return true;
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
  }

  setBudget(key: string, budget: PodDisruptionBudget | undefined): void {
    if (budget === undefined) this.#budgets.delete(key);
    else this.#budgets.set(key, budget);
  }

  #put(info: NodeInfo): void {
    this.#nodes.set(info.name, info);
    this.#list = undefined;
  }
}
