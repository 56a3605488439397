// The node agent: what the API server binds to this node, and what the machine itself wants, runs here.
import { join } from "node:path";
import { kinds } from "../../api/kinds.ts";
import type { Pod, Service } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import { eventRecorder } from "../../client/event-recorder.ts";
import { Informer, keyOf } from "../../client/informer.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { Images } from "../core/image.ts";
import type { IsolationLevel } from "../core/isolation.ts";
import { capacityOf } from "../core/node-object.ts";
import type { ClusterDns } from "../core/pod-files.ts";
import type { NodeStreams } from "../node-streams.ts";
import { detectCgroups, noCgroups } from "./cgroup.ts";
import { HostPorts } from "./host-ports.ts";
import { detectIsolation, type IsolationWish } from "./isolation/detection.ts";
import { defaultLogLimits, type LogLimits } from "./log-file.ts";
import { pruneLogs } from "./log-pruning.ts";
import { describeMachine } from "./machine.ts";
import { defaultLeaseTimes, type LeaseTimes, NodeRegistration } from "./node-registration.ts";
import { PodAddresses } from "./pod-addresses.ts";
import { nodeFolder, podFolders } from "./pod-folder.ts";
import { PodWorkers } from "./pod-workers.ts";
import { processRuntime } from "./process-runtime.ts";
import { ReferencedObjects } from "./referenced-objects.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { nodeStreams } from "./streams.ts";
import type { WorkerContext } from "./worker-context.ts";

export interface NodeAgentOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of the node. */
  readonly name: string;
  /** Everything that it writes lies here; another agent on the same folder goes on with its pods. */
  readonly directory: string;
  /** Programs by the name of their image. */
  readonly images: Images;
  readonly labels?: Readonly<Record<string, string>>;
  /** In place of what the machine has: `{ cpu: "2", pods: "50" }`. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** Share of the loopback network for pods, default one that the API server gives. */
  readonly podAddresses?: string;
  /** Where the node itself is reached, default `127.0.0.1`. */
  readonly address?: string;
  readonly lease?: LeaseTimes;
  readonly logLimits?: LogLimits;
  /** Bytes of all logs together from which on those of pods that are gone are deleted. */
  readonly logsBytesMax?: number;
  /** In place of local processes. */
  readonly runtime?: ContainerRuntime;
  /** How far pods are kept apart; default `process`. What the machine does not have is not had, and told in the log. */
  readonly isolation?: IsolationWish;
  /** Processes and threads of each container that is kept apart, default 4096. */
  readonly processesMax?: number;
  /** Who answers for names of services, where anybody does. */
  readonly clusterDns?: ClusterDns;
}

export interface NodeAgent {
  readonly name: string;
  /** How far it keeps pods apart. */
  readonly level: IsolationLevel;
  /** Share of the loopback network that its pods have: `127.64.0.0/16`. */
  readonly podAddresses: string;
  readonly streams: NodeStreams;
  /** Pods that run here whatever the API server says: all of them, each time; those that others rely on first. */
  setStaticPods(pods: readonly Pod[]): void;
  /** @param how `leave`: processes go on and are found again; `terminate`: they are ended first, what others rely on last; their objects stay */
  stop(how: { readonly pods: "leave" | "terminate" }): Promise<void>;
}

/** More than a worker needs, and less than a machine has. */
const processesMaxDefault = 4096;
const pruneMs = 60_000;
const logsBytesMaxDefault = 256 * 1024 * 1024;

/** Resolves when the node is registered and the pods that it ran before are taken over. */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { client, clock, log, name, directory, labels = {}, capacity = {} } = options;
  const { address = "127.0.0.1" } = options;
  const node = nodeFolder(directory);
  const runtime = options.runtime ?? processRuntime({ clock, cgroups: cgroupsFor(name) });
  const wish = options.isolation ?? "process";
  const dns = options.clusterDns;
  const isolation = await detectIsolation({ wish, directory, dns, clock, log });
  const facts = {
    name,
    address,
    labels,
    capacity,
    machine: describeMachine(runtime.version, isolation?.level ?? "L0"),
    podCidr: options.podAddresses,
  };
  const lease = options.lease ?? defaultLeaseTimes;
  const registration = new NodeRegistration({ client, clock, log, facts, lease });
  await registration.start();
  const podAddresses = registration.podCidr ?? "127.64.0.0/16";
  const services = new Informer(client, kinds.services, clock);
  const fieldSelector = `spec.nodeName=${name}`;
  const pods = new Informer(client, kinds.pods, clock, { fieldSelector });
  const references = new ReferencedObjects(client, clock);
  const events = eventRecorder({ client, clock, log, component: "kubelet", host: name });
  const hostPorts = new HostPorts(clock, events, address);
  const context: WorkerContext = {
    client,
    clock,
    log,
    events,
    runtime,
    isolation,
    hostPorts,
    processesMax: options.processesMax ?? processesMaxDefault,
    images: options.images,
    node,
    addresses: new PodAddresses(podAddresses),
    references,
    services: (namespace) => servicesFor(services, namespace),
    hostIp: address,
    allocatable: capacityOf(facts),
    logLimits: options.logLimits ?? defaultLogLimits,
  };
  await Promise.all([services.start(), pods.start()]);
  await isolation?.start(podFolders(node), log);
  const workers = new PodWorkers({ context, nodeName: name, pods, node: () => registration.node });
  workers.start();
  const stopPruning = everySoOften(clock, pruneMs, () => {
    try {
      pruneLogs(node.logs, options.logsBytesMax ?? logsBytesMaxDefault, workers.logFolders());
    } catch (error) {
      log.warn("logs not pruned", { error: String(error) });
    }
  });
  return {
    name,
    level: isolation?.level ?? "L0",
    podAddresses,
    streams: nodeStreams({
      clock,
      runtime,
      workers: () => workers.all(),
      isolation,
      find: (namespace, pod) => workers.find(namespace, pod),
    }),
    setStaticPods: (written) => workers.setStaticPods(written),
    stop: async ({ pods: how }) => {
      stopPruning();
      if (how === "terminate") await workers.terminate();
      workers.leave();
      hostPorts.stop();
      if (how === "terminate") await isolation?.stop();
      for (const each of [pods, services, references, registration]) each.stop();
    },
  };
}

function cgroupsFor(name: string): ReturnType<typeof detectCgroups> {
  return process.platform === "linux" ? detectCgroups(join("warrener", name)) : noCgroups;
}

/** The namespace's own, and the API server's. */
function servicesFor(services: Informer<Service>, namespace: string): readonly Service[] {
  const kubernetes = services.get("default", "kubernetes");
  const own = services.list(namespace).filter((each) => keyOf(each) !== "default/kubernetes");
  return kubernetes === undefined ? own : [kubernetes, ...own];
}

function everySoOften(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = clock.after(ms, function again(): void {
    run();
    cancel = clock.after(ms, again);
  });
  return () => cancel();
}
