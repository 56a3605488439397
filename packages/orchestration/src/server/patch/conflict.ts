// How a refused apply tells which managers own what it would change.
import type { ManagedFieldsEntry } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import { pathText } from "./fields-v1.ts";

/** A field that an apply would change, and the entry of a manager that owns it. */
export interface Conflict {
  readonly entry: ManagedFieldsEntry;
  readonly path: readonly string[];
}

/** @param conflicts at least one, those of a manager side by side */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ entry, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${managerText(entry)}`,
    field: pathText(path),
  }));
  return new StatusError("Conflict", messageOf(conflicts), { causes });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined)
    return `Apply failed with 1 conflict: conflict with ${managerText(first.entry)}: ${pathText(first.path)}`;
  const byManager = Map.groupBy(conflicts, ({ entry }) => managerText(entry));
  const texts = [...byManager].map(([manager, of]) =>
    [`conflicts with ${manager}:`, ...of.map(({ path }) => `- ${pathText(path)}`)].join("\n"),
  );
  return `Apply failed with ${conflicts.length} conflicts: ${texts.toSorted().join("\n")}`;
}

function managerText({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const through =
    subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  const using = operation === "Update" ? ` using ${apiVersion}` : "";
  return `${JSON.stringify(manager)}${through}${using}`;
}
