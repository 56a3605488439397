// An object or a list in the form that a client asked for.
import type { JsonObject, KubeObject } from "../../api/object.ts";
import { apiVersionOf, type Resource } from "../../api/resource.ts";
import type { ObjectList } from "../registry/registry.ts";
import { tableOf } from "../table/table.ts";
import type { ResourceApiRequest } from "./api-request.ts";
import type { Form } from "./negotiation.ts";

function includeObject(request: ResourceApiRequest): "None" | "Metadata" | "Object" {
  const given = request.url.searchParams.get("includeObject");
  return given === "None" || given === "Object" ? given : "Metadata";
}

export function oneInForm(
  resource: Resource,
  object: KubeObject,
  form: Form,
  request: ResourceApiRequest,
  nowMs: number,
): unknown {
  if (form === "object") return object;
  if (form === "metadata") return partial(object);
  const { resourceVersion } = object.metadata;
  return tableOf({
    resource,
    objects: [object],
    metadata: { ...(resourceVersion !== undefined && { resourceVersion }) },
    nowMs,
    includeObject: includeObject(request),
    ...(resource.columns !== undefined && { customColumns: resource.columns }),
  });
}

export function listInForm(
  resource: Resource,
  page: ObjectList,
  form: Form,
  request: ResourceApiRequest,
  nowMs: number,
): unknown {
  const { items, ...rest } = page;
  const metadata: JsonObject = rest;
  if (form === "table")
    return tableOf({
      resource,
      objects: items,
      metadata,
      nowMs,
      includeObject: includeObject(request),
      ...(resource.columns !== undefined && { customColumns: resource.columns }),
    });
  if (form === "metadata")
    return {
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: items.map(partial),
    };
  return { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items };
}

function partial({ metadata }: KubeObject): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}
