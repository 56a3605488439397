// Which quality of service a pod is promised (core/v1 PodStatus.qosClass).
import { compare, quantity } from "../../api/quantity.ts";
import type { PodSpec } from "../../api/types.generated.ts";

const resources = ["cpu", "memory"] as const;

/** Guaranteed: every container limits cpu and memory, and asks for just that. BestEffort: nobody asks for anything. */
export function qosClass(spec: PodSpec): "Guaranteed" | "Burstable" | "BestEffort" {
  const all = [...(spec.initContainers ?? []), ...spec.containers].map(({ resources: of }) => ({
    limits: of?.limits ?? {},
    requests: of?.requests ?? {},
  }));
  const asked = (of: Readonly<Record<string, string>>): boolean =>
    resources.some((name) => of[name] !== undefined && quantity(of[name]).nanos > 0n);
  if (!all.some(({ limits, requests }) => asked(limits) || asked(requests))) return "BestEffort";
  const isGuaranteed = all.every(({ limits, requests }) =>
    resources.every((name) => {
      const limit = limits[name];
      if (limit === undefined) return false;
      return compare(quantity(requests[name] ?? limit), quantity(limit)) === 0;
    }),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}
