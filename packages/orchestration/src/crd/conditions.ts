// What the server says of a CustomResourceDefinition: whether its names are free, its schema can be used, and it is served.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionStatus,
} from "../api/types.generated.ts";

/** @param time RFC 3339, of conditions that change @returns the same object when nothing changes */
export function statusOf(
  definition: CustomResourceDefinition,
  problem: { readonly names?: string; readonly schema?: string },
  time: string,
): CustomResourceDefinitionStatus {
  const { spec, status } = definition;
  const { names, schema } = problem;
  const conditions = [
    condition(
      "NamesAccepted",
      names === undefined,
      names === undefined ? "NoConflicts" : "Conflict",
      names ?? "no conflicts found",
    ),
    ...(schema === undefined ? [] : [condition("NonStructuralSchema", true, "Violations", schema)]),
    condition(
      "Established",
      names === undefined && schema === undefined,
      names === undefined && schema === undefined ? "InitialNamesAccepted" : "NotAccepted",
      names ?? schema ?? "the initial names have been accepted",
    ),
  ];
  const storage = spec.versions.filter((version) => version.storage).map(({ name }) => name);
  return {
    acceptedNames: {
      ...spec.names,
      listKind: spec.names.listKind ?? `${spec.names.kind}List`,
      singular: spec.names.singular ?? spec.names.kind.toLowerCase(),
    },
    storedVersions: [...new Set([...(status?.storedVersions ?? []), ...storage])],
    conditions: conditions.map((next) => withTime(next, status?.conditions, time)),
  };
}

function condition(
  type: string,
  holds: boolean,
  reason: string,
  message: string,
): CustomResourceDefinitionCondition {
  return { type, status: holds ? "True" : "False", reason, message };
}

function withTime(
  next: CustomResourceDefinitionCondition,
  before: readonly CustomResourceDefinitionCondition[] | undefined,
  time: string,
): CustomResourceDefinitionCondition {
  const old = before?.find(({ type }) => type === next.type);
  const { lastTransitionTime = time } = old?.status === next.status ? old : {};
  return { ...next, lastTransitionTime };
}
