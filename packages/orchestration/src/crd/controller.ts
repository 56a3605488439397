// Makes CustomResourceDefinitions true: checks them, serves what they define, and takes it all away with them.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../api/kinds.ts";
import type { CustomResourceDefinition } from "../api/types.generated.ts";
import { change } from "../client/client.ts";
import { splitKey } from "../client/informer.ts";
import { timestamp } from "../clock.ts";
import {
  type Controller,
  type ControllerContext,
  itself,
} from "../controllers/runtime/controller.ts";
import type { Registry } from "../server/registry/registry.ts";
import { statusOf } from "./conditions.ts";
import { customResources } from "./custom-resource.ts";

/** Keeps a definition until its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";
/** How soon a definition that goes is looked at again while objects of it remain. */
const remainsMs = 200;

/** Serves what the store defines already, before anybody asks. */
export function serveStoredDefinitions(registry: Registry): void {
  const { group, version, resource } = kinds.customResourceDefinitions;
  const definitions = registry.peekAll(registry.resources.get(group, version, resource), undefined);
  for (const definition of definitions as readonly CustomResourceDefinition[])
    if (isEstablished(definition)) serve(registry, definition);
}

export function customResourceDefinitionController(
  { client, clock, informers }: ControllerContext,
  registry: Registry,
): Controller {
  const { customResourceDefinitions } = kinds;
  const definitions = informers.of(customResourceDefinitions);

  const accept = async (definition: CustomResourceDefinition): Promise<void> => {
    const names = nameConflict(registry, definition);
    const schema = names === undefined ? trying(() => serve(registry, definition)) : undefined;
    const problem = {
      ...(names !== undefined && { names }),
      ...(schema !== undefined && { schema }),
    };
    const time = timestamp(clock.nowMs());
    await change(client, customResourceDefinitions, definition, { status: true }, (current) => {
      const status = statusOf(current, problem, time);
      return isDeepStrictEqual(status, current.status) ? current : { ...current, status };
    });
    if (definition.metadata.finalizers?.includes(cleanupFinalizer) === true) return;
    await change(client, customResourceDefinitions, definition, { status: false }, (current) => {
      const { finalizers = [] } = current.metadata;
      if (finalizers.includes(cleanupFinalizer)) return current;
      const metadata = { ...current.metadata, finalizers: [...finalizers, cleanupFinalizer] };
      return { ...current, metadata };
    });
  };

  const takeAway = async (definition: CustomResourceDefinition): Promise<number> => {
    const { finalizers = [] } = definition.metadata;
    if (!finalizers.includes(cleanupFinalizer)) return 0;
    const remaining = await deleteObjects(registry, definition);
    if (remaining > 0) return remaining;
    unserve(registry, definition);
    await change(client, customResourceDefinitions, definition, { status: false }, (current) => {
      const rest = (current.metadata.finalizers ?? []).filter((each) => each !== cleanupFinalizer);
      return { ...current, metadata: { ...current.metadata, finalizers: rest } };
    });
    return 0;
  };

  return {
    name: "customresourcedefinition-controller",
    watches: [itself(customResourceDefinitions)],
    concurrency: 1, // two definitions may want the same names
    async reconcile(key) {
      const definition = definitions.get(undefined, splitKey(key).name);
      if (definition === undefined) return undefined;
      if (definition.metadata.deletionTimestamp === undefined) {
        await accept(definition);
        return undefined;
      }
      const remaining = await takeAway(definition);
      return remaining > 0 ? { requeueAfterMs: remainsMs } : undefined;
    },
  };
}

function isEstablished({ status }: CustomResourceDefinition): boolean {
  return (status?.conditions ?? []).some((it) => it.type === "Established" && it.status === "True");
}

function ofDefinition({
  spec,
}: CustomResourceDefinition): (resource: {
  readonly group: string;
  readonly resource: string;
}) => boolean {
  return ({ group, resource }) => group === spec.group && resource === spec.names.plural;
}

/** @throws Error naming what in the definition cannot be used; then nothing has changed */
function serve(registry: Registry, definition: CustomResourceDefinition): void {
  const served = customResources(definition);
  for (const old of registry.resources.all.filter(ofDefinition(definition)))
    if (!served.some(({ version }) => version === old.version)) registry.resources.remove(old);
  for (const resource of served) registry.resources.add(resource);
}

function unserve(registry: Registry, definition: CustomResourceDefinition): void {
  for (const resource of registry.resources.all.filter(ofDefinition(definition)))
    registry.resources.remove(resource);
}

/** @returns how many are still there, kept by finalizers of their own */
async function deleteObjects(
  registry: Registry,
  definition: CustomResourceDefinition,
): Promise<number> {
  const resource = registry.resources.all.find(ofDefinition(definition));
  if (resource === undefined) return 0;
  const { items } = await registry.list(resource, undefined);
  for (const { metadata } of items)
    if (metadata.deletionTimestamp === undefined)
      await registry.delete(resource, metadata.namespace, metadata.name ?? "");
  return registry.peekAll(resource, undefined).length;
}

/** Within a group a kind and its names stand for one thing. */
function nameConflict(
  registry: Registry,
  definition: CustomResourceDefinition,
): string | undefined {
  const { group, names } = definition.spec;
  const isOwn = ofDefinition(definition);
  const other = registry.resources.all.find(
    (it) =>
      it.group === group &&
      !isOwn(it) &&
      (it.kind === names.kind || it.singular === (names.singular ?? names.kind.toLowerCase())),
  );
  return other && `"${names.kind}" is already in use by ${other.resource}.${group}`;
}

function trying(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
