// Pods stay for a while on a node that is not ready or lost: it may come back (Kubernetes, "DefaultTolerationSeconds").
import type { Pod, Toleration } from "../../api/types.generated.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";

const keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/** @param seconds how long; a pod that says itself what it does is left as it is */
export function defaultTolerationsAdmission(seconds: number): AdmissionPlugin {
  return {
    name: "DefaultTolerationSeconds",
    mutate({ operation, resource, subresource, object }) {
      const isPod = resource.resource === "pods" && resource.group === "";
      if (!isPod || operation !== "CREATE" || subresource !== undefined) return object;
      const pod = object as Pod;
      const { tolerations = [] } = pod.spec;
      const missing = keys.filter((key) => !tolerations.some((each) => concerns(each, key)));
      if (missing.length === 0) return pod;
      const added = missing.map((key) => ({
        key,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: seconds,
      }));
      return { ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...added] } };
    },
  };
}

function concerns({ key = "", effect = "" }: Toleration, of: string): boolean {
  return (key === of || key === "") && (effect === "NoExecute" || effect === "");
}
