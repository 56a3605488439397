// metrics.k8s.io: what pods and nodes use, as `kubectl top` asks for it. Computed from what nodes measure, never stored.
import { kinds } from "../api/kinds.ts";
import type { KubeObject, ObjectMeta } from "../api/object.ts";
import type { Resource } from "../api/resource.ts";
import { timestamp } from "../clock.ts";
import type { NodeStreams, PodUsage } from "../node/node-streams.ts";
import type { VirtualResource } from "../server/http/virtual-resources.ts";
import type { Registry } from "../server/registry/registry.ts";

interface Measured {
  readonly atMs: number;
  readonly windowMs: number;
}

/** @param nodes how the node of a name is reached; undefined where it is not */
export function metricsResources(
  registry: Registry,
  nodes: (name: string) => NodeStreams | undefined,
): readonly VirtualResource[] {
  const resourceOf = ({ group, version, resource }: typeof kinds.pods | typeof kinds.nodes) =>
    registry.resources.get(group, version, resource);
  const reachable = (): readonly { node: KubeObject; streams: NodeStreams }[] =>
    registry.peekAll(resourceOf(kinds.nodes), undefined).flatMap((node) => {
      const streams = nodes(node.metadata.name ?? "");
      return streams === undefined ? [] : [{ node, streams }];
    });
  return [
    {
      resource: metricsResource("nodes", "NodeMetrics", false),
      list: () =>
        reachable().map(({ node, streams }) => {
          const usage = streams.nodeUsage();
          return { ...metricsObject("NodeMetrics", node.metadata, usage), usage: usageOf(usage) };
        }),
    },
    {
      resource: metricsResource("pods", "PodMetrics", true),
      list: (namespace) =>
        reachable()
          .flatMap(({ streams }) => streams.usage())
          .filter((usage) => namespace === undefined || usage.namespace === namespace)
          .flatMap((usage) => {
            const pod = registry.peek(resourceOf(kinds.pods), usage.namespace, usage.pod);
            return pod === undefined ? [] : [podMetrics(pod.metadata, usage)];
          }),
    },
  ];
}

function metricsResource(resource: string, kind: string, namespaced: boolean): Resource {
  return {
    group: "metrics.k8s.io",
    version: "v1beta1",
    resource,
    singular: "",
    kind,
    shortNames: [],
    categories: [],
    namespaced,
    verbs: ["get", "list"],
    subresources: [],
    definition: undefined,
    strategy: {},
  };
}

function podMetrics(metadata: ObjectMeta, usage: PodUsage): KubeObject {
  return {
    ...metricsObject("PodMetrics", metadata, usage),
    containers: usage.containers.map((each) => ({ name: each.name, usage: usageOf(each) })),
  };
}

/** With the labels of what it measures, so that a selector finds it. */
function metricsObject(
  kind: string,
  { name = "", namespace, labels, creationTimestamp }: ObjectMeta,
  { atMs, windowMs }: Measured,
): KubeObject {
  return {
    apiVersion: "metrics.k8s.io/v1beta1",
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
      ...(labels !== undefined && { labels }),
    },
    timestamp: timestamp(atMs),
    window: `${Math.round(windowMs) / 1000}s`,
  };
}

function usageOf({ cpuCores, memoryBytes }: { cpuCores: number; memoryBytes: number }): {
  readonly cpu: string;
  readonly memory: string;
} {
  return { cpu: `${Math.ceil(cpuCores * 1e9)}n`, memory: `${Math.ceil(memoryBytes / 1024)}Ki` };
}
