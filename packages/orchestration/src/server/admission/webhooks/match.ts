// Whether a webhook is asked about a request, and in which version of the object.
import type { KubeObject } from "../../../api/object.ts";
import type { Resource } from "../../../api/resource.ts";
import { qualified, StatusError } from "../../../api/status.ts";
import type { AdmissionRequest } from "../../registry/admission.ts";
import { covers, isExempt, isSelected } from "../match.ts";
import { celVariables } from "../request-fields.ts";
import type { Webhook } from "./webhook.ts";

/** What is there, as far as it decides who is asked. */
export interface Surroundings {
  readonly namespace: (name: string) => KubeObject | undefined;
  readonly resources: () => readonly Resource[];
}

/** @returns the resource as which the webhook knows the object; undefined when it is not asked */
export function askedAs(
  { definition }: Webhook,
  request: AdmissionRequest,
  { namespace, resources }: Surroundings,
): Resource | undefined {
  if (isExempt(request)) return undefined;
  const { rules = [], matchPolicy } = definition;
  const isCovered = (resource: Resource): boolean =>
    rules.some((rule) => covers(rule, request, resource));
  const own = isCovered(request.resource) ? request.resource : undefined;
  const as =
    own ?? (matchPolicy === "Exact" ? undefined : others(request, resources).find(isCovered));
  if (as === undefined) return undefined;
  const around = request.namespace === undefined ? undefined : namespace(request.namespace);
  return isSelected(definition, request, around) ? as : undefined;
}

/** The other versions and groups that the same objects are served in. */
function others(
  { resource }: AdmissionRequest,
  resources: Surroundings["resources"],
): readonly Resource[] {
  const place = resource.stored ?? resource;
  return resources().filter((other) => {
    const { group, resource: plural } = other.stored ?? other;
    return other !== resource && plural === place.resource && group === place.group;
  });
}

/** The same object as another version shows it. */
export function inVersion(object: KubeObject, from: Resource, to: Resource): KubeObject {
  if (from === to) return object;
  const stored = from.stored?.write(object) ?? object;
  return to.stored?.read(stored) ?? stored;
}

/**
 * Whether all conditions of a webhook hold; one that does not hold outweighs those that cannot be evaluated.
 * @throws StatusError Forbidden when one cannot be evaluated and the webhook does not pass over failures
 */
export function meetsConditions(
  { definition, conditions }: Webhook,
  request: AdmissionRequest,
): boolean {
  if (conditions.length === 0) return true;
  const variables = celVariables(request);
  const failures: Error[] = [];
  for (const condition of conditions) {
    try {
      if (condition(variables) !== true) return false;
    } catch (error) {
      failures.push(error as Error);
    }
  }
  if (failures.length === 0) return true;
  if (definition.failurePolicy === "Ignore") return false;
  const { resource, name } = request;
  const why = failures.map(({ message }) => message.split("\n", 1)[0]).join(", ");
  throw new StatusError("Forbidden", `${qualified(resource)} "${name}" is forbidden: ${why}`, {
    name,
    ...(resource.group !== "" && { group: resource.group }),
    kind: resource.resource,
  });
}
