// Pods by the node that they are on.
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import type { Informers } from "../../client/informer.ts";

const index = "node";

/** @returns the pods that a node has, as they are known at each call */
export function podsByNode(informers: Informers): (node: string) => readonly Pod[] {
  const pods = informers.of(kinds.pods);
  pods.addIndex(index, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  return (node) => pods.byIndex(index, node);
}
