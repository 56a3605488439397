// What will be written, from what a client sent: fitted, defaulted, admitted, validated, with its owners of fields.
import { isDeepStrictEqual } from "node:util";
import { openApiDocument } from "../../api/built-in.ts";
import { labelCauses, nameCauses } from "../../api/names.ts";
import type { KubeObject, ObjectMeta } from "../../api/object.ts";
import type { ShapeReport } from "../../api/resource.ts";
import { apiVersionOf, hasStatus, type Resource } from "../../api/resource.ts";
import { badRequest, invalid, type StatusCause } from "../../api/status.ts";
import { timestamp } from "../../clock.ts";
import { afterUpdate } from "../patch/managed-fields.ts";
import { checkShape } from "../schema-validation.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import {
  checkPreconditions,
  finalizersAfter,
  isOtherGeneration,
  keptMetadata,
  withoutUndefined,
} from "./metadata.ts";
import type { ChangeOptions, DeleteOptions, WriteOptions } from "./options.ts";
import { schemaOf } from "./resource-schema.ts";

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

  /** A new object. @throws StatusError BadRequest, Invalid, or as admission refuses it */
  created(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    given: KubeObject,
    options: WriteOptions,
  ): KubeObject {
    const { now, newUid } = this.#options;
    const placed = this.#placed(resource, namespace, given, name, options);
    const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...metadata } = placed.metadata;
    const created: ObjectMeta = {
      ...metadata,
      uid: newUid(),
      creationTimestamp: timestamp(now()),
      ...(hasSpec(placed) && { generation: 1 }),
    };
    const { status: givenStatus, ...bare } = placed;
    const fresh = { ...(hasStatus(resource) ? bare : placed), metadata: created } as KubeObject;
    const defaulted = this.#defaulted(resource, withoutUndefined(fresh));
    const owned = this.#withManagers(resource, undefined, defaulted, options);
    const request = this.#request("CREATE", resource, namespace, owned, undefined, options);
    const mutated = this.#mutated(request);
    // Of what was filled in, too: a pod's class of service depends on its defaults.
    const status = resource.strategy.initialStatus?.(mutated, givenStatus);
    const object = status === undefined ? mutated : { ...mutated, status };
    this.#validate(resource, object, undefined);
    this.#admit({ ...request, object });
    return object;
  }

  /** Fits what was given to where it was sent, and checks its shape. */
  #placed(
    resource: Resource,
    namespace: string | undefined,
    given: KubeObject,
    name: string,
    options: WriteOptions,
  ): KubeObject {
    const apiVersion = apiVersionOf(resource);
    if (given.apiVersion !== apiVersion || given.kind !== resource.kind) {
      throw badRequest(
        `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ` +
          `the object is ${JSON.stringify(`${given.apiVersion}, Kind=${given.kind}`)}, expected ${JSON.stringify(`${apiVersion}, Kind=${resource.kind}`)}`,
      );
    }
    const inside = given.metadata.namespace;
    if (inside !== undefined && inside !== "" && inside !== namespace)
      throw badRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    this.#checkShape(resource, given, name, options);
    const { namespace: _, ...metadata } = given.metadata;
    return {
      ...given,
      metadata: { ...metadata, name, ...(namespace !== undefined && { namespace }) },
    };
  }

  #checkShape(resource: Resource, given: KubeObject, name: string, options: WriteOptions): void {
    // Those who live in this process are held to the types when it is built.
    if (options.fieldValidation === "Ignore") return;
    const report = shapeOf(resource, given);
    if (report === undefined) return;
    const { kind, version } = resource;
    const title = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
    if (report.mistyped.length > 0) throw badRequest(`${title}: ${report.mistyped[0]}`);
    const unknown = report.unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    if (options.fieldValidation === "Warn") for (const text of unknown) options.warn?.(text);
    else if (unknown.length > 0)
      throw badRequest(`${title}: strict decoding error: ${unknown.join(", ")}`);
    if (report.causes.length > 0) throw invalid(resource, name, report.causes);
  }

  #defaulted(resource: Resource, object: KubeObject): KubeObject {
    return resource.strategy.defaults?.(object) ?? object;
  }

  #validate(resource: Resource, object: KubeObject, old: KubeObject | undefined): void {
    const { strategy, kind, group } = resource;
    const { name = "", labels } = object.metadata;
    const missing = {
      reason: "FieldValueRequired",
      message: "Required value: name or generateName is required",
      field: "metadata.name",
    };
    const causes: StatusCause[] = [
      ...(name === "" ? [missing] : nameCauses(kind, group, name)),
      ...labelCauses(labels, "metadata.labels"),
      ...(strategy.validate?.(object) ?? []),
      ...(old === undefined ? [] : (strategy.validateUpdate?.(object, old) ?? [])),
    ];
    if (causes.length > 0) throw invalid(resource, name, causes);
  }

  /** What replaces an object, or its status alone. @throws StatusError as `created` */
  updated(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const name = old.metadata.name as string;
    if (given.metadata.name !== undefined && given.metadata.name !== name) {
      throw badRequest(
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    checkPreconditions(resource, old, {
      ...(given.metadata.uid !== undefined && { uid: given.metadata.uid }),
    });
    const next =
      options.subresource === "status"
        ? this.#withStatus(resource, namespace, old, given, options)
        : this.#withoutStatus(resource, namespace, old, given, options);
    if (options.keepsManagers === true || isDeepStrictEqual(next, old)) return next;
    return this.#withManagers(resource, old, next, options);
  }

  /** Everything but the status stays, whatever stands there. */
  #withStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const { managedFields = old.metadata.managedFields } = given.metadata;
    const metadata = { ...old.metadata, ...(managedFields !== undefined && { managedFields }) };
    const asked = { ...old, metadata, status: given["status"] };
    const placed = this.#placed(resource, namespace, asked, old.metadata.name as string, options);
    const object = withoutUndefined({ ...old, metadata, status: placed["status"] });
    this.#admit(this.#request("UPDATE", resource, namespace, object, old, options));
    return object;
  }

  #withoutStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const placed = this.#placed(resource, namespace, given, old.metadata.name as string, options);
    const metadata = keptMetadata(placed.metadata, old.metadata);
    // A subresource's handler may set what clients may not; the object's own rules are for those.
    const isWhole = options.subresource !== undefined;
    const status = isWhole ? placed["status"] : old["status"];
    const merged = hasStatus(resource) ? { ...placed, metadata, status } : { ...placed, metadata };
    const defaulted = this.#defaulted(resource, withoutUndefined(merged));
    const request = this.#request("UPDATE", resource, namespace, defaulted, old, options);
    const object = this.#mutated(request);
    if (!isWhole) this.#validate(resource, object, old);
    this.#admit({ ...request, object });
    if (old.metadata.generation === undefined || !isOtherGeneration(object, old)) return object;
    const generation = old.metadata.generation + 1;
    return { ...object, metadata: { ...object.metadata, generation } };
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

  /** An object as it is once its deletion has been asked for. @throws StatusError when somebody refuses it */
  marked(
    resource: Resource,
    namespace: string | undefined,
    current: KubeObject,
    options: DeleteOptions,
  ): KubeObject {
    this.#admit(this.#request("DELETE", resource, namespace, current, current, options));
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

  #request(
    operation: AdmissionRequest["operation"],
    resource: Resource,
    namespace: string | undefined,
    object: KubeObject,
    old: KubeObject | undefined,
    options: ChangeOptions,
  ): AdmissionRequest {
    return {
      operation,
      resource,
      subresource: options.subresource,
      namespace,
      name: object.metadata.name ?? "",
      object,
      old,
      user: options.user,
      dryRun: options.dryRun ?? false,
      warn: options.warn ?? (() => undefined),
    };
  }

  #mutated(request: AdmissionRequest): KubeObject {
    let { object } = request;
    for (const { mutate } of this.#options.admission ?? [])
      object = mutate?.({ ...request, object }) ?? object;
    return object;
  }

  #admit(request: AdmissionRequest): void {
    for (const { validate } of this.#options.admission ?? []) validate?.(request);
  }
}

function shapeOf({ strategy, definition }: Resource, given: KubeObject): ShapeReport | undefined {
  if (strategy.shape !== undefined) return strategy.shape(given);
  return definition === undefined
    ? undefined
    : checkShape(given, definition, openApiDocument().definitions);
}

function hasSpec(object: KubeObject): boolean {
  return object["spec"] !== undefined;
}
