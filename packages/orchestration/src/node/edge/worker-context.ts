// What all pod workers of a node share.
import type { Service } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { Images } from "../core/image.ts";
import type { HostPorts } from "./host-ports.ts";
import type { Isolation } from "./isolation/isolation.ts";
import type { LogLimits } from "./log-file.ts";
import type { PodAddresses } from "./pod-addresses.ts";
import type { NodeFolder } from "./pod-folder.ts";
import type { ReferencedObjects } from "./referenced-objects.ts";
import type { ContainerRuntime } from "./runtime.ts";

export interface WorkerContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly runtime: ContainerRuntime;
  /** Undefined where pods are bare processes. */
  readonly isolation: Isolation | undefined;
  readonly hostPorts: HostPorts;
  /** Of a container that is kept apart. */
  readonly processesMax: number;
  readonly images: Images;
  readonly node: NodeFolder;
  readonly addresses: PodAddresses;
  readonly references: ReferencedObjects;
  /** Services that a pod of this namespace is told of in its environment. */
  readonly services: (namespace: string) => readonly Service[];
  readonly hostIp: string;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly logLimits: LogLimits;
}
