// Kinds whose objects are computed when somebody asks, and never stored.
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";

/** Offers get and list alone; `resource` is what discovery says of it. */
export interface VirtualResource {
  readonly resource: Resource;
  /** All there are now; of one namespace where one is given. */
  list(namespace: string | undefined): readonly KubeObject[];
}

export class VirtualResources {
  readonly #all: readonly VirtualResource[];

  constructor(all: readonly VirtualResource[]) {
    this.#all = all;
  }

  find({ group, resource }: Resource): VirtualResource | undefined {
    return this.#all.find(({ resource: its }) => its.group === group && its.resource === resource);
  }
}
