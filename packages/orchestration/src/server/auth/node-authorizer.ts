// What a node may read of others' configuration: what pods bound to it refer to, and nothing else (Kubernetes, "Using Node Authorization").
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import { podReferences } from "../../node/core/pod-references.ts";
import type { UserInfo } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";
import type { Authorizer } from "./authorizer.ts";
import { nodeOfUser } from "./node-user.ts";
import type { Act } from "./rbac.ts";

const kindOf: Readonly<Record<string, "secret" | "configmap">> = {
  secrets: "secret",
  configmaps: "configmap",
};

/** Takes from nodes what roles grant them beyond their pods; everybody else is left to `next`. */
export function nodeAuthorizer(registry: () => Registry, next: Authorizer): Authorizer {
  return {
    authorize(user, act) {
      const decision = next.authorize(user, act);
      if (!decision.allowed || isWithin(user, act)) return decision;
      return { allowed: false, reason: "no pod of this node refers to it" };
    },
  };

  function isWithin(user: UserInfo, act: Act): boolean {
    const node = nodeOfUser(user);
    const kind = act.group === "" ? kindOf[act.resource] : undefined;
    if (node === undefined || kind === undefined) return true;
    const name = act.name ?? act.selected?.name;
    const namespace = act.namespace ?? act.selected?.namespace;
    if (name === undefined || namespace === undefined) return false;
    return podsOf(node, namespace).some((pod) =>
      podReferences(pod).some((each) => each.kind === kind && each.name === name),
    );
  }

  function podsOf(node: string, namespace: string): readonly Pod[] {
    const { group, version, resource } = kinds.pods;
    const pods = registry().resources.get(group, version, resource);
    const all = registry().peekAll(pods, namespace) as readonly Pod[];
    return all.filter(({ spec }) => spec.nodeName === node);
  }
}
