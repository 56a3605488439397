// Hears from the embedded broker of each change of a queue (its `/queues/events`), so that nobody need ask.
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../clock.ts";
import {
  emptyQueue,
  type QueueConsumer,
  type QueueDepth,
  type QueueEvents,
  type QueueListener,
  type QueueRef,
} from "../queue-events.ts";

// As a module node:http would load more than is wanted; see node/edge/probes.ts.
const { get } = process.getBuiltinModule("node:http");

/** How long to wait before a stream that has ended is asked for again. */
const reconnectMs = 500;
/** An event that is longer is none of this broker's. */
const eventLengthMax = 16 * 1024 * 1024;

/** One event of the stream. */
interface Figures {
  readonly ready: number;
  readonly unacked: number;
  readonly published: number;
  readonly acknowledged: number;
  readonly consumers: readonly QueueConsumer[];
}

/** @param metricsUrl where the broker's metrics are served: `http://127.0.0.1:15692` */
export function embeddedQueueEvents(metricsUrl: string, clock: Clock): QueueEvents {
  return {
    watch: (queue, listener) => {
      const stream = new EventStream(urlOf(metricsUrl, queue), clock, listener);
      return () => stream.close();
    },
  };
}

function urlOf(metricsUrl: string, { vhost, queue }: QueueRef): URL {
  const url = new URL("/queues/events", metricsUrl);
  url.searchParams.set("vhost", vhost);
  url.searchParams.set("queue", queue);
  return url;
}

class EventStream {
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #listener: QueueListener;
  #end: () => void = () => undefined;
  #isClosed = false;

  constructor(url: URL, clock: Clock, listener: QueueListener) {
    this.#url = url;
    this.#clock = clock;
    this.#listener = listener;
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #connect(): void {
    const request = get(this.#url, { agent: false }, (response) => this.#read(response));
    let failure = "the stream of queue events has ended";
    request.on("error", (error) => (failure = error.message));
    request.on("close", () => this.#again(failure));
    this.#end = () => request.destroy();
  }

  #again(failure: string): void {
    if (this.#isClosed) return;
    this.#listener.onFailure(failure);
    // A listener may have had enough.
    if (!this.#isClosed) this.#end = this.#clock.after(reconnectMs, () => this.#connect());
  }

  #read(response: IncomingMessage): void {
    if (response.statusCode !== 200) {
      response.destroy(new Error(`the broker answered ${response.statusCode}`));
      return;
    }
    let rest = "";
    response.on("error", () => undefined); // the request closes, which says all there is to do
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const events = `${rest}${chunk}`.split("\n\n");
      rest = events.pop() ?? "";
      if (rest.length > eventLengthMax) response.destroy();
      const last = events.at(-1);
      // Each event says all of the queue: what was coalesced on the way is old.
      if (last !== undefined && !this.#isClosed) this.#listener.onDepth(depthOf(last));
    });
  }
}

function depthOf(event: string): QueueDepth {
  const [, kind, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
  if (kind !== "queue") return emptyQueue;
  const { ready, unacked, published, acknowledged, consumers } = JSON.parse(data) as Figures;
  return { ready, unacked, published, acknowledged, consumerCount: consumers.length, consumers };
}
