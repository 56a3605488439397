// The templates that a StatefulSet or DaemonSet has had, each kept as a ControllerRevision (apps/v1).
import { isDeepStrictEqual } from "node:util";
import type { JsonObject, KubeObject } from "../../api/object.ts";
import type { ControllerRevision, PodTemplateSpec } from "../../api/types.generated.ts";
import { hashOf } from "../pods/template-hash.ts";
import { controllerReference } from "../runtime/controller.ts";

export const revisionLabel = "controller-revision-hash";

/** A workload whose template has a history. */
export type Revised = KubeObject & {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number };
  readonly status?: { readonly collisionCount?: number };
};

/** The template as a strategic merge patch that puts it back, which is how `kubectl rollout undo` uses it. */
function dataOf(template: PodTemplateSpec): JsonObject {
  return JSON.parse(JSON.stringify({ spec: { template: { ...template, $patch: "replace" } } }));
}

export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { template = {} } = (data?.["spec"] ?? {}) as { template?: JsonObject };
  const { $patch: _, ...written } = template;
  return written;
}

export function hashOfRevision({ metadata }: ControllerRevision): string {
  return metadata.labels?.[revisionLabel] ?? "";
}

/** @returns the revision that keeps the template wanted now */
export function revisionOfTemplate(
  { spec }: Revised,
  revisions: readonly ControllerRevision[],
): ControllerRevision | undefined {
  const data = dataOf(spec.template);
  return newestFirst(revisions).find((revision) => isDeepStrictEqual(revision.data, data));
}

export function newestFirst(
  revisions: readonly ControllerRevision[],
): readonly ControllerRevision[] {
  return revisions.toSorted((a, b) => b.revision - a.revision);
}

/** The number that makes a revision the newest. */
export function nextNumber(revisions: readonly ControllerRevision[]): number {
  return Math.max(0, ...revisions.map(({ revision }) => revision)) + 1;
}

/** @param collisionCount how often a name was taken */
export function newRevision(
  owner: Revised,
  number: number,
  collisionCount: number,
): ControllerRevision {
  const { metadata, spec } = owner;
  const data = dataOf(spec.template);
  const hash = hashOf(data, collisionCount);
  const { annotations } = metadata;
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace as string,
      labels: { ...spec.template.metadata?.labels, [revisionLabel]: hash },
      ...(annotations !== undefined && { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    data,
    revision: number,
  };
}

/** Revisions that the history has no room for, oldest first. @param isUsed whether pods of it run, or shall */
export function revisionsToForget(
  { spec }: Revised,
  revisions: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
): readonly ControllerRevision[] {
  const unused = newestFirst(revisions).filter((revision) => !isUsed(revision));
  return unused.slice(spec.revisionHistoryLimit ?? 10).toReversed();
}
