// Which config maps and secrets a pod reads.
import type { Pod } from "../../api/types.generated.ts";
import { envReferences } from "./env.ts";
import { containersOf } from "./pod-state.ts";
import { volumeReferences } from "./volume-files.ts";

export interface PodReference {
  readonly kind: "configmap" | "secret";
  readonly name: string;
}

export function podReferences(pod: Pod): readonly PodReference[] {
  const { volumes = [] } = pod.spec;
  return [...volumes.flatMap(volumeReferences), ...containersOf(pod).flatMap(envReferences)];
}
