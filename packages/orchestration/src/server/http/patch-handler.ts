// PATCH: what the four types of patches make of an object.
import type { KubeObject } from "../../api/object.ts";
import { apiVersionOf, type Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import { timestamp } from "../../clock.ts";
import { applyObject } from "../patch/apply.ts";
import { jsonPatch } from "../patch/json-patch.ts";
import { mergePatch } from "../patch/merge-patch.ts";
import { strategicMergePatch } from "../patch/strategic-merge-patch.ts";
import type { ChangeOptions } from "../registry/options.ts";
import { schemaOf } from "../registry/resource-schema.ts";
import { type Answer, json } from "./answer.ts";
import { flag, header, type ResourceApiRequest, writeOptions } from "./api-request.ts";
import { asObject, type Decoded, decodePatch, type PatchType } from "./body.ts";
import { oneInForm } from "./forms.ts";
import { checkStrict } from "./given-object.ts";
import { type HandlerContext, namespaceOf } from "./handler-context.ts";
import { negotiate } from "./negotiation.ts";

export async function patchResource(
  context: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const form = negotiate(header(request, "accept"));
  const { info } = request;
  const namespace = namespaceOf(resource, info);
  const name = info.name as string;
  const decoded = decodePatch(header(request, "content-type"), await request.body());
  checkStrict(request, resource.kind, decoded.strictProblems);
  if (decoded.type === "application/apply-patch+yaml")
    return apply(context, resource, request, decoded.value);
  const options: ChangeOptions = {
    ...writeOptions(request),
    ...(info.subresource !== undefined && { subresource: info.subresource }),
  };
  const patched = patcher(decoded, resource);
  const object = await context.registry.change(resource, namespace, name, patched, options);
  return json(oneInForm(resource, object, form, request, context.now()));
}

/** The change that a request's patch asks for, of an object that may be no stored one, such as a Scale. */
export async function patchObject(
  request: ResourceApiRequest,
  resource: Resource | undefined,
): Promise<(current: KubeObject) => KubeObject> {
  const decoded = decodePatch(header(request, "content-type"), await request.body());
  checkStrict(request, "object", decoded.strictProblems);
  return patcher(decoded, resource);
}

function patcher(
  { type, value }: Decoded & { readonly type: PatchType },
  resource: Resource | undefined,
): (current: KubeObject) => KubeObject {
  return (current) => unbound(current, asObject(patched(current, type, value, resource)));
}

function patched(
  current: KubeObject,
  type: PatchType,
  patch: unknown,
  resource: Resource | undefined,
): unknown {
  switch (type) {
    case "application/json-patch+json":
      return jsonPatch(current, patch);
    case "application/merge-patch+json":
      return mergePatch(current, patch);
    case "application/strategic-merge-patch+json":
      if (resource === undefined) return mergePatch(current, patch);
      if (resource.definition === undefined) throw onlyBuiltIn();
      return strategicMergePatch(current, patch, schemaOf(resource));
    case "application/apply-patch+yaml":
      // What has no field managers of its own is merged.
      return mergePatch(current, patch);
  }
}

function onlyBuiltIn(): StatusError {
  return new StatusError(
    "UnsupportedMediaType",
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
  );
}

/** A patch holds for whatever is there, unless it names another version than it met. */
function unbound(current: KubeObject, next: KubeObject): KubeObject {
  const { resourceVersion, ...metadata } = next.metadata;
  return resourceVersion === current.metadata.resourceVersion ? { ...next, metadata } : next;
}

async function apply(
  { registry, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
  value: unknown,
): Promise<Answer> {
  const { info } = request;
  const namespace = namespaceOf(resource, info);
  const name = info.name as string;
  const manager = request.url.searchParams.get("fieldManager") ?? "";
  if (manager === "")
    throw new StatusError(
      "BadRequest",
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const applied = asObject(value);
  const who = {
    manager,
    apiVersion: apiVersionOf(resource),
    time: timestamp(now()),
    force: flag(request, "force"),
    ...(info.subresource !== undefined && { subresource: info.subresource }),
  };
  const schema = schemaOf(resource);
  const options: ChangeOptions = {
    ...writeOptions(request),
    ...(info.subresource !== undefined && { subresource: info.subresource }),
    keepsManagers: true,
  };
  const change = (current: KubeObject): KubeObject =>
    unbound(current, applyObject(current, applied, who, schema));
  const form = negotiate(header(request, "accept"));
  const shown = (object: KubeObject): unknown => oneInForm(resource, object, form, request, now());
  if (registry.peek(resource, namespace, name) !== undefined || info.subresource !== undefined) {
    const object = await registry.change(resource, namespace, name, change, options);
    return json(shown(object));
  }
  if (applied.metadata.name !== undefined && applied.metadata.name !== name)
    throw new StatusError(
      "BadRequest",
      `the name of the object (${applied.metadata.name}) does not match the name on the URL (${name})`,
    );
  const fresh = applyObject(undefined, applied, who, schema);
  const object = await registry.create(resource, namespace, fresh, options);
  return json(shown(object), 201);
}
