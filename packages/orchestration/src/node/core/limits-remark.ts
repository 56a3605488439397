// What a pod's owner is told of the limits that its containers ask for: which of them the node keeps them to.
import type { Container } from "../../api/types.generated.ts";

export interface Remark {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/**
 * @param enforced resources whose limits the node keeps containers to: `cpu`, `memory`
 * @returns undefined when nobody asks for a limit
 */
export function limitsRemark(
  containers: readonly Container[],
  enforced: ReadonlySet<string>,
): Remark | undefined {
  const asked = new Set(containers.flatMap((each) => Object.keys(each.resources?.limits ?? {})));
  if (asked.size === 0) return undefined;
  const all = [...asked].toSorted();
  const kept = listed(all.filter((each) => enforced.has(each)));
  const unkept = listed(all.filter((each) => !enforced.has(each)));
  const enforcedPart = `limits on ${kept} are enforced with control groups`;
  if (unkept === "") return { type: "Normal", reason: "LimitsEnforced", message: enforcedPart };
  const message = `limits on ${unkept} are not enforced: this node has no control groups for them that it may write`;
  return {
    type: "Warning",
    reason: "LimitsNotEnforced",
    message: kept === "" ? message : `${enforcedPart}; ${message}`,
  };
}

/** `a, b and c` */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
