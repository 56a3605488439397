// What several kinds' rows have in common.
import type { KubeObject } from "../../api/object.ts";
import type { LabelSelector, PodSpec } from "../../api/types.generated.ts";
import { labelSelectorText } from "../selectors/label-requirement.ts";
import { age } from "./human-duration.ts";

export type Cell = string | number | boolean | null;

/** The cells of one object, in the order of its kind's columns. Written as a method, so that a function of one kind can stand in a table of all. */
export type CellsOf = { of(object: KubeObject, nowMs: number): readonly Cell[] }["of"];

export const none = "<none>";

export function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? "";
}

export function ageOf({ metadata }: KubeObject, nowMs: number): string {
  return age(metadata.creationTimestamp, nowMs);
}

/** `a, b, c`; `<none>` where there is nothing. */
export function listed(texts: readonly string[], separator = ","): string {
  return texts.length === 0 ? none : texts.join(separator);
}

/** The first few, and how many more there are. */
export function shortened(texts: readonly string[], max: number, separator = ","): string {
  const shown = texts.slice(0, max).join(separator);
  return texts.length > max ? `${shown} + ${texts.length - max} more...` : shown;
}

/** Labels or a selector of exact labels: `a=1,b=2`. */
export function labelsCell(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return listed(entries.map(([key, value]) => `${key}=${value}`));
}

export function selectorCell(selector: LabelSelector | undefined): string {
  try {
    return labelSelectorText(selector) || none;
  } catch {
    // One object with an operator that does not exist must not keep the others from being listed.
    return "<error>";
  }
}

/** Names and images of a pod's containers. */
export function containerCells(
  spec: Pick<PodSpec, "containers"> | undefined,
): readonly [string, string] {
  const containers = spec?.containers ?? [];
  return [
    containers.map(({ name }) => name).join(","),
    containers.map(({ image }) => image ?? "").join(","),
  ];
}

/** `Kind/name`. */
export function reference({
  kind,
  name,
}: {
  readonly kind: string;
  readonly name: string;
}): string {
  return `${kind}/${name}`;
}

/** A boolean as kubectl writes it. */
export function truth(value: boolean | undefined): string {
  if (value === undefined) return "<unset>";
  return value ? "True" : "False";
}
