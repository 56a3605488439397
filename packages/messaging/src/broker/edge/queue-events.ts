// `/queues/events` over HTTP: figures of queues as server-sent events, whenever they have changed.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { BrokerCore } from "../core/broker.ts";
import { figuresOf } from "../core/metrics/queue-figures.ts";
import type { Queue } from "../core/queue/queue.ts";

/** Changes within this time are told as one. */
const coalesceMs = 50;

/** Tells listeners of changes; without listeners a change costs nothing. */
export class QueueEvents {
  readonly #core: BrokerCore;
  readonly #streams = new Set<Stream>();
  #cancelFlush: (() => void) | undefined;

  constructor(core: BrokerCore) {
    this.#core = core;
    core.onChange = () => this.#changed();
  }

  /** Answers with all queues as they are, or those that `vhost` and `queue` name, then with each change. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? "/", "http://localhost");
    const vhost = searchParams.get("vhost") ?? undefined;
    const stream = new Stream(response, { vhost, names: searchParams.getAll("queue") });
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.flushHeaders();
    this.#streams.add(stream);
    response.on("close", () => this.#streams.delete(stream));
    response.on("drain", () => this.#tell(stream));
    this.#tell(stream);
  }

  close(): void {
    this.#core.onChange = () => undefined;
    this.#cancelFlush?.();
  }

  #changed(): void {
    if (this.#streams.size === 0 || this.#cancelFlush !== undefined) return;
    this.#cancelFlush = this.#core.clock.schedule(coalesceMs, () => {
      this.#cancelFlush = undefined;
      for (const stream of this.#streams) this.#tell(stream);
    });
  }

  #tell(stream: Stream): void {
    stream.tell([...this.#core.vhosts.values()].flatMap((vhost) => [...vhost.queues.values()]));
  }
}

class Stream {
  readonly #response: ServerResponse;
  readonly #wanted: { readonly vhost: string | undefined; readonly names: readonly string[] };
  /** What was told last, by queue. */
  #told = new Map<string, string>();

  constructor(response: ServerResponse, wanted: { vhost: string | undefined; names: string[] }) {
    this.#response = response;
    this.#wanted = wanted;
    // Of a queue that is asked for by its whole name and is not there, the first word is that it is gone.
    const { vhost, names } = wanted;
    if (vhost !== undefined)
      for (const queue of names) this.#told.set(JSON.stringify({ vhost, queue }), "");
  }

  /** A slow listener hears less often, and the newest figures only. */
  tell(queues: readonly Queue[]): void {
    if (this.#response.writableNeedDrain) return;
    const told = new Map<string, string>();
    const events: string[] = [];
    for (const queue of queues.filter((each) => this.#isWanted(each))) {
      const data = JSON.stringify(figuresOf(queue));
      const key = JSON.stringify({ vhost: queue.options.vhost, queue: queue.name });
      told.set(key, data);
      if (this.#told.get(key) !== data) events.push(`event: queue\ndata: ${data}\n\n`);
    }
    for (const key of this.#told.keys())
      if (!told.has(key)) events.push(`event: gone\ndata: ${key}\n\n`);
    this.#told = told;
    if (events.length > 0) this.#response.write(events.join(""));
  }

  #isWanted({ name, options }: Queue): boolean {
    const { vhost, names } = this.#wanted;
    if (vhost !== undefined && options.vhost !== vhost) return false;
    return names.length === 0 || names.includes(name);
  }
}
