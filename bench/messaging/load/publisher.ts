// Publishes as fast as the window, the rate and the socket allow, in batches of one write each, and times the confirms.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Frame } from "../../../packages/messaging/src/amqp/constants.generated.ts";
import { MethodId } from "../../../packages/messaging/src/amqp/methods.generated.ts";
import { Client } from "./client.ts";
import { type PublishOctets, publishOctets } from "./frames.ts";
import type { Samples } from "./samples.ts";
import type { Topology } from "./topology.ts";
import type { Load } from "./workload.ts";

const batchMessagesMax = 256;
const batchBytesMax = 65_536;

/** One publisher of a run. */
export interface Publishing {
  readonly load: Load;
  readonly to: Topology;
  /** When the run began, as `performance.now()` tells it. */
  readonly startMs: number;
  /** Takes how long each confirm took. */
  readonly confirms: Samples;
}

/** Publishes one publisher's share. @returns how many it sent, when all that is to be confirmed has been */
export async function publish({ load, to, startMs, confirms }: Publishing): Promise<number> {
  const client = await Client.open(load.url);
  const message = publishOctets(to, load);
  const window = load.window > 0 ? await openWindow(client, load.window, confirms) : undefined;
  const rate = load.rate / load.publishers;
  const share = load.backlog > 0 ? load.backlog / load.publishers : Number.POSITIVE_INFINITY;
  const untilMs = load.backlog > 0 ? Number.POSITIVE_INFINITY : startMs + load.seconds * 1000;
  const batchMax = Math.max(
    1,
    Math.min(batchMessagesMax, Math.floor(batchBytesMax / message.octets.length)),
  );
  let sent = 0;
  while (sent < share && performance.now() < untilMs) {
    let count = Math.min(batchMax, share - sent);
    if (window !== undefined) count = Math.min(count, window.room);
    if (rate > 0)
      count = Math.min(count, Math.floor(((performance.now() - startMs) / 1000) * rate) - sent);
    if (count <= 0) {
      await (rate > 0 ? delay(1) : window?.change());
      continue;
    }
    const now = performance.now();
    window?.sent(count, now);
    sent += count;
    const hasRoom =
      message.octets.length > batchBytesMax
        ? writeLarge(client, message, now)
        : writeBatch(client, message, count, now);
    if (!hasRoom) await once(client.socket, "drain");
  }
  while (window !== undefined && window.unconfirmed > 0) await window.change();
  return sent;
}

function writeBatch(
  client: Client,
  { octets, timeAt }: PublishOctets,
  count: number,
  now: number,
): boolean {
  const batch = Buffer.allocUnsafe(count * octets.length);
  for (let i = 0; i < count; i++) {
    octets.copy(batch, i * octets.length);
    batch.writeDoubleBE(now, i * octets.length + timeAt);
  }
  return client.socket.write(batch);
}

/** Copies only what holds the time, and sends the rest of the body from where it stands. */
function writeLarge(client: Client, { octets, timeAt }: PublishOctets, now: number): boolean {
  const head = Buffer.from(octets.subarray(0, timeAt + 8));
  head.writeDoubleBE(now, timeAt);
  client.socket.cork();
  client.socket.write(head);
  const hasRoom = client.socket.write(octets.subarray(timeAt + 8));
  client.socket.uncork();
  return hasRoom;
}

async function openWindow(client: Client, size: number, confirms: Samples): Promise<ConfirmWindow> {
  const window = new ConfirmWindow(size, confirms);
  await client.call({ method: "confirm.select", nowait: false }, "confirm.select-ok");
  client.onFrame = (type, buffer, at) => {
    if (type !== Frame.METHOD || buffer.readUInt32BE(at) !== MethodId["basic.ack"]) return;
    window.confirm(buffer.readUInt32BE(at + 8), buffer[at + 12] === 1); // the low half of the tag
  };
  return window;
}

/** Publishes whose confirm has not come yet, and at most `size` of them. */
class ConfirmWindow {
  readonly #size: number;
  readonly #confirms: Samples;
  readonly #sentAtMs: number[] = [];
  #confirmed = 0;
  #wake: (() => void) | undefined;

  constructor(size: number, confirms: Samples) {
    this.#size = size;
    this.#confirms = confirms;
  }

  get unconfirmed(): number {
    return this.#sentAtMs.length - this.#confirmed;
  }

  get room(): number {
    return this.#size - this.unconfirmed;
  }

  sent(count: number, atMs: number): void {
    for (let i = 0; i < count; i++) this.#sentAtMs.push(atMs);
  }

  confirm(tag: number, multiple: boolean): void {
    const now = performance.now();
    for (let i = multiple ? this.#confirmed : tag - 1; i < tag; i++)
      this.#confirms.add(now - (this.#sentAtMs[i] as number));
    this.#confirmed = multiple ? tag : this.#confirmed + 1;
    this.#wake?.();
  }

  /** Waits for the next confirm. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
