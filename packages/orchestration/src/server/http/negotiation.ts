// In which form a client wants its answer (API concepts, "Alternate representations of resources" and "Receiving resources as Tables").
import { StatusError } from "../../api/status.ts";

/** JSON always; as it is, as a table, or with its metadata alone. */
export type Form = "object" | "table" | "metadata";

const allForms: readonly Form[] = ["object", "table", "metadata"];

/**
 * @param accept header of the request
 * @param offered forms that there are: what has no metadata is shown as it is alone
 * @returns the first form of its list that we have. Whoever asks for protobuf accepts JSON, too: clients of Kubernetes list both.
 * @throws StatusError NotAcceptable
 */
export function negotiate(accept: string | undefined, offered: readonly Form[] = allForms): Form {
  const wanted = (accept ?? "*/*").split(",").map(parameters);
  for (const each of wanted) {
    const form = formOf(each);
    if (form !== undefined && offered.includes(form)) return form;
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

interface Wanted {
  readonly type: string;
  readonly as: string | undefined;
  readonly group: string | undefined;
}

function formOf({ type, as, group }: Wanted): Form | undefined {
  if (as === undefined && acceptable.has(type)) return "object";
  if (type !== "application/json" || group !== "meta.k8s.io") return undefined;
  if (as === "Table") return "table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList"
    ? "metadata"
    : undefined;
}

function parameters(part: string): Wanted {
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
