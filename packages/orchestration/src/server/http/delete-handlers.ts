// Deletions: of one object, and of all that a selector picks.

import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { DeleteOptions } from "../registry/options.ts";
import { type Answer, json } from "./answer.ts";
import { count, header, type ResourceApiRequest, writeOptions } from "./api-request.ts";
import { decodeObject } from "./body.ts";
import { listInForm } from "./forms.ts";
import { type HandlerContext, namespaceOf, selection } from "./handler-context.ts";

export async function remove(
  { registry }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const { info } = request;
  const options = await deleteOptions(request);
  const namespace = namespaceOf(resource, info);
  const name = info.name as string;
  const { object, isGone } = await registry.delete(resource, namespace, name, options);
  if (!isGone) return json(object);
  const { uid } = object.metadata;
  const details = {
    name,
    ...(resource.group !== "" && { group: resource.group }),
    kind: resource.resource,
    ...(uid !== undefined && { uid }),
  };
  return json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
}

export async function removeAll(
  { registry, now }: HandlerContext,
  resource: Resource,
  request: ResourceApiRequest,
): Promise<Answer> {
  const options = await deleteOptions(request);
  const matches = selection(resource, request);
  const page = await registry.list(resource, namespaceOf(resource, request.info), {
    ...(matches !== undefined && { matches }),
  });
  await Promise.all(
    page.items.map(async ({ metadata: { namespace, name = "" } }) => {
      try {
        await registry.delete(resource, namespace, name, options);
      } catch (error) {
        // Somebody else was quicker, which is what was asked for.
        if (!(error instanceof StatusError && error.reason === "NotFound")) throw error;
      }
    }),
  );
  return json(listInForm(resource, page, "object", request, now()));
}

async function deleteOptions(request: ResourceApiRequest): Promise<DeleteOptions> {
  const body = await request.body();
  const given =
    body.length === 0
      ? {}
      : (decodeObject(header(request, "content-type"), body).value as DeleteOptions & {
          dryRun?: readonly string[];
        });
  const { searchParams } = request.url;
  const seconds = given.gracePeriodSeconds ?? count(request, "gracePeriodSeconds");
  const policy = given.propagationPolicy ?? searchParams.get("propagationPolicy") ?? undefined;
  const isDry = Array.isArray(given.dryRun) && given.dryRun.includes("All");
  const { dryRun, ...options } = writeOptions(request);
  return {
    ...options,
    dryRun: dryRun === true || isDry,
    ...(typeof seconds === "number" && { gracePeriodSeconds: seconds }),
    ...(policy !== undefined && { propagationPolicy: propagation(policy) }),
    ...(given.preconditions && { preconditions: given.preconditions }),
  };
}

function propagation(policy: string): "Background" | "Foreground" | "Orphan" {
  const known = (["Background", "Foreground", "Orphan"] as const).find((each) => each === policy);
  if (known !== undefined) return known;
  throw new StatusError(
    "BadRequest",
    `propagationPolicy ${JSON.stringify(policy)} is not one of Background, Foreground, Orphan`,
  );
}
