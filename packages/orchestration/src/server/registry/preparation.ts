// What will be written, from what a client sent: fitted, defaulted, admitted, validated, with its owners of fields.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ObjectMeta } from "../../api/object.ts";
import { apiVersionOf, hasStatus, type Resource } from "../../api/resource.ts";
import { badRequest } from "../../api/status.ts";
import { timestamp } from "../../clock.ts";
import { afterUpdate } from "../patch/managed-fields.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { knownOf, placed, validate } from "./fitting.ts";
import {
  checkPreconditions,
  finalizersAfter,
  isOtherGeneration,
  keptMetadata,
  sameIdentity,
  withoutUndefined,
} from "./metadata.ts";
import type { ChangeOptions, DeleteOptions, WriteOptions } from "./options.ts";
import { schemaOf } from "./resource-schema.ts";

/** What a client asks for, on its way to what is written. */
export interface Draft {
  /** With the object as plug-ins have made it. */
  readonly request: AdmissionRequest;
  /** What would be written of an object that admission has made: with its status and owners of fields. @throws StatusError Invalid */
  readonly completed: (object: KubeObject) => KubeObject;
  /** What defaults and plug-ins make of an object that somebody outside has changed. */
  readonly refilled: (object: KubeObject) => KubeObject;
}

export interface RequestFacts {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly subresource?: string;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
  readonly options: ChangeOptions;
}

export interface PreparationOptions {
  /** In the order in which they are asked. */
  readonly admission?: readonly AdmissionPlugin[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newUid: () => string;
}

/** Knows what is asked and what is there, and touches no store. */
export class Preparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /** A new object. @throws StatusError BadRequest, or as plug-ins refuse it */
  created(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    given: KubeObject,
    options: WriteOptions,
  ): Draft {
    const { now, newUid } = this.#options;
    const fitted = placed(resource, namespace, given, name, options);
    const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...metadata } = fitted.metadata;
    const created: ObjectMeta = {
      ...metadata,
      uid: newUid(),
      creationTimestamp: timestamp(now()),
      ...(hasSpec(fitted) && { generation: 1 }),
    };
    const { status: givenStatus, ...bare } = fitted;
    const fresh = { ...(hasStatus(resource) ? bare : fitted), metadata: created } as KubeObject;
    const defaulted = this.#defaulted(resource, withoutUndefined(fresh));
    const owned = this.#withManagers(resource, undefined, defaulted, options);
    const request = this.request("CREATE", {
      resource,
      namespace,
      object: owned,
      old: undefined,
      options,
    });
    return this.#draft(request, (mutated) => {
      // Of what was filled in, too: a pod's class of service depends on its defaults.
      const status = resource.strategy.initialStatus?.(mutated, givenStatus);
      const object = status === undefined ? mutated : { ...mutated, status };
      validate(resource, object, undefined);
      return object;
    });
  }

  #draft(request: AdmissionRequest, completed: Draft["completed"]): Draft {
    const { resource, object: before } = request;
    const refilled = (changed: KubeObject): KubeObject => {
      const same = { ...changed, metadata: sameIdentity(changed.metadata, before.metadata) };
      const known = knownOf(resource, same, before.metadata.name ?? "", {
        fieldValidation: "Warn",
      });
      const object = this.#defaulted(resource, withoutUndefined(known));
      return this.#mutated({ ...request, object });
    };
    return { request: { ...request, object: this.#mutated(request) }, completed, refilled };
  }

  /** The last word, in the same step as the write. @throws StatusError */
  admit(request: AdmissionRequest): void {
    for (const plugin of this.#options.admission ?? []) plugin.validate?.(request);
  }

  #defaulted(resource: Resource, object: KubeObject): KubeObject {
    return resource.strategy.defaults?.(object) ?? object;
  }

  /** What replaces an object, or its status alone. @throws StatusError as `created` */
  updated(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): Draft {
    const name = old.metadata.name as string;
    if (given.metadata.name !== undefined && given.metadata.name !== name) {
      throw badRequest(
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    checkPreconditions(resource, old, {
      ...(given.metadata.uid !== undefined && { uid: given.metadata.uid }),
    });
    const { request, completed } =
      options.subresource === "status"
        ? this.#withStatus(resource, namespace, old, given, options)
        : this.#withoutStatus(resource, namespace, old, given, options);
    return this.#draft(request, (object) => {
      const next = completed(object);
      if (options.keepsManagers === true || isDeepStrictEqual(next, old)) return next;
      return this.#withManagers(resource, old, next, options);
    });
  }

  /** Everything but the status stays, whatever stands there. */
  #withStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): Pick<Draft, "request" | "completed"> {
    const { managedFields = old.metadata.managedFields } = given.metadata;
    const metadata = { ...old.metadata, ...(managedFields !== undefined && { managedFields }) };
    const asked = { ...old, metadata, status: given["status"] };
    const fitted = placed(resource, namespace, asked, old.metadata.name as string, options);
    const completed = (object: KubeObject): KubeObject =>
      withoutUndefined({ ...old, metadata, status: object["status"] });
    return {
      request: this.request("UPDATE", {
        resource,
        namespace,
        object: completed(fitted),
        old,
        options,
      }),
      completed,
    };
  }

  #withoutStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): Pick<Draft, "request" | "completed"> {
    const fitted = placed(resource, namespace, given, old.metadata.name as string, options);
    const metadata = keptMetadata(fitted.metadata, old.metadata);
    // A subresource's handler may set what clients may not; the object's own rules are for those.
    const isWhole = options.subresource !== undefined;
    const status = isWhole ? fitted["status"] : old["status"];
    const merged = hasStatus(resource) ? { ...fitted, metadata, status } : { ...fitted, metadata };
    const defaulted = this.#defaulted(resource, withoutUndefined(merged));
    const completed = (mutated: KubeObject): KubeObject => {
      const object = hasStatus(resource) ? withoutUndefined({ ...mutated, status }) : mutated;
      if (!isWhole) validate(resource, object, old);
      if (old.metadata.generation === undefined || !isOtherGeneration(object, old)) return object;
      const generation = old.metadata.generation + 1;
      return { ...object, metadata: { ...object.metadata, generation } };
    };
    return {
      request: this.request("UPDATE", { resource, namespace, object: defaulted, old, options }),
      completed,
    };
  }

  #withManagers(
    resource: Resource,
    old: KubeObject | undefined,
    next: KubeObject,
    { manager, subresource }: ChangeOptions,
  ): KubeObject {
    if (manager === undefined) return next;
    const who = {
      manager,
      apiVersion: apiVersionOf(resource),
      time: timestamp(this.#options.now()),
      ...(subresource !== undefined && { subresource }),
    };
    return afterUpdate(old, next, who, schemaOf(resource));
  }

  /** An object as it is once its deletion has been asked for. */
  marked(resource: Resource, current: KubeObject, options: DeleteOptions): KubeObject {
    const { metadata } = current;
    const finalizers = finalizersAfter(metadata.finalizers, options.propagationPolicy);
    const wanted = resource.strategy.gracePeriodSeconds?.(current, options.gracePeriodSeconds) ?? 0;
    // A deletion that is under way can be made shorter, not longer.
    const seconds = Math.min(wanted, metadata.deletionGracePeriodSeconds ?? wanted);
    const isShorter = seconds < (metadata.deletionGracePeriodSeconds ?? Infinity);
    const deletionTimestamp = isShorter
      ? timestamp(this.#options.now() + seconds * 1000)
      : metadata.deletionTimestamp;
    const { finalizers: _, ...rest } = metadata;
    const marked = {
      ...current,
      metadata: {
        ...rest,
        ...(finalizers.length > 0 && { finalizers }),
        ...(deletionTimestamp !== undefined && { deletionTimestamp }),
        deletionGracePeriodSeconds: seconds,
        // What is asked of whoever runs it changes with the mark.
        ...(metadata.deletionTimestamp === undefined &&
          metadata.generation !== undefined && { generation: metadata.generation + 1 }),
      },
    };
    return metadata.deletionTimestamp === undefined
      ? (resource.strategy.whenMarked?.(marked) ?? marked)
      : marked;
  }

  /** What admission is asked. */
  request(operation: AdmissionRequest["operation"], facts: RequestFacts): AdmissionRequest {
    const { options, ...rest } = facts;
    return {
      operation,
      ...rest,
      subresource: facts.subresource ?? options.subresource,
      name: facts.object.metadata.name ?? "",
      user: options.user,
      dryRun: options.dryRun ?? false,
      warn: options.warn ?? nobody,
      annotate: options.annotate ?? nobody,
    };
  }

  #mutated(request: AdmissionRequest): KubeObject {
    let { object } = request;
    if (request.subresource === "status") return object;
    for (const { mutate } of this.#options.admission ?? [])
      object = mutate?.({ ...request, object }) ?? object;
    return object;
  }
}

const nobody = (): void => undefined;

function hasSpec(object: KubeObject): boolean {
  return object["spec"] !== undefined;
}
