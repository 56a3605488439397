// What an object uses of a quota, by the names that quotas have (Kubernetes, "Resource Quotas").
import type { KubeObject } from "../api/object.ts";
import { podLimits, podRequests } from "../api/pod-resources.ts";
import { type Quantity, quantity } from "../api/quantity.ts";
import { type Amounts, nothing, sum } from "../api/resource-list.ts";
import { type GroupResource, qualified } from "../api/status.ts";
import type {
  PersistentVolumeClaim,
  Pod,
  ResourceQuotaSpec,
  Service,
} from "../api/types.generated.ts";
import { isInScopes, isScoped } from "./scopes.ts";

/** Resources of the core group that may be counted by their plain name. */
const plainlyCounted = new Set([
  "configmaps",
  "persistentvolumeclaims",
  "pods",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "services",
]);
/** Names that quotas may give to what pods request without saying so. */
const requestAliases = new Set(["cpu", "memory", "ephemeral-storage"]);
const storageClassSuffix = "storageclass.storage.k8s.io";
const storageClassAnnotation = "volume.beta.kubernetes.io/storage-class";

/** Objects that are stored never change, so neither does what they use. */
const known = new WeakMap<KubeObject, Amounts>();

export function usageOf(of: GroupResource, object: KubeObject): Amounts {
  const there = known.get(object);
  if (there !== undefined) return there;
  const usage = sum(counted(of, object), specific(of, object));
  known.set(object, usage);
  return usage;
}

/** What a quota has used of what it limits. @param objects of one resource, all of the quota's namespace */
export function quotaUsage(
  spec: ResourceQuotaSpec,
  of: GroupResource,
  objects: readonly KubeObject[],
): Amounts {
  const usages = objects
    .filter((object) => concerns(spec, of, object))
    .map((object) => limitedOnly(usageOf(of, object), spec));
  return sum(...usages);
}

/** Whether a quota's scopes let it count an object at all. */
export function concerns(spec: ResourceQuotaSpec, of: GroupResource, object: KubeObject): boolean {
  return !isScoped(spec) || (isPod(of) && isInScopes(spec, object as Pod));
}

export function limitedOnly(usage: Amounts, { hard = {} }: ResourceQuotaSpec): Amounts {
  return new Map([...usage].filter(([name]) => Object.hasOwn(hard, name)));
}

/** Whether what a quota limits has to do with a resource. @param spec a quota may come without one */
export function limits(spec: ResourceQuotaSpec | undefined, of: GroupResource): boolean {
  const names = Object.keys(spec?.hard ?? {});
  const { resource } = of;
  if (names.includes(`count/${qualified(of)}`)) return true;
  if (of.group !== "") return false;
  if (names.includes(resource)) return true;
  if (resource === "services") return names.some((name) => name.startsWith("services."));
  if (resource === "persistentvolumeclaims")
    return names.some((name) => name === "requests.storage" || name.includes(storageClassSuffix));
  return resource === "pods" && names.some(isComputeName);
}

function isComputeName(name: string): boolean {
  return (
    requestAliases.has(name) || (/^(requests|limits)\./.test(name) && name !== "requests.storage")
  );
}

function isPod({ group, resource }: GroupResource): boolean {
  return group === "" && resource === "pods";
}

const one = quantity("1");

function counted(of: GroupResource, object: KubeObject): Amounts {
  const usage = new Map([[`count/${qualified(of)}`, one]]);
  const isPlain = of.group === "" && plainlyCounted.has(of.resource);
  if (isPlain && !(isPod(of) && isOver(object as Pod))) usage.set(of.resource, one);
  return usage;
}

function specific(of: GroupResource, object: KubeObject): Amounts {
  if (of.group !== "") return nothing;
  switch (of.resource) {
    case "pods":
      return podUsage(object as Pod);
    case "services":
      return serviceUsage(object as Service);
    case "persistentvolumeclaims":
      return claimUsage(object as PersistentVolumeClaim);
    default:
      return nothing;
  }
}

/** It runs nothing any more: only its object is left. */
function isOver({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

function podUsage(pod: Pod): Amounts {
  if (isOver(pod)) return nothing;
  const usage = new Map<string, Quantity>();
  for (const [name, amount] of podRequests(pod.spec)) {
    usage.set(`requests.${name}`, amount);
    if (requestAliases.has(name) || name.startsWith("hugepages-")) usage.set(name, amount);
  }
  for (const [name, amount] of podLimits(pod.spec)) usage.set(`limits.${name}`, amount);
  return usage;
}

function serviceUsage({ spec }: Service): Amounts {
  const { type = "ClusterIP", ports = [], allocateLoadBalancerNodePorts = true } = spec;
  const usage = new Map<string, Quantity>();
  if (type === "LoadBalancer") usage.set("services.loadbalancers", one);
  if (type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts))
    usage.set("services.nodeports", quantity(String(ports.length)));
  return usage;
}

function claimUsage({ metadata, spec }: PersistentVolumeClaim): Amounts {
  const usage = new Map<string, Quantity>();
  const storage = spec.resources?.requests?.["storage"];
  const className = spec.storageClassName ?? metadata.annotations?.[storageClassAnnotation];
  const prefix = `${className}.${storageClassSuffix}`;
  if (storage !== undefined) usage.set("requests.storage", quantity(storage));
  if (className === undefined) return usage;
  usage.set(`${prefix}/persistentvolumeclaims`, one);
  if (storage !== undefined) usage.set(`${prefix}/requests.storage`, quantity(storage));
  return usage;
}
