// Mutating and validating webhooks, as the registry asks them.
import { randomUUID } from "node:crypto";
import { type Kind, kinds } from "../../../api/kinds.ts";
import type { KubeObject } from "../../../api/object.ts";
import type { Resource } from "../../../api/resource.ts";
import type { Log } from "../../../log.ts";
import type { AdmissionRequest, RemoteAdmission } from "../../registry/admission.ts";
import type { Registry } from "../../registry/registry.ts";
import { type Dispatcher, mutateInOrder, validateTogether } from "./dispatch.ts";
import { callWebhook } from "./edge/call.ts";
import { askedAs } from "./match.ts";
import { type Webhook, webhooksOf } from "./webhook.ts";

export interface WebhookAdmission extends RemoteAdmission {
  /** From now on what this process itself writes is reviewed, too: before, webhooks may be served by what only starts with it. */
  start(): void;
}

/** @param registry asked at the first request: it need not exist yet */
export function webhookAdmission(registry: () => Registry, log: Log): WebhookAdmission {
  let known: readonly Webhook[] | undefined;
  let isWatching = false;
  let hasStarted = false;
  const webhooks = (): readonly Webhook[] => {
    if (!isWatching) watchConfigurations(registry(), () => (known = undefined));
    isWatching = true;
    return (known ??= webhooksOf([
      ...all(registry(), kinds.mutatingWebhookConfigurations),
      ...all(registry(), kinds.validatingWebhookConfigurations),
    ]));
  };
  const dispatcher: Dispatcher = {
    call: callWebhook,
    newUid: randomUUID,
    log,
    namespace: (name) => one(registry(), kinds.namespaces, undefined, name),
    resources: () => registry().resources.all,
    service: (namespace, name) => one(registry(), kinds.services, namespace, name),
    slices: (namespace, service) =>
      all(registry(), kinds.endpointSlices, namespace).filter(
        ({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service,
      ),
  };
  return {
    start() {
      hasStarted = true;
    },
    isAsked: (request) =>
      (request.user !== undefined || (hasStarted && !isSignOfLife(request))) &&
      webhooks().some((webhook) => askedAs(webhook, request, dispatcher) !== undefined),
    mutate: (request, refilled) => {
      const mutating = webhooks().filter(({ isMutating }) => isMutating);
      return mutateInOrder(dispatcher, mutating, request, refilled);
    },
    validate: (request) => {
      const validating = webhooks().filter(({ isMutating }) => !isMutating);
      return validateTogether(dispatcher, validating, request);
    },
  };
}

/** A webhook that is away would take the nodes of this process with it, and then keep the process from starting. */
function isSignOfLife({ resource: { group, resource } }: AdmissionRequest): boolean {
  return (
    (group === "" && resource === "nodes") ||
    (group === "coordination.k8s.io" && resource === "leases")
  );
}

function watchConfigurations(registry: Registry, onChange: () => void): void {
  for (const kind of [kinds.mutatingWebhookConfigurations, kinds.validatingWebhookConfigurations])
    registry.watch(of(registry, kind), undefined, registry.revision, () => true, onChange);
}

function of(registry: Registry, { group, version, resource }: Kind): Resource {
  return registry.resources.get(group, version, resource);
}

function all<T extends KubeObject>(
  registry: Registry,
  kind: Kind<T>,
  namespace?: string,
): readonly T[] {
  return registry.peekAll(of(registry, kind), namespace) as readonly T[];
}

function one<T extends KubeObject>(
  registry: Registry,
  kind: Kind<T>,
  namespace: string | undefined,
  name: string,
): T | undefined {
  return registry.peek(of(registry, kind), namespace, name) as T | undefined;
}
