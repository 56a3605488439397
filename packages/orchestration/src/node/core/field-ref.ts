// What a pod may be told about itself: fields of its object, and its resources (the downward API).
import { milliValue, quantity, wholeValue } from "../../api/quantity.ts";
import type { Container, Pod } from "../../api/types.generated.ts";

export interface PodFacts {
  readonly pod: Pod;
  readonly podIp: string;
  readonly hostIp: string;
  /** What stands for a limit that is not set. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** @returns undefined for a field that cannot be asked for */
export function fieldValue({ pod, podIp, hostIp }: PodFacts, path: string): string | undefined {
  const { metadata, spec } = pod;
  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map !== undefined && key !== undefined)
    return (map === "labels" ? metadata.labels : metadata.annotations)?.[key] ?? "";
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": metadata.name ?? "",
    "metadata.namespace": metadata.namespace ?? "",
    "metadata.uid": metadata.uid ?? "",
    "metadata.labels": lines(metadata.labels),
    "metadata.annotations": lines(metadata.annotations),
    "spec.nodeName": spec.nodeName ?? "",
    "spec.serviceAccountName": spec.serviceAccountName ?? "default",
    "status.podIP": podIp,
    "status.podIPs": podIp,
    "status.hostIP": hostIp,
    "status.hostIPs": hostIp,
  };
  return fields[path];
}

/** Labels or annotations as a file of the downward API has them. */
function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join("\n");
}

/** @param resource such as `limits.cpu` @returns undefined for one that cannot be asked for */
export function resourceValue(
  { allocatable }: PodFacts,
  container: Container,
  { resource, divisor }: { readonly resource: string; readonly divisor?: string },
): string | undefined {
  const [which, ...rest] = resource.split(".");
  const name = rest.join(".");
  if ((which !== "limits" && which !== "requests") || name === "") return undefined;
  const { limits = {}, requests = {} } = container.resources ?? {};
  const asked =
    which === "limits" ? (limits[name] ?? allocatable[name]) : (requests[name] ?? limits[name]);
  const unit = divisor === undefined || divisor === "0" ? "1" : divisor;
  const value = name === "cpu" ? milliValue : wholeValue;
  return String(Math.ceil(value(quantity(asked ?? "0")) / value(quantity(unit))));
}
