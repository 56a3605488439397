// The roles and bindings that the store holds, as one picture that is made anew after a change.
import type { Kind } from "../../api/kinds.ts";
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { RoleBinding } from "../../api/types.generated.ts";
import type { Registry } from "../registry/registry.ts";
import type { Policy } from "./rbac.ts";

export class PolicyView {
  readonly #registry: Registry;
  #policy: Policy | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    for (const kind of [
      kinds.clusterRoles,
      kinds.clusterRoleBindings,
      kinds.roles,
      kinds.roleBindings,
    ]) {
      const resource = registry.resources.get(kind.group, kind.version, kind.resource);
      registry.watch(
        resource,
        undefined,
        registry.revision,
        () => true,
        () => {
          this.#policy = undefined;
        },
      );
    }
  }

  get policy(): Policy {
    return (this.#policy ??= this.#read());
  }

  #read(): Policy {
    const clusterRoles = this.#all(kinds.clusterRoles);
    const roles = this.#all(kinds.roles);
    const bindings: readonly RoleBinding[] = this.#all(kinds.roleBindings);
    return {
      clusterRoles: new Map(clusterRoles.map((role) => [role.metadata.name as string, role])),
      clusterRoleBindings: this.#all(kinds.clusterRoleBindings),
      roles: new Map(
        roles.map((role) => [`${role.metadata.namespace}/${role.metadata.name}`, role]),
      ),
      roleBindings: Map.groupBy(bindings, ({ metadata }) => metadata.namespace as string),
    };
  }

  #all<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    const resource = this.#registry.resources.get(kind.group, kind.version, kind.resource);
    return this.#registry.peekAll(resource, undefined) as readonly T[];
  }
}
