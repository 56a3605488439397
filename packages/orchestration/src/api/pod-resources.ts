// What a pod needs all in all: its containers together, or what starting it takes, whichever is more (Kubernetes, "Resource sharing within containers").
import { type Amounts, amountsOf, largest, nothing, sum } from "./resource-list.ts";
import type { Container, PodSpec } from "./types.generated.ts";

type Which = "requests" | "limits";

export function podRequests(spec: PodSpec): Amounts {
  return sum(podAmounts(spec, "requests"), amountsOf(spec.overhead));
}

/** Of each resource that a container limits; what a pod's overhead takes comes on top. */
export function podLimits(spec: PodSpec): Amounts {
  const limits = podAmounts(spec, "limits");
  const overhead = [...amountsOf(spec.overhead)].filter(([name]) => limits.has(name));
  return sum(limits, new Map(overhead));
}

function podAmounts({ containers, initContainers = [] }: PodSpec, which: Which): Amounts {
  const of = ({ resources }: Container): Amounts => amountsOf(resources?.[which]);
  let sidecars = nothing;
  let starting = nothing;
  for (const container of initContainers) {
    // A sidecar goes on running beside all that start after it; the others run alone, one after the other.
    if (isSidecar(container)) sidecars = sum(sidecars, of(container));
    const running = isSidecar(container) ? sidecars : sum(sidecars, of(container));
    starting = largest(starting, running);
  }
  return largest(sum(sidecars, ...containers.map(of)), starting);
}

/** An init container that restarts always does not have to end before the next begins. */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}
