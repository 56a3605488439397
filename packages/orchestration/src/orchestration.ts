// Everything that Kubernetes is on one machine: the control plane, what works on it, and one node.
import { hostname } from "node:os";
import { autoscalingControllers, type EmbeddedBroker } from "./autoscaling/index.ts";
import { eventRecorder } from "./client/event-recorder.ts";
import { Informers } from "./client/informer.ts";
import { systemClock } from "./clock.ts";
import {
  type ControlPlane,
  type ControlPlaneOptions,
  newSuffix,
  startControlPlane,
} from "./control-plane.ts";
import { cronJobController } from "./controllers/cronjob/controller.ts";
import { endpointSliceController } from "./controllers/endpoints/controller.ts";
import { GarbageCollector } from "./controllers/garbage/collector.ts";
import { workloadControllers } from "./controllers/index.ts";
import { jobController } from "./controllers/job/controller.ts";
import { namespaceController } from "./controllers/namespace/lifecycle.ts";
import { policyControllers } from "./controllers/policy-controllers.ts";
import { rollControllers } from "./controllers/roll/controller.ts";
import type { Controller, ControllerContext } from "./controllers/runtime/controller.ts";
import { ControllerManager } from "./controllers/runtime/controller-manager.ts";
import { serviceAccountController } from "./controllers/serviceaccount/controller.ts";
import type { Images } from "./node/core/image.ts";
import type { IsolationWish } from "./node/edge/isolation/detection.ts";
import { type NodeAgent, startNodeAgent } from "./node/edge/node-agent.ts";
import { startScheduler } from "./scheduler/index.ts";
import { startClusterDns, startServiceProxy } from "./services/index.ts";

export interface OrchestrationOptions extends Omit<ControlPlaneOptions, "nodes" | "ownNodes"> {
  /** Folder of the node: what its pods are, their logs and volumes. */
  readonly nodeDirectory: string;
  /** Default: the host's name, as far as it can name a node. */
  readonly nodeName?: string;
  /** Programs by the name of their image. */
  readonly images: Images;
  /** How far pods are kept apart; default `process`. */
  readonly isolation?: IsolationWish;
}

export interface Orchestration extends ControlPlane {
  readonly agent: NodeAgent;
  /**
   * Lets workloads follow their load from now on. Called once, when it is known where the broker is.
   * @param broker the embedded one; without it triggers name theirs
   */
  readonly autoscale: (broker?: EmbeddedBroker) => Promise<void>;
}

/** Resolves when the API is served and the node is registered. Closing ends all pods' processes; their objects stay. */
export async function startOrchestration(options: OrchestrationOptions): Promise<Orchestration> {
  const { clock = systemClock, log } = options;
  await using closing = new AsyncDisposableStack();
  let agent: NodeAgent | undefined;
  const nodeName = options.nodeName ?? nameOfHost();
  const plane = closing.use(
    await startControlPlane({
      ...options,
      ownNodes: [nodeName],
      nodes: (name) => (name === nodeName ? agent?.streams : undefined),
    }),
  );
  const { client } = plane;
  const contextOf = (informers: Informers): ControllerContext => ({
    client,
    informers,
    clock,
    newSuffix,
    log,
    recorder: (component) => eventRecorder({ client, clock, log, component }),
  });
  const context = contextOf(new Informers(client, clock));
  const manager = new ControllerManager(context);
  closing.defer(() => context.informers.stop());
  manager.start(controllersOf(context, plane, options));
  closing.defer(() => manager.stop());
  const scheduler = startScheduler(context, { random: Math.random });
  closing.defer(() => scheduler.stop());
  const proxy = startServiceProxy(context);
  closing.defer(() => proxy.stop());
  const dns = await startClusterDns(context);
  closing.defer(() => dns?.stop());
  await context.informers.start();
  const { resources } = plane.registry;
  const collector = new GarbageCollector({ client, clock, log, resources });
  closing.defer(() => collector.stop());
  await collector.start();
  const started = await startNodeAgent({
    client,
    clock,
    log,
    name: nodeName,
    directory: options.nodeDirectory,
    images: options.images,
    ...(options.isolation !== undefined && { isolation: options.isolation }),
    ...(dns !== undefined && { clusterDns: { address: dns.address, domain: dns.domain } }),
  });
  agent = started;
  closing.defer(() => started.stop({ pods: "terminate" }));
  const owned = closing.move();
  const close = (): Promise<void> => owned.disposeAsync();
  const autoscale = async (broker?: EmbeddedBroker): Promise<void> => {
    const informers = new Informers(client, clock);
    const own = contextOf(informers);
    const scaling = new ControllerManager(own);
    scaling.start(
      autoscalingControllers(own, {
        resources: () => plane.registry.resources.all,
        nodes: plane.reachableNodes,
        ...(broker !== undefined && { broker }),
      }),
    );
    owned.defer(() => scaling.stop());
    owned.defer(() => informers.stop());
    await informers.start();
  };
  return { ...plane, agent: started, autoscale, close, [Symbol.asyncDispose]: close };
}

function controllersOf(
  context: ControllerContext,
  plane: ControlPlane,
  options: OrchestrationOptions,
): readonly Controller[] {
  return [
    ...workloadControllers(context),
    jobController(context),
    cronJobController(context),
    endpointSliceController(context),
    serviceAccountController(context, plane.authority),
    namespaceController(context, () => plane.registry.resources.all),
    ...rollControllers(context),
    ...policyControllers(context, options.nodeLifecycle),
  ];
}

/** A node's name is a DNS subdomain (Kubernetes, "Node name uniqueness"). */
function nameOfHost(): string {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-");
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) ? name : "local";
}
