// What the server serves, as clients ask for it: aggregated (apidiscovery.k8s.io/v2) and by group (meta/v1).
import type { Resource, Subresource } from "../api/resource.ts";
import { apiVersionOf } from "../api/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

interface GroupVersion {
  readonly version: string;
  readonly resources: readonly Resource[];
}

interface Group {
  readonly name: string;
  /** The preferred version first. */
  readonly versions: readonly GroupVersion[];
}

/** Higher versions first: v2, v1, v1beta2, v1alpha1 (Kubernetes' version priority). */
export function compareVersions(a: string, b: string): number {
  const rank = (version: string): readonly [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [0, 0, 0];
    const [, major, stage, minor] = match;
    const stability = stage === undefined ? 3 : stage === "beta" ? 2 : 1;
    return [stability, Number(major), Number(minor ?? 0)];
  };
  const [x, y] = [rank(a), rank(b)];
  return y[0] - x[0] || y[1] - x[1] || y[2] - x[2] || a.localeCompare(b);
}

function groupsOf(resources: readonly Resource[]): Group[] {
  const groups = Map.groupBy(resources, ({ group }) => group);
  return [...groups].map(([name, members]) => {
    const versions = [...Map.groupBy(members, ({ version }) => version)]
      .map(([version, of]) => ({ version, resources: of }))
      .toSorted((a, b) => compareVersions(a.version, b.version));
    return { name, versions };
  });
}

/** The type that kubectl asks for first. */
export const aggregatedType =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** @param core whether `/api` is asked, and not `/apis` */
export function aggregatedDiscovery(resources: readonly Resource[], core: boolean): Fields {
  const groups = groupsOf(resources).filter(({ name }) => (name === "") === core);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { name: name === "" ? null : name, creationTimestamp: null },
      versions: versions.map(({ version, resources: members }) => ({
        version,
        resources: members.map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
}

function aggregatedResource(resource: Resource): Fields {
  const { group, version, kind, singular, namespaced, verbs, shortNames, categories } = resource;
  return {
    resource: resource.resource,
    responseKind: { group, version, kind },
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(resource.subresources.length > 0 && {
      subresources: resource.subresources.map((sub) => ({
        subresource: sub.name,
        responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
        verbs: sub.verbs,
      })),
    }),
  };
}

/** `/api`: where the core group is. @param address host and port of this server */
export function coreVersions(address: string): Fields {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
  };
}

/** `/apis`. */
export function groupList(resources: readonly Resource[]): Fields {
  const groups = groupsOf(resources).filter(({ name }) => name !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupFields) };
}

/** `/apis/<group>`. @returns undefined for a group that is not served */
export function apiGroup(resources: readonly Resource[], name: string): Fields | undefined {
  const group = groupsOf(resources).find((each) => each.name === name);
  return group && { kind: "APIGroup", apiVersion: "v1", ...groupFields(group) };
}

function groupFields({ name, versions }: Group): Fields {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

/** `/api/v1`, `/apis/<group>/<version>`. @returns undefined for one that is not served */
export function resourceList(
  resources: readonly Resource[],
  group: string,
  version: string,
): Fields | undefined {
  const members = resources.filter((each) => each.group === group && each.version === version);
  if (members.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    ...(group !== "" && { apiVersion: "v1" }),
    groupVersion: apiVersionOf({ group, version }),
    resources: members.flatMap((resource) => [
      legacyResource(resource),
      ...resource.subresources.map((sub) => legacySubresource(resource, sub)),
    ]),
  };
}

function legacyResource(resource: Resource): Fields {
  const { singular, namespaced, kind, verbs, shortNames, categories } = resource;
  return {
    name: resource.resource,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  };
}

function legacySubresource(resource: Resource, sub: Subresource): Fields {
  const elsewhere = sub.group !== resource.group || sub.version !== resource.version;
  return {
    name: `${resource.resource}/${sub.name}`,
    singularName: "",
    namespaced: resource.namespaced,
    ...(elsewhere && { group: sub.group, version: sub.version }),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}
