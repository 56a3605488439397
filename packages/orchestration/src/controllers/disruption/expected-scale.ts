// How many pods there should be, by the word of those that control the pods that there are.
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { Pod } from "../../api/types.generated.ts";
import type { Informers } from "../../client/informer.ts";
import { controllerOf } from "../runtime/controller.ts";
import type { ExpectedScale } from "./budget.ts";

type Scaled = KubeObject & { readonly spec: { readonly replicas?: number } };

/** Pods that nobody controls are not expected. */
export function expectedScaleIn(informers: Informers): (pods: readonly Pod[]) => ExpectedScale {
  const replicaSets = informers.of(kinds.replicaSets);
  const deployments = informers.of(kinds.deployments);
  const statefulSets = informers.of(kinds.statefulSets);

  /** The topmost that says how many: a Deployment rather than its ReplicaSet. */
  function scalerOf({ metadata }: KubeObject): Scaled | undefined {
    const { kind, name = "" } = controllerOf(metadata) ?? {};
    const { namespace } = metadata;
    if (kind === "StatefulSet") return statefulSets.get(namespace, name);
    if (kind === "Deployment") return deployments.get(namespace, name);
    const set = kind === "ReplicaSet" ? replicaSets.get(namespace, name) : undefined;
    return set && (scalerOf(set) ?? set);
  }

  return (pods) => {
    const replicas = new Map<string | undefined, number>();
    for (const pod of pods) {
      const controller = controllerOf(pod.metadata);
      if (controller === undefined) continue;
      const scaler = scalerOf(pod);
      if (scaler === undefined)
        return { error: `found no controller with a scale for pod "${pod.metadata.name}"` };
      replicas.set(scaler.metadata.uid, scaler.spec.replicas ?? 1);
    }
    return { pods: [...replicas.values()].reduce((sum, count) => sum + count, 0) };
  };
}
