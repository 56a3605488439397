// In which form a client wants its answer (API concepts, "Alternate representations of resources" and "Receiving resources as Tables").
import { StatusError } from "../../api/status.ts";

/** JSON always; as it is, as a table, or with its metadata alone. */
export type Form = "object" | "table" | "metadata";

/**
 * @param accept header of the request
 * @returns the first form of its list that we have. Whoever asks for protobuf accepts JSON, too: clients of Kubernetes list both.
 * @throws StatusError NotAcceptable
 */
export function negotiate(accept: string | undefined): Form {
  const wanted = (accept ?? "*/*").split(",").map(parameters);
  for (const { type, as, group } of wanted) {
    if (as === undefined && acceptable.has(type)) return "object";
    if (type !== "application/json" || group !== "meta.k8s.io") continue;
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "metadata";
  }
  throw new StatusError(
    "NotAcceptable",
    "only the following media types are accepted: application/json",
  );
}

const acceptable = new Set([
  "*/*",
  "application/*",
  "application/json",
  "application/vnd.kubernetes.protobuf",
  "application/yaml",
  "text/plain",
]);

function parameters(part: string): {
  readonly type: string;
  readonly as: string | undefined;
  readonly group: string | undefined;
} {
  const [type = "", ...rest] = part.split(";").map((each) => each.trim());
  const named = new Map(rest.map((each) => each.split("=", 2) as [string, string]));
  return { type: type.toLowerCase(), as: named.get("as"), group: named.get("g") };
}

/** Whether a client asks for discovery of all groups in one document. */
export function wantsAggregatedDiscovery(accept: string | undefined): boolean {
  return (accept ?? "")
    .split(",")
    .some((part) => /g=apidiscovery\.k8s\.io/.test(part) && /v=v2(;|$)/.test(part));
}
