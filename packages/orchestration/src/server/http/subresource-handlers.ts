// Verbs on subresources: what stands behind each says which it offers.
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import { notAllowed } from "../subresources/subresources.ts";
import { type Answer, json } from "./answer.ts";
import { type ResourceApiRequest, writeOptions } from "./api-request.ts";
import { givenAnyObject } from "./given-object.ts";
import { type HandlerContext, namespaceOf } from "./handler-context.ts";
import { patchObject } from "./patch-handler.ts";

export async function handleSubresource(
  { subresources }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const { info } = request;
  const subresource = info.subresource as string;
  const handler = subresources.find(resource, subresource);
  if (handler === undefined)
    throw new StatusError("NotFound", "the server could not find the requested resource", {});
  const { get, create, change, connect } = handler;
  const target = {
    resource,
    namespace: namespaceOf(resource, info),
    name: info.name as string,
  };
  if (connect !== undefined && info.verb === "get") return connect(target, request);
  if (get !== undefined && info.verb === "get") return json(await get(target));
  if (create !== undefined && info.verb === "create") {
    const body = await givenAnyObject(request);
    const options = writeOptions(request);
    return json(await subresources.create({ ...target, subresource, body, options }), 201);
  }
  if (change !== undefined && info.verb === "update") {
    const given = await givenAnyObject(request);
    return json(await change(target, () => given, writeOptions(request)));
  }
  if (change !== undefined && info.verb === "patch") {
    const patch = await patchObject(request, undefined);
    return json(await change(target, patch, writeOptions(request)));
  }
  throw notAllowed(info.verb, resource, subresource);
}
