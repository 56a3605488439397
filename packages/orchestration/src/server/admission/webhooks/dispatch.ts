// Who is asked in which order, what becomes of the object, and what a failure means.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../../api/object.ts";
import type { Resource } from "../../../api/resource.ts";
import { badRequest } from "../../../api/status.ts";
import type { Log } from "../../../log.ts";
import { jsonPatch } from "../../patch/json-patch.ts";
import { isMap } from "../../patch/schema-at.ts";
import type { AdmissionRequest } from "../../registry/admission.ts";
import type { Call } from "./edge/call.ts";
import { askedAs, inVersion, meetsConditions, type Surroundings } from "./match.ts";
import { CallError, denied, internalError } from "./refusals.ts";
import { reviewOf, reviewVersion, type Verdict, verdictOf } from "./review.ts";
import { type Services, targetOf } from "./target.ts";
import type { Webhook } from "./webhook.ts";

export interface Dispatcher extends Surroundings, Services {
  readonly call: Call;
  readonly newUid: () => string;
  readonly log: Log;
}

/** What a webhook has said, and of which version of the object. */
interface Answer extends Verdict {
  readonly as: Resource;
}

/** Kubernetes' own bounds on what is told as warnings of one request. */
const warningMax = 256;

/**
 * One after the other, each with what the one before has made. Those that ask for it and were passed by a later change are asked once more.
 * @throws StatusError when one says no, or fails and may not
 */
export async function mutateInOrder(
  dispatcher: Dispatcher,
  webhooks: readonly Webhook[],
  request: AdmissionRequest,
  refilled: (object: KubeObject) => KubeObject,
): Promise<KubeObject> {
  let { object } = request;
  const passed = new Set<Webhook>();
  const again = new Set<Webhook>();
  const ask = async (webhook: Webhook): Promise<boolean> => {
    const answer = await askOne(dispatcher, webhook, { ...request, object });
    if (answer === undefined) return false;
    if (answer.patch === undefined) return true;
    const changed = refilled(patched(webhook, { ...request, object }, answer));
    if (!isDeepStrictEqual(changed, object)) for (const each of passed) again.add(each);
    object = changed;
    return true;
  };
  for (const webhook of webhooks)
    if ((await ask(webhook)) && webhook.isReinvoked) passed.add(webhook);
  for (const webhook of webhooks) if (again.has(webhook)) await ask(webhook);
  return object;
}

/** All at once; of several refusals the first in order is told. @throws StatusError */
export async function validateTogether(
  dispatcher: Dispatcher,
  webhooks: readonly Webhook[],
  request: AdmissionRequest,
): Promise<void> {
  const results = await Promise.allSettled(
    webhooks.map((webhook) => askOne(dispatcher, webhook, request)),
  );
  const refusal = results.find(({ status }) => status === "rejected");
  if (refusal?.status === "rejected") throw refusal.reason;
}

/** @returns undefined when it is not asked, or its failure is passed over */
async function askOne(
  dispatcher: Dispatcher,
  webhook: Webhook,
  request: AdmissionRequest,
): Promise<Answer | undefined> {
  const { definition } = webhook;
  const { name } = definition;
  const as = askedAs(webhook, request, dispatcher);
  if (as === undefined || !meetsConditions(webhook, request)) return undefined;
  if (request.dryRun && !["None", "NoneOnDryRun"].includes(definition.sideEffects))
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  let verdict: Verdict;
  try {
    verdict = await called(dispatcher, webhook, request, as);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (definition.failurePolicy !== "Ignore") throw internalError(error.message);
    dispatcher.log.warn("a webhook that failed is passed over", {
      webhook: name,
      error: error.message,
    });
    return undefined;
  }
  for (const warning of verdict.warnings) request.warn(warning.slice(0, warningMax));
  for (const [key, value] of Object.entries(verdict.annotations))
    request.annotate(`${name}/${key}`, value);
  if (!verdict.allowed) throw denied(name, verdict.status);
  return { ...verdict, as };
}

/** @throws CallError */
async function called(
  { call, newUid, ...services }: Dispatcher,
  { definition, isMutating }: Webhook,
  request: AdmissionRequest,
  as: Resource,
): Promise<Verdict> {
  const { name, clientConfig, timeoutSeconds = 10, admissionReviewVersions } = definition;
  const asked = { uid: newUid(), version: reviewVersion(admissionReviewVersions), isMutating };
  let answer: unknown;
  try {
    const target = targetOf(clientConfig, timeoutSeconds, services);
    answer = await call(target, reviewOf(request, as, asked), timeoutSeconds * 1000);
  } catch (cause) {
    const why = `failed to call webhook: ${(cause as Error).message}`;
    throw new CallError(name, why, { cause });
  }
  try {
    return verdictOf(answer, asked);
  } catch (cause) {
    const why = `received invalid webhook response: ${(cause as Error).message}`;
    throw new CallError(name, why, { cause });
  }
}

/** @throws StatusError InternalError */
function patched(
  { definition }: Webhook,
  { operation, resource, object }: AdmissionRequest,
  { patch, as }: Answer,
): KubeObject {
  if (operation === "DELETE" || operation === "CONNECT")
    throw internalError(
      `admission webhook ${JSON.stringify(definition.name)} attempted to modify the object, which is not supported for this operation`,
    );
  // What is sent to a subresource is of a kind of its own, in one version.
  const isOwn = object.kind === resource.kind;
  const seen = isOwn ? inVersion(object, resource, as) : object;
  let next: unknown;
  try {
    next = jsonPatch(seen, patch);
  } catch (error) {
    throw internalError((error as Error).message);
  }
  if (!isMap(next) || !isMap(next["metadata"] ?? {}))
    throw internalError(`admission webhook ${JSON.stringify(definition.name)} left no object`);
  return isOwn ? inVersion(next as KubeObject, as, resource) : (next as KubeObject);
}
