// Empties a namespace that is to go, then lets it go (Kubernetes, "Namespaces", finalizers).
import { isDeepStrictEqual } from "node:util";
import { type Kind, kinds } from "../../api/kinds.ts";
import type { Resource } from "../../api/resource.ts";
import type { Namespace } from "../../api/types.generated.ts";
import { type Client, change, deleteIfThere, isReason } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { withCondition } from "../conditions.ts";
import { type Controller, type ControllerContext, itself } from "../runtime/controller.ts";

const finalizer = "kubernetes";
/** How soon a namespace is looked at again while something in it remains. */
const remainsMs = 200;

/** What is still there, by resource. */
interface Remains {
  readonly count: number;
  /** How many of them each finalizer keeps. */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly resources: ReadonlyMap<string, number>;
}

/** @param resources everything that is served at this moment */
export function namespaceController(
  { client, clock, informers }: ControllerContext,
  resources: () => readonly Resource[],
): Controller {
  const namespaces = informers.of(kinds.namespaces);

  async function writeConditions(namespace: Namespace, remains: Remains): Promise<void> {
    await change(client, kinds.namespaces, namespace, { status: true }, (current) => {
      const now = timestamp(clock.nowMs());
      let conditions = current.status?.conditions ?? [];
      for (const condition of conditionsOf(remains))
        conditions = withCondition(conditions, condition, now);
      const status = { ...current.status, phase: "Terminating", conditions };
      return isDeepStrictEqual(status, current.status) ? current : { ...current, status };
    });
  }

  return {
    name: "namespace-controller",
    watches: [itself(kinds.namespaces)],
    async reconcile(key) {
      const namespace = namespaces.get(undefined, splitKey(key).name);
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
      if (namespace.spec.finalizers?.includes(finalizer) !== true) return undefined;
      const remains = await empty(client, resources(), namespace.metadata.name as string);
      if (remains.count > 0) {
        await writeConditions(namespace, remains);
        return { requeueAfterMs: remainsMs };
      }
      await finalize(client, namespace);
      return undefined;
    },
  };
}

async function empty(
  client: Client,
  resources: readonly Resource[],
  namespace: string,
): Promise<Remains> {
  const left = new Map<string, number>();
  const kept = new Map<string, number>();
  const deletable = resources.filter(
    ({ namespaced, verbs, stored }) =>
      namespaced && stored === undefined && verbs.includes("delete") && verbs.includes("list"),
  );
  for (const resource of deletable) {
    const kind = resource as Kind;
    const { items } = await client.list(kind, namespace);
    for (const object of items)
      if (object.metadata.deletionTimestamp === undefined)
        await deleteIfThere(client, kind, object, { propagationPolicy: "Background" });
    if (items.length === 0) continue;
    const after = (await client.list(kind, namespace)).items;
    if (after.length > 0) left.set(`${resource.resource}.${resource.group}`, after.length);
    for (const name of after.flatMap(({ metadata }) => metadata.finalizers ?? []))
      kept.set(name, (kept.get(name) ?? 0) + 1);
  }
  const count = [...left.values()].reduce((sum, each) => sum + each, 0);
  return { count, finalizers: kept, resources: left };
}

async function finalize(client: Client, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec.finalizers ?? []).filter((each) => each !== finalizer);
  try {
    await client.updateSubresource(
      kinds.namespaces,
      { ...namespace, spec: { finalizers } },
      "finalize",
    );
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
}

function conditionsOf({
  resources,
  finalizers,
}: Remains): NonNullable<NonNullable<Namespace["status"]>["conditions"]> {
  const told = (
    map: ReadonlyMap<string, number>,
    join: (name: string, count: number) => string,
  ): string => [...map].map(([name, count]) => join(name, count)).join(", ");
  const remaining = told(resources, (name, count) => `${name} has ${count} resource instances`);
  const keeping = told(finalizers, (name, count) => `${name} in ${count} resource instances`);
  return [
    {
      type: "NamespaceContentRemaining",
      status: "True",
      reason: "SomeResourcesRemain",
      message: `Some resources are remaining: ${remaining}`,
    },
    finalizers.size > 0
      ? {
          type: "NamespaceFinalizersRemaining",
          status: "True",
          reason: "SomeFinalizersRemain",
          message: `Some content in the namespace has finalizers remaining: ${keeping}`,
        }
      : {
          type: "NamespaceFinalizersRemaining",
          status: "False",
          reason: "ContentHasNoFinalizers",
          message: "All content-preserving finalizers finished",
        },
  ];
}
