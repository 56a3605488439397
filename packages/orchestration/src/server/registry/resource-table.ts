// Which resources are served at this moment: the built-in ones, and those that others add and take away.
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";

export class ResourceTable {
  readonly #resources = new Map<string, Resource>();
  #list: readonly Resource[] | undefined;
  /** Changes with every addition and removal: what is derived from the table is kept for one generation. */
  generation = 0;
  readonly #listeners = new Set<() => void>();

  constructor(resources: Iterable<Resource>) {
    for (const resource of resources) this.add(resource);
  }

  /** In order of addition. */
  get all(): readonly Resource[] {
    return (this.#list ??= [...this.#resources.values()]);
  }

  /** Adds a resource, or replaces it. */
  add(resource: Resource): void {
    this.#resources.set(nameOf(resource), resource);
    this.#changed();
  }

  remove(resource: Pick<Resource, "group" | "version" | "resource">): void {
    if (this.#resources.delete(nameOf(resource))) this.#changed();
  }

  find(group: string, version: string, resource: string): Resource | undefined {
    return this.#resources.get(nameOf({ group, version, resource }));
  }

  /** @throws StatusError NotFound where nothing of that name is served */
  get(group: string, version: string, resource: string): Resource {
    const found = this.find(group, version, resource);
    if (found !== undefined) return found;
    throw new StatusError("NotFound", "the server could not find the requested resource", {});
  }

  /** Hears of every addition and removal from now on. @returns a function that ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #changed(): void {
    this.#list = undefined;
    this.generation += 1;
    for (const listener of [...this.#listeners]) listener();
  }
}

function nameOf({
  group,
  version,
  resource,
}: Pick<Resource, "group" | "version" | "resource">): string {
  return `${group}/${version}/${resource}`;
}
