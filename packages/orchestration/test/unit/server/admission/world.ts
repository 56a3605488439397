// A registry with one namespace and the plug-ins under test.
import { builtInResources } from "../../../../src/api/built-in.ts";
import { type Kind, kinds } from "../../../../src/api/kinds.ts";
import type { KubeObject } from "../../../../src/api/object.ts";
import type { AdmissionPlugin } from "../../../../src/server/registry/admission.ts";
import type { ChangeOptions } from "../../../../src/server/registry/options.ts";
import { Registry } from "../../../../src/server/registry/registry.ts";
import { MvccStore } from "../../../../src/store/mvcc.ts";

const resources = builtInResources();

export class AdmittedWorld {
  readonly registry: Registry;

  constructor(plugins: (registry: () => Registry) => readonly AdmissionPlugin[]) {
    let count = 0;
    this.registry = new Registry({
      store: new MvccStore({ historyMax: 1000 }),
      resources,
      admission: plugins(() => this.registry),
      now: () => 0,
      newUid: () => `uid-${++count}`,
      newSuffix: () => "x",
    });
  }

  static async start(
    plugins: (registry: () => Registry) => readonly AdmissionPlugin[],
  ): Promise<AdmittedWorld> {
    const world = new AdmittedWorld(plugins);
    const metadata = { name: "default" };
    await world.create(kinds.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata,
      spec: {},
    });
    return world;
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: T, dryRun = false): Promise<T> {
    const { group, version, resource, namespaced } = kind;
    const at = this.registry.resources.get(group, version, resource);
    const namespace = namespaced ? "default" : undefined;
    return (await this.registry.create(at, namespace, object, { dryRun })) as T;
  }

  async change<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    change: (object: T) => T,
    options: ChangeOptions = {},
  ): Promise<T> {
    const { group, version, resource } = kind;
    const at = this.registry.resources.get(group, version, resource);
    const how = (object: KubeObject): KubeObject => change(object as T);
    return (await this.registry.change(at, "default", name, how, options)) as T;
  }

  async delete(kind: Kind, name: string): Promise<void> {
    const { group, version, resource } = kind;
    await this.registry.delete(
      this.registry.resources.get(group, version, resource),
      "default",
      name,
    );
  }
}
