// Keeps the EndpointSlices, and the older Endpoints, of every Service that selects pods.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { EndpointSlice, Endpoints, Pod, Service } from "../../api/types.generated.ts";
import { isReason } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import {
  type Controller,
  type ControllerContext,
  controllerReference,
  itself,
  related,
} from "../runtime/controller.ts";
import { type EndpointGroup, endpointGroups, planSlices, type SliceContent } from "./plan.ts";

const serviceNameLabel = "kubernetes.io/service-name";
const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const managedBy = "endpointslice-controller.k8s.io";
/** More than so many addresses are not written in the older kind (core/v1 Endpoints). */
const endpointsAddressesMax = 1000;

export function endpointSliceController(context: ControllerContext): Controller {
  const { client, clock, informers, newSuffix } = context;
  const services = informers.of(kinds.services);
  const pods = informers.of(kinds.pods);
  const slices = informers.of(kinds.endpointSlices);
  const endpoints = informers.of(kinds.endpoints);

  const selecting = ({ metadata }: Pod): readonly string[] =>
    services
      .list(metadata.namespace)
      .filter((service) => selects(service, metadata.labels))
      .map(keyOf);

  const slicesOf = ({ metadata }: Service): readonly EndpointSlice[] =>
    slices
      .list(metadata.namespace)
      .filter(
        ({ metadata: { labels = {} } }) =>
          labels[serviceNameLabel] === metadata.name && labels[managedByLabel] === managedBy,
      )
      .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));

  async function writeSlices(service: Service, groups: readonly EndpointGroup[]): Promise<void> {
    const existing = slicesOf(service);
    const wanted = planSlices(groups, existing.map(contentOf));
    for (const slice of wanted) {
      const old = existing.find(({ metadata }) => metadata.name === slice.name);
      if (old === undefined)
        await client.create(kinds.endpointSlices, newSlice(service, slice, newSuffix()));
      else if (!isDeepStrictEqual(contentOf(old), slice))
        await client.update(kinds.endpointSlices, {
          ...old,
          endpoints: slice.endpoints,
          ports: slice.ports,
        });
    }
    const kept = new Set(wanted.map(({ name }) => name));
    for (const { metadata } of existing.filter((slice) => !kept.has(slice.metadata.name)))
      await ignoring(
        "NotFound",
        client.delete(kinds.endpointSlices, metadata.namespace, metadata.name ?? ""),
      );
  }

  async function writeEndpoints(service: Service, groups: readonly EndpointGroup[]): Promise<void> {
    const { name = "", namespace = "" } = service.metadata;
    const subsets = subsetsOf(groups);
    const there = endpoints.get(namespace, name);
    if (there !== undefined && isDeepStrictEqual(there.subsets ?? [], subsets)) return;
    const { labels } = service.metadata;
    const metadata = {
      ...there?.metadata,
      name,
      namespace,
      ...(labels !== undefined && { labels }),
      annotations: {
        ...there?.metadata.annotations,
        "endpoints.kubernetes.io/last-change-trigger-time": timestamp(clock.nowMs()),
      },
    };
    const next: Endpoints = { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
    if (there === undefined) await ignoring("AlreadyExists", client.create(kinds.endpoints, next));
    else await client.update(kinds.endpoints, next);
  }

  return {
    name: "endpointslice-controller",
    watches: [
      itself(kinds.services),
      related(kinds.pods, selecting),
      related(kinds.endpointSlices, ({ metadata: { namespace, labels = {} } }) =>
        labels[managedByLabel] === managedBy
          ? [`${namespace ?? ""}/${labels[serviceNameLabel] ?? ""}`]
          : [],
      ),
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      if (service === undefined) {
        // Slices go with their owner; the older kind has none.
        if (endpoints.get(namespace, name) !== undefined)
          await ignoring("NotFound", client.delete(kinds.endpoints, namespace, name));
        return undefined;
      }
      if (service.metadata.deletionTimestamp !== undefined || !hasSelector(service))
        return undefined;
      const selected = pods
        .list(namespace)
        .filter(({ metadata }) => selects(service, metadata.labels));
      const groups = endpointGroups(service, selected);
      await writeSlices(service, groups);
      await writeEndpoints(service, groups);
      return undefined;
    },
  };
}

function hasSelector({ spec }: Service): boolean {
  return spec.type !== "ExternalName" && Object.keys(spec.selector ?? {}).length > 0;
}

function selects(service: Service, labels: Readonly<Record<string, string>> = {}): boolean {
  const wanted = Object.entries(service.spec.selector ?? {});
  return hasSelector(service) && wanted.every(([name, value]) => labels[name] === value);
}

function contentOf({ metadata, ports = [], endpoints }: EndpointSlice): SliceContent {
  return { name: metadata.name, ports, endpoints };
}

function newSlice(
  service: Service,
  { ports, endpoints }: SliceContent,
  suffix: string,
): EndpointSlice {
  const { name = "", namespace = "", labels } = service.metadata;
  const isHeadless = service.spec.clusterIP === "None";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-${suffix}`,
      namespace,
      labels: {
        ...labels,
        [serviceNameLabel]: name,
        [managedByLabel]: managedBy,
        ...(isHeadless && { "service.kubernetes.io/headless": "" }),
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

function subsetsOf(groups: readonly EndpointGroup[]): NonNullable<Endpoints["subsets"]> {
  return groups.map(({ ports, endpoints }) => {
    const all = endpoints
      .slice(0, endpointsAddressesMax)
      .map(({ addresses, nodeName, targetRef, conditions }) => ({
        isReady: conditions?.ready === true,
        address: {
          ip: addresses[0] ?? "",
          ...(nodeName !== undefined && { nodeName }),
          ...(targetRef !== undefined && { targetRef }),
        },
      }));
    const of = (isReady: boolean) =>
      all.filter((each) => each.isReady === isReady).map(({ address }) => address);
    return {
      ...(of(true).length > 0 && { addresses: of(true) }),
      ...(of(false).length > 0 && { notReadyAddresses: of(false) }),
      ports: ports.map(({ port = 0, ...rest }) => ({ ...rest, port })),
    };
  });
}

async function ignoring(
  reason: "NotFound" | "AlreadyExists",
  work: Promise<unknown>,
): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isReason(error, reason)) throw error;
  }
}
