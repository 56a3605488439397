// The client of those that live in the API server's own process: the registry's verbs without a wire between.
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { Resource } from "../api/resource.ts";
import type { Registry, WatchEvent } from "../server/registry/registry.ts";
import { parseFieldSelector, parseLabelSelector } from "../server/selectors/selectors.ts";
import type { Subresources } from "../server/subresources/subresources.ts";
import {
  type Client,
  type ClientEvent,
  isReason,
  type Selection,
  type WatchHandlers,
} from "./client.ts";

/** What is written from here has been held to its types by the compiler, not by a schema. */
const trusted = { fieldValidation: "Ignore" } as const;

export function inProcessClient(registry: Registry, subresources: Subresources): Client {
  const resourceOf = (kind: Kind): Resource =>
    registry.resources.get(kind.group, kind.version, kind.resource);

  return {
    async get<T extends KubeObject>(kind: Kind<T>, namespace: string | undefined, name: string) {
      return (await registry.get(resourceOf(kind), namespace, name)) as T;
    },
    async list<T extends KubeObject>(kind: Kind<T>, namespace?: string, selection?: Selection) {
      const resource = resourceOf(kind);
      const list = await registry.list(resource, namespace, {
        matches: matcher(resource, selection),
      });
      return { items: list.items as readonly T[], resourceVersion: list.resourceVersion };
    },
    async create<T extends KubeObject>(kind: Kind<T>, object: T) {
      const { namespace } = object.metadata;
      return (await registry.create(resourceOf(kind), namespace, object, trusted)) as T;
    },
    async update<T extends KubeObject>(kind: Kind<T>, object: T) {
      const { namespace, name = "" } = object.metadata;
      return (await registry.update(resourceOf(kind), namespace, name, object, trusted)) as T;
    },
    async updateStatus<T extends KubeObject>(kind: Kind<T>, object: T) {
      const { namespace, name = "" } = object.metadata;
      const options = { ...trusted, subresource: "status" };
      return (await registry.update(resourceOf(kind), namespace, name, object, options)) as T;
    },
    getSubresource(kind, namespace, name, subresource) {
      return subresources.get({ resource: resourceOf(kind), namespace, name }, subresource);
    },
    updateSubresource(kind, object, subresource) {
      const { namespace, name = "" } = object.metadata;
      const target = { resource: resourceOf(kind), namespace, name };
      return subresources.change(target, subresource, () => object, trusted);
    },
    async delete(kind, namespace, name, request) {
      await registry.delete(resourceOf(kind), namespace, name, request);
    },
    createSubresource(kind, namespace, name, subresource, body) {
      return subresources.create({
        resource: resourceOf(kind),
        namespace,
        name,
        subresource,
        body,
        options: trusted,
      });
    },
    watch<T extends KubeObject>(
      kind: Kind<T>,
      from: Selection & { readonly resourceVersion: string },
      { onEvent, onEnd }: WatchHandlers<T>,
    ) {
      const resource = resourceOf(kind);
      const matches = matcher(resource, from);
      const told = (event: WatchEvent): void => onEvent(event as ClientEvent<T>);
      try {
        return registry.watch(resource, undefined, Number(from.resourceVersion), matches, told);
      } catch (error) {
        if (!isReason(error, "Expired")) throw error;
        let isStopped = false;
        queueMicrotask(() => isStopped || onEnd());
        return () => {
          isStopped = true;
        };
      }
    },
  };
}

function matcher(resource: Resource, selection: Selection = {}): (object: KubeObject) => boolean {
  const byLabels = parseLabelSelector(selection.labelSelector);
  const byFields = parseFieldSelector(selection.fieldSelector, resource);
  return (object) => byLabels(object) && byFields(object);
}
