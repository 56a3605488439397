// What handlers of resources share: where they work, and how they read what a request asks for.
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { Registry } from "../registry/registry.ts";
import type { ResourceRequest } from "../request-info.ts";
import { parseFieldSelector, parseLabelSelector } from "../selectors/selectors.ts";
import type { Subresources } from "../subresources/subresources.ts";
import { count, type ResourceApiRequest } from "./api-request.ts";
import type { Review } from "./reviews.ts";
import type { VirtualResources } from "./virtual-resources.ts";
import type { Watches } from "./watch-handler.ts";

export interface HandlerContext {
  readonly registry: Registry;
  readonly subresources: Subresources;
  readonly watches: Watches;
  /** Kinds that are answered and never stored, by the name of their resource. */
  readonly reviews: Readonly<Record<string, Review>>;
  readonly virtual: VirtualResources;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Where the objects of a request lie; a namespace itself lies in none. */
export function namespaceOf(resource: Resource, info: ResourceRequest): string | undefined {
  return resource.namespaced ? info.namespace : undefined;
}

/** @returns undefined where everything is asked for @throws StatusError BadRequest */
export function selection(
  resource: Resource,
  request: ResourceApiRequest,
): ((object: KubeObject) => boolean) | undefined {
  const labels = request.url.searchParams.get("labelSelector") ?? "";
  const fields = request.url.searchParams.get("fieldSelector") ?? "";
  if (labels === "" && fields === "") return undefined;
  const byLabels = parseLabelSelector(labels);
  const byFields = parseFieldSelector(fields, resource);
  return (object) => byLabels(object) && byFields(object);
}

/**
 * The revision that a request names.
 * @throws StatusError Timeout for one that is still to come (API concepts, "Unavailable resource versions")
 */
export function revisionOf(registry: Registry, request: ResourceApiRequest): number | undefined {
  const revision = count(request, "resourceVersion");
  if (revision === undefined || revision <= registry.revision) return revision;
  const message = `Too large resource version: ${revision}, current: ${registry.revision}`;
  throw new StatusError("Timeout", message, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}
