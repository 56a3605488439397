// What can be done to an object beside the verbs: bind a pod to a node, evict it, scale a workload, ask for a token.
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { Answer } from "../http/answer.ts";
import type { ResourceApiRequest } from "../http/api-request.ts";
import type { ChangeOptions, WriteOptions } from "../registry/options.ts";
import type { Registry } from "../registry/registry.ts";

/** Which subresource of which object. */
export interface SubresourceTarget {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** One subresource; what it does not offer is refused with MethodNotAllowed. */
export interface SubresourceHandler {
  readonly get?: (target: SubresourceTarget) => Promise<KubeObject>;
  readonly create?: (
    target: SubresourceTarget,
    body: KubeObject,
    options: WriteOptions,
  ) => Promise<KubeObject>;
  /** Reads, changes and writes: for update and patch alike. */
  readonly change?: (
    target: SubresourceTarget,
    change: (current: KubeObject) => KubeObject,
    options: ChangeOptions,
  ) => Promise<KubeObject>;
  /** Answers with something that is no object, such as a log. */
  readonly connect?: (target: SubresourceTarget, request: ResourceApiRequest) => Promise<Answer>;
}

export interface SubresourceCreate extends SubresourceTarget {
  readonly subresource: string;
  readonly body: KubeObject;
  readonly options: WriteOptions;
}

/** Asks those outside about what is sent to a subresource. */
export type Reviewer = Pick<Registry, "review">;

export class Subresources {
  readonly #handlers = new Map<string, SubresourceHandler>();
  readonly #reviewer: Reviewer | undefined;

  /** @param handlers by `pods/binding`, or by `scale` alone for every resource that has it */
  constructor(handlers: Readonly<Record<string, SubresourceHandler>>, reviewer?: Reviewer) {
    this.#reviewer = reviewer;
    for (const [name, handler] of Object.entries(handlers)) this.#handlers.set(name, handler);
  }

  find(resource: Resource, subresource: string): SubresourceHandler | undefined {
    if (!resource.subresources.some(({ name }) => name === subresource)) return undefined;
    return (
      this.#handlers.get(`${resource.resource}/${subresource}`) ?? this.#handlers.get(subresource)
    );
  }

  /** @throws StatusError NotFound, MethodNotAllowed */
  async get(target: SubresourceTarget, subresource: string): Promise<KubeObject> {
    const get = this.find(target.resource, subresource)?.get;
    if (get === undefined) throw notAllowed("get", target.resource, subresource);
    return get(target);
  }

  /** @throws StatusError MethodNotAllowed */
  async change(
    target: SubresourceTarget,
    subresource: string,
    change: (current: KubeObject) => KubeObject,
    options: ChangeOptions,
  ): Promise<KubeObject> {
    const handler = this.find(target.resource, subresource)?.change;
    if (handler === undefined) throw notAllowed("update", target.resource, subresource);
    return handler(target, change, options);
  }

  /** @throws StatusError NotFound, MethodNotAllowed */
  async create({ subresource, body, options, ...target }: SubresourceCreate): Promise<KubeObject> {
    const create = this.find(target.resource, subresource)?.create;
    if (create === undefined) throw notAllowed("create", target.resource, subresource);
    const act = { ...target, subresource, object: body };
    const reviewed = await this.#reviewer?.review("CREATE", act, options);
    return create(target, reviewed ?? body, options);
  }
}

export function notAllowed(verb: string, resource: Resource, subresource?: string): StatusError {
  const what =
    subresource === undefined ? resource.resource : `${resource.resource}/${subresource}`;
  return new StatusError("MethodNotAllowed", `${what} does not allow ${verb}`, {
    kind: resource.resource,
  });
}
