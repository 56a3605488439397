// What a LimitRange gives to containers that say nothing (core/v1 LimitRange).
import type { ResourceList } from "../api/resource-list.ts";
import type { Container, LimitRange, LimitRangeItem, Pod } from "../api/types.generated.ts";

const annotation = "kubernetes.io/limit-ranger";

/** A maximum is also the default, a default also what is requested. */
export function withLimitRangeDefaults(range: LimitRange): LimitRange {
  const limits = (range.spec?.limits ?? []).map((item): LimitRangeItem => {
    if (item.type !== "Container") return item;
    const { min, max } = item;
    const all = { ...max, ...item.default };
    const requested = { ...min, ...all, ...item.defaultRequest };
    return {
      ...item,
      ...(Object.keys(all).length > 0 && { default: all }),
      ...(Object.keys(requested).length > 0 && { defaultRequest: requested }),
    };
  });
  return { ...range, spec: { ...range.spec, limits } };
}

/** Fills in what containers do not say, and notes in an annotation what it was. */
export function withContainerDefaults(pod: Pod, range: LimitRange): Pod {
  const items = (range.spec?.limits ?? []).filter(({ type }) => type === "Container");
  const requests = Object.assign({}, ...items.map((item) => item.defaultRequest)) as ResourceList;
  const limits = Object.assign({}, ...items.map((item) => item.default)) as ResourceList;
  const notes: string[] = [];
  const filled =
    (what: string) =>
    (container: Container): Container => {
      const { resources } = container;
      const note = (given: ResourceList | undefined, added: ResourceList, which: string): void => {
        const names = Object.keys(added).filter((name) => given?.[name] === undefined);
        if (names.length > 0)
          notes.push(`${names.toSorted().join(", ")} ${which} for ${what} ${container.name}`);
      };
      note(resources?.requests, requests, "request");
      note(resources?.limits, limits, "limit");
      return {
        ...container,
        resources: {
          ...resources,
          ...merged("requests", requests, resources?.requests),
          ...merged("limits", limits, resources?.limits),
        },
      };
    };
  const containers = pod.spec.containers.map(filled("container"));
  const initContainers = pod.spec.initContainers?.map(filled("init container"));
  if (notes.length === 0) return pod;
  const text = `LimitRanger plugin set: ${notes.join("; ")}`;
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [annotation]: text } },
    spec: { ...pod.spec, containers, ...(initContainers !== undefined && { initContainers }) },
  };
}

function merged(
  which: "requests" | "limits",
  defaults: ResourceList,
  given: ResourceList | undefined,
): { readonly requests?: ResourceList; readonly limits?: ResourceList } {
  const all = { ...defaults, ...given };
  return Object.keys(all).length === 0 ? {} : { [which]: all };
}
