// Ports of the machine that lead to pods with a network of their own (core/v1 ContainerPort.hostPort).
import type { Socket } from "node:net";
import type { Pod } from "../../api/types.generated.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Clock } from "../../clock.ts";
import { PortListener } from "../../services/index.ts";
import { containersOf } from "../core/pod-state.ts";

export class HostPorts {
  readonly #clock: Clock;
  readonly #events: EventRecorder;
  readonly #hostIp: string;
  /** By the pod's uid. */
  readonly #listeners = new Map<string, readonly PortListener[]>();
  readonly #sockets = new Set<Socket>();

  /** @param hostIp where ports are opened whose manifest names no address */
  constructor(clock: Clock, events: EventRecorder, hostIp: string) {
    this.#clock = clock;
    this.#events = events;
    this.#hostIp = hostIp;
  }

  /** Opens what is not open yet; what cannot be opened is told as an event of the pod. */
  async open(pod: Pod, podIp: string): Promise<void> {
    const { uid = "" } = pod.metadata;
    if (this.#listeners.has(uid)) return;
    this.#listeners.set(uid, []);
    const asked = containersOf(pod).flatMap(({ ports = [] }) => ports);
    const opened: PortListener[] = [];
    for (const { hostPort, containerPort, hostIP, protocol = "TCP" } of asked) {
      if (hostPort === undefined) continue;
      const listen = { host: hostIP ?? this.#hostIp, port: hostPort };
      const endpoints = [{ host: podIp, port: containerPort }];
      try {
        if (protocol !== "TCP") throw new Error(`${protocol} is not carried here`);
        const frontend = { listen, endpoints, affinityMs: undefined };
        opened.push(await PortListener.open(frontend, this.#clock, this.#sockets));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const message = `host port ${listen.host}:${hostPort} is not served: ${why}`;
        this.#events.event(pod, "Warning", "HostPortNotServed", message);
      }
    }
    this.#listeners.set(uid, opened);
  }

  /** Connections that have begun go on as long as the pod does. */
  close(uid: string): void {
    for (const listener of this.#listeners.get(uid) ?? []) listener.close();
    this.#listeners.delete(uid);
  }

  stop(): void {
    for (const uid of this.#listeners.keys()) this.close(uid);
    for (const socket of this.#sockets) socket.destroy();
  }
}
