// Which broker a trigger means, and how it is heard.
import type { Clock } from "../../clock.ts";
import type { QueueEvents } from "../queue-events.ts";
import { embeddedQueueEvents } from "./embedded-queue-events.ts";
import { polledQueueEvents } from "./rabbitmq.ts";

/** The broker of this installation. */
export interface EmbeddedBroker {
  readonly port: number;
  /** Where its metrics are served: `http://127.0.0.1:15692`. */
  readonly metricsUrl: string;
}

/** @param url without one the embedded broker is meant @throws Error where none is there */
export type Brokers = (url: string | undefined, pollingIntervalMs: number) => QueueEvents;

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);
const amqpPort = 5672;

export function brokers(embedded: EmbeddedBroker | undefined, clock: Clock): Brokers {
  return (url, pollingIntervalMs) => {
    if (embedded !== undefined && (url === undefined || isEmbedded(embedded, new URL(url))))
      return embeddedQueueEvents(embedded.metricsUrl, clock);
    if (url === undefined) throw new Error("no broker is embedded here: name one by host");
    return polledQueueEvents({ url, pollingIntervalMs }, clock);
  };
}

function isEmbedded({ port }: EmbeddedBroker, url: URL): boolean {
  const isAmqp = url.protocol === "amqp:" && loopback.has(url.hostname);
  return isAmqp && Number(url.port === "" ? amqpPort : url.port) === port;
}
