// The verbs on resources, from a request to an answer.
import type { Resource } from "../../api/resource.ts";
import { notFound, StatusError } from "../../api/status.ts";
import type { ChangeOptions } from "../registry/options.ts";
import { notAllowed } from "../subresources/subresources.ts";
import { type Answer, json } from "./answer.ts";
import { count, header, type ResourceApiRequest, writeOptions } from "./api-request.ts";
import { remove, removeAll } from "./delete-handlers.ts";
import { listInForm, oneInForm } from "./forms.ts";
import { givenObject } from "./given-object.ts";
import { type HandlerContext, namespaceOf, revisionOf, selection } from "./handler-context.ts";
import { negotiate } from "./negotiation.ts";
import { patchResource } from "./patch-handler.ts";
import { handleSubresource } from "./subresource-handlers.ts";

/** @throws StatusError whatever is refused */
export async function handleResource(
  context: HandlerContext,
  request: ResourceApiRequest,
): Promise<Answer> {
  const { group, version, resource: name, verb, subresource } = request.info;
  const resource = context.registry.resources.get(group, version, name);
  checkScope(resource, request);
  if (subresource !== undefined && subresource !== "status")
    return handleSubresource(context, resource, request);
  const verbs = subresource === undefined ? resource.verbs : statusVerbs(resource);
  if (!verbs.includes(verb)) throw notAllowed(verb, resource, subresource);
  return (handlers[verb] as Handler)(context, resource, request);
}

type Handler = (
  context: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
) => Promise<Answer>;

const handlers: Readonly<Record<string, Handler>> = {
  get,
  list,
  watch: (context, resource, request) => context.watches.start(resource, request),
  create,
  update,
  patch: patchResource,
  delete: remove,
  deletecollection: removeAll,
};

/** Cluster-wide kinds lie in no namespace; one object of the others lies in exactly one. */
function checkScope(resource: Resource, { info }: ResourceApiRequest): void {
  const { namespace, name } = info;
  const isWrong = resource.namespaced
    ? namespace === undefined && (name !== undefined || info.verb === "create")
    : namespace !== undefined && resource.resource !== "namespaces";
  if (isWrong) throw notServed();
}

function statusVerbs(resource: Resource): readonly string[] {
  const status = resource.subresources.find(({ name }) => name === "status");
  if (status === undefined) throw notServed();
  return status.verbs;
}

function notServed(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}

async function get(
  { registry, virtual, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const form = negotiate(header(request, "accept"));
  const { info } = request;
  const name = info.name as string;
  const namespace = namespaceOf(resource, info);
  const computed = virtual.find(resource);
  const object =
    computed === undefined
      ? await registry.get(resource, namespace, name)
      : computed.list(namespace).find(({ metadata }) => metadata.name === name);
  if (object === undefined) throw notFound(resource, name);
  return json(oneInForm(resource, object, form, request, now()));
}

async function list(
  { registry, virtual, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const form = negotiate(header(request, "accept"));
  const { searchParams } = request.url;
  const matches = selection(resource, request);
  const computed = virtual.find(resource);
  if (computed !== undefined) {
    const all = computed.list(namespaceOf(resource, request.info));
    const items = matches === undefined ? all : all.filter(matches);
    const page = { items, resourceVersion: String(registry.revision) };
    return json(listInForm(resource, page, form, request, now()));
  }
  const limit = count(request, "limit");
  const token = searchParams.get("continue") ?? "";
  const revision = revisionOf(registry, request);
  const match = searchParams.get("resourceVersionMatch");
  if (match !== null && revision === undefined) {
    const message = "resourceVersionMatch is forbidden unless resourceVersion is provided";
    throw new StatusError("BadRequest", message);
  }
  const page = await registry.list(resource, namespaceOf(resource, request.info), {
    ...(matches !== undefined && { matches }),
    ...(limit !== undefined && { limit }),
    ...(token !== "" && { continue: token }),
    ...(match === "Exact" && revision !== undefined && { revision }),
  });
  return json(listInForm(resource, page, form, request, now()));
}

async function create(
  { registry, reviews, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const review = reviews[resource.resource];
  // An answer that is never stored has no metadata that a row could show.
  const form = negotiate(header(request, "accept"), review && ["object"]);
  const options = writeOptions(request);
  const given = await givenObject(request, resource);
  const namespace = namespaceOf(resource, request.info);
  if (review !== undefined) return json(await review(request.user, given, namespace), 201);
  const object = await registry.create(resource, namespace, given, options);
  return json(oneInForm(resource, object, form, request, now()), 201);
}

async function update(
  { registry, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const form = negotiate(header(request, "accept"));
  const { info } = request;
  const given = await givenObject(request, resource);
  const namespace = namespaceOf(resource, info);
  const options: ChangeOptions = {
    ...writeOptions(request),
    ...(info.subresource !== undefined && { subresource: info.subresource }),
  };
  const object = await registry.update(resource, namespace, info.name as string, given, options);
  return json(oneInForm(resource, object, form, request, now()));
}
