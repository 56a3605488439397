// Keeps a listener for every port of every Service, and tells on the Service which could not be opened and why.
import type { Socket } from "node:net";
import { kinds } from "../../api/kinds.ts";
import type { EndpointSlice, Service } from "../../api/types.generated.ts";
import { type ObjectKey, splitKey } from "../../client/informer.ts";
import {
  type Controller,
  type ControllerContext,
  itself,
  type Outcome,
  related,
} from "../../controllers/runtime/controller.ts";
import { ControllerManager } from "../../controllers/runtime/controller-manager.ts";
import {
  type Address,
  type Frontend,
  frontendsOf,
  serviceNameLabel,
  uncarried,
} from "../core/frontends.ts";
import { holderOf } from "./port-holder.ts";
import { PortListener } from "./port-listener.ts";

/** A port that is not free is tried again after this long. */
const retryMs = 5000;

export interface ServiceProxy {
  /** Resolves when all that has been told of Services and endpoints is done. */
  idle(): Promise<void>;
  /** Closes every listener and every connection. */
  stop(): Promise<void>;
}

/** Call it before the context's informers are started. */
export function startServiceProxy(context: ControllerContext): ServiceProxy {
  const ports = new ServicePorts(context);
  const manager = new ControllerManager(context);
  manager.start([ports.controller]);
  return {
    idle: () => manager.idle(),
    stop: async () => {
      await manager.stop();
      ports.stop();
    },
  };
}

class ServicePorts {
  readonly #context: ControllerContext;
  readonly #events: ReturnType<ControllerContext["recorder"]>;
  /** By `address:port`, of each Service. */
  readonly #listeners = new Map<ObjectKey, Map<string, PortListener>>();
  readonly #sockets = new Set<Socket>();
  /** What was last told about a Service, so that a retry does not tell it again. */
  readonly #told = new Map<ObjectKey, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.recorder("service-proxy");
    context.informers.of(kinds.endpointSlices).addIndex("service", serviceKeysOf);
  }

  get controller(): Controller {
    return {
      name: "service-proxy",
      watches: [itself(kinds.services), related(kinds.endpointSlices, serviceKeysOf)],
      reconcile: (key) => this.#reconcile(key),
    };
  }

  stop(): void {
    for (const listeners of this.#listeners.values())
      for (const listener of listeners.values()) listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #reconcile(key: ObjectKey): Promise<Outcome | undefined> {
    const { informers } = this.#context;
    const { namespace, name } = splitKey(key);
    const service = informers.of(kinds.services).get(namespace, name);
    const slices = informers.of(kinds.endpointSlices).byIndex("service", key);
    const wanted = new Map(
      (service === undefined ? [] : frontendsOf(service, slices)).map((each) => [
        textOf(each.listen),
        each,
      ]),
    );
    const listeners = this.#listeners.get(key) ?? new Map<string, PortListener>();
    this.#listeners.set(key, listeners);
    for (const [at, listener] of listeners) {
      if (wanted.has(at)) continue;
      listener.close();
      listeners.delete(at);
    }
    const problems = await this.#open(listeners, wanted);
    if (service === undefined) this.#forget(key);
    else this.#tell(key, service, problems);
    return problems.length > 0 ? { requeueAfterMs: retryMs } : undefined;
  }

  /** @returns what is wrong with those that could not be opened */
  async #open(
    listeners: Map<string, PortListener>,
    wanted: ReadonlyMap<string, Frontend>,
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const [at, frontend] of wanted) {
      const there = listeners.get(at);
      if (there !== undefined) there.update(frontend);
      else
        try {
          const { clock } = this.#context;
          listeners.set(at, await PortListener.open(frontend, clock, this.#sockets));
        } catch (error) {
          problems.push(`cannot listen on ${at}: ${await whyNot(error, frontend.listen)}`);
        }
    }
    return problems;
  }

  #tell(key: ObjectKey, service: Service, problems: readonly string[]): void {
    const others = uncarried(service).map(
      ({ port, protocol }) => `port ${port} is not served: ${protocol} is not carried here`,
    );
    const all = [...problems, ...others];
    const text = all.join("\n");
    if (this.#told.get(key) === text) return;
    this.#told.set(key, text);
    for (const each of all) this.#events.event(service, "Warning", "PortNotServed", each);
  }

  #forget(key: ObjectKey): void {
    this.#listeners.delete(key);
    this.#told.delete(key);
  }
}

function serviceKeysOf({ metadata: { namespace = "", labels = {} } }: EndpointSlice): ObjectKey[] {
  const name = labels[serviceNameLabel];
  return name === undefined ? [] : [`${namespace}/${name}`];
}

function textOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

async function whyNot(error: unknown, address: Address): Promise<string> {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EACCES":
      return `ports below 1024 need root or CAP_NET_BIND_SERVICE`;
    case "EADDRINUSE": {
      const holder = await holderOf(address);
      return `it is in use${holder === undefined ? "" : ` by ${holder}`}`;
    }
    case "EADDRNOTAVAIL":
      return `this machine has no address ${address.host}; on systems other than Linux it must be added to the loopback interface`;
    default:
      return message;
  }
}
