// A load generator on raw AMQP frames, so that its own cost a message is small: `node load.ts '{"url":…}'` prints one JSON line.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";

import { FrameParser } from "../../packages/messaging/src/amqp/frame-parser.ts";

/** One workload; the rows of the table are made of these. */
export interface Load {
  readonly url: string;
  readonly bodyBytes: number;
  readonly persistent: boolean;
  readonly publishers: number;
  readonly consumers: number;
  /** Queues that every message reaches, through a fanout exchange where it is more than one. */
  readonly queues: number;
  /** Unconfirmed publishes in flight; 0 for no confirms. */
  readonly window: number;
  /** 0 for automatic acknowledgement. */
  readonly prefetch: number;
  readonly seconds: number;
  /** Messages a second; 0 for as many as go. */
  readonly rate: number;
  /** Publish this many first and consume them afterwards; 0 for both at once. */
  readonly backlog: number;
}

export interface LoadResult {
  /** Messages consumed, or published where nobody consumes. */
  readonly messages: number;
  readonly publishRate: number;
  readonly consumeRate: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly confirmMs: { readonly p50: number; readonly p99: number };
}

/** A connection with one channel, whose frames the caller reads as they come. */
class Client {
  readonly socket: Socket;
  readonly #parser = new FrameParser(131_072);
  #waiting: { id: number; resolve: () => void } | undefined;
  onFrame: (type: number, buffer: Buffer, start: number, end: number) => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
  }

  static async open(url: string): Promise<Client> {
    const { hostname, port, username, password } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const client = new Client(socket);
    socket.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
    await client.expect(0x000a000a);
    const plain = Buffer.from(`\0${decodeURIComponent(username)}\0${decodeURIComponent(password)}`);
    client.method(
      0,
      0x000a000b,
      Buffer.concat([long(0), short("PLAIN"), long(plain.length), plain, short("en_US")]),
    );
    await client.expect(0x000a001e);
    client.method(0, 0x000a001f, Buffer.from([7, 0xff, 0, 2, 0, 0, 0, 0])); // channel_max 2047, frame_max 131072, no heartbeat
    client.call(0, 0x000a0028, Buffer.concat([short("/"), short(""), Buffer.from([0])]));
    await client.expect(0x000a0029);
    client.call(1, 0x0014000a, short(""));
    await client.expect(0x0014000b);
    return client;
  }

  call(channel: number, id: number, args: Buffer): void {
    this.method(channel, id, args);
  }

  method(channel: number, id: number, args: Buffer): void {
    this.socket.write(frame(1, channel, Buffer.concat([long(id), args])));
  }

  /** Waits for a method. */
  expect(id: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { id, resolve };
    });
  }

  #data(chunk: Buffer): void {
    const parser = this.#parser;
    parser.push(chunk);
    while (parser.next()) {
      const { type, buffer, start, end } = parser;
      if (type === 1 && this.#waiting?.id === buffer.readUInt32BE(start)) {
        const { resolve } = this.#waiting;
        this.#waiting = undefined;
        resolve();
      } else this.onFrame(type, buffer, start, end);
    }
  }
}

const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const short = (text: string): Buffer =>
  Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(8 + payload.length);
  bytes[0] = type;
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(payload.length, 3);
  payload.copy(bytes, 7);
  bytes[bytes.length - 1] = 0xce;
  return bytes;
}

/** The frames of one publish; the send time stands in the first 8 octets of the body. */
function publishFrames(
  exchange: string,
  key: string,
  load: Load,
): { octets: Buffer; timeAt: number } {
  const method = frame(
    1,
    1,
    Buffer.concat([
      long(0x003c0028),
      Buffer.from([0, 0]),
      short(exchange),
      short(key),
      Buffer.from([0]),
    ]),
  );
  const header = Buffer.alloc(15);
  header.writeUInt16BE(60, 0);
  header.writeUInt32BE(load.bodyBytes, 8);
  header.writeUInt16BE(0x1000, 12);
  header[14] = load.persistent ? 2 : 1;
  const body = Buffer.alloc(load.bodyBytes, "x");
  const bodies: Buffer[] = [];
  for (let at = 0; at < body.length; at += 131_064)
    bodies.push(frame(3, 1, body.subarray(at, at + 131_064)));
  const head = Buffer.concat([method, frame(2, 1, header)]);
  return { octets: Buffer.concat([head, ...bodies]), timeAt: head.length + 7 };
}

export async function run(load: Load): Promise<LoadResult> {
  const exchange = load.queues > 1 ? "bench.fanout" : "";
  const names = Array.from({ length: load.queues }, (_, i) => `bench.${i}`);
  const admin = await Client.open(load.url);
  const declare = async (id: number, ok: number, args: Buffer): Promise<void> => {
    admin.method(1, id, args);
    await admin.expect(ok);
  };
  const durable = Buffer.from([load.persistent ? 2 : 0]);
  if (exchange !== "") {
    await declare(
      0x0028000a,
      0x0028000b,
      Buffer.concat([Buffer.from([0, 0]), short(exchange), short("fanout"), durable, long(0)]),
    );
  }
  for (const name of names) {
    await declare(
      0x00320028,
      0x00320029,
      Buffer.concat([Buffer.from([0, 0]), short(name), Buffer.from([0])]),
    );
    await declare(
      0x0032000a,
      0x0032000b,
      Buffer.concat([Buffer.from([0, 0]), short(name), durable, long(0)]),
    );
    if (exchange === "") continue;
    await declare(
      0x00320014,
      0x00320015,
      Buffer.concat([
        Buffer.from([0, 0]),
        short(name),
        short(exchange),
        short(""),
        Buffer.from([0]),
        long(0),
      ]),
    );
  }
  const latencies = new Samples();
  const confirms = new Samples();
  let consumed = 0;
  let firstConsumed = 0;
  let lastConsumed = 0;
  const startConsumers = async (): Promise<void> => {
    for (let i = 0; i < load.consumers; i++) {
      const client = await Client.open(load.url);
      if (load.prefetch > 0) {
        client.method(
          1,
          0x003c000a,
          Buffer.concat([long(0), Buffer.from([load.prefetch >>> 8, load.prefetch & 0xff, 0])]),
        );
        await client.expect(0x003c000b);
      }
      const ack = Buffer.from(
        frame(1, 1, Buffer.concat([long(0x003c0050), Buffer.alloc(8), Buffer.from([1])])),
      );
      let tag = 0;
      let unacked = 0;
      let bodyRest = 0;
      let headed = false;
      const flushAck = (): void => {
        if (unacked === 0) return;
        ack.writeUInt32BE(Math.floor(tag / 0x1_0000_0000), 11);
        ack.writeUInt32BE(tag >>> 0, 15);
        unacked = 0;
        client.socket.write(Buffer.from(ack));
      };
      client.socket.on("data", () => load.prefetch > 0 && flushAck());
      client.onFrame = (type, buffer, start, end) => {
        if (type === 2) {
          bodyRest = buffer.readUInt32BE(start + 8);
          headed = true;
        } else if (type === 3) {
          const now = performance.now();
          if (headed && end - start >= 8) latencies.add(now - buffer.readDoubleBE(start));
          headed = false;
          bodyRest -= end - start;
          if (bodyRest > 0) return;
          consumed += 1;
          if (firstConsumed === 0) firstConsumed = now;
          lastConsumed = now;
          tag += 1;
          unacked += 1;
        }
      };
      const name = names[i % names.length] as string;
      client.method(
        1,
        0x003c0014,
        Buffer.concat([
          Buffer.from([0, 0]),
          short(name),
          short(""),
          Buffer.from([load.prefetch > 0 ? 0 : 2]),
          long(0),
        ]),
      );
      await client.expect(0x003c0015);
    }
  };
  if (load.backlog === 0) await startConsumers();
  const start = performance.now();
  const until = start + load.seconds * 1000;
  let published = 0;
  await Promise.all(
    Array.from({ length: load.publishers }, async () => {
      const client = await Client.open(load.url);
      const { octets, timeAt } = publishFrames(
        exchange,
        exchange === "" ? (names[0] as string) : "",
        load,
      );
      if (load.window > 0) {
        client.method(1, 0x0055000a, Buffer.from([0]));
        await client.expect(0x0055000b);
      }
      const sentAt: number[] = [];
      let confirmed = 0;
      let wake: (() => void) | undefined;
      client.onFrame = (type, buffer, at) => {
        if (type !== 1 || buffer.readUInt32BE(at) !== 0x003c0050) return;
        const upTo = buffer.readUInt32BE(at + 8);
        const now = performance.now();
        const multiple = buffer[at + 12] === 1;
        for (let i = multiple ? confirmed : upTo - 1; i < upTo; i++)
          confirms.add(now - (sentAt[i] as number));
        confirmed = multiple ? upTo : Math.max(confirmed, confirmed + 1);
        wake?.();
      };
      let sent = 0;
      const share = load.backlog / load.publishers;
      const more = (): boolean => (load.backlog > 0 ? sent < share : performance.now() < until);
      const batchMax = Math.max(1, Math.min(256, Math.floor(65_536 / octets.length)));
      while (more()) {
        let count = batchMax;
        if (load.window > 0) count = Math.min(count, load.window - (sent - confirmed));
        if (load.rate > 0)
          count = Math.min(
            count,
            Math.floor(((performance.now() - start) / 1000) * (load.rate / load.publishers)) - sent,
          );
        if (load.backlog > 0) count = Math.min(count, share - sent);
        if (count <= 0) {
          if (load.rate > 0) await new Promise((resolve) => setTimeout(resolve, 1));
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          continue;
        }
        const now = performance.now();
        if (octets.length > 65_536) {
          const head = Buffer.from(octets.subarray(0, timeAt + 8));
          head.writeDoubleBE(now, timeAt);
          if (load.window > 0) sentAt.push(now);
          sent += 1;
          published += 1;
          client.socket.cork();
          client.socket.write(head);
          const room = client.socket.write(octets.subarray(timeAt + 8));
          client.socket.uncork();
          if (!room) await once(client.socket, "drain");
          continue;
        }
        const batch = Buffer.allocUnsafe(count * octets.length);
        for (let i = 0; i < count; i++) {
          octets.copy(batch, i * octets.length);
          batch.writeDoubleBE(now, i * octets.length + timeAt);
          if (load.window > 0) sentAt.push(now);
        }
        sent += count;
        published += count;
        if (!client.socket.write(batch)) await once(client.socket, "drain");
      }
      while (load.window > 0 && confirmed < sent) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }),
  );
  const publishedBy = performance.now();
  if (load.backlog > 0) {
    await startConsumers();
  }
  const expected = load.consumers === 0 ? 0 : published * load.queues;
  const deadline = performance.now() + 60_000;
  while (consumed < expected && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  if (consumed < expected) throw new Error(`only ${consumed} of ${expected} messages arrived`);
  const consumeSeconds = (lastConsumed - (load.backlog > 0 ? firstConsumed : start)) / 1000;
  for (const name of names) {
    await declare(
      0x00320028,
      0x00320029,
      Buffer.concat([Buffer.from([0, 0]), short(name), Buffer.from([0])]),
    );
  }
  return {
    messages: load.consumers === 0 ? published : consumed,
    publishRate: Math.round(published / ((publishedBy - start) / 1000)),
    consumeRate: load.consumers === 0 ? 0 : Math.round(consumed / consumeSeconds),
    latencyMs: latencies.summary(),
    confirmMs: confirms.summary(),
  };
}

/** Connections with one channel each that do nothing. */
export async function openIdle(url: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) sockets.push((await Client.open(url)).socket);
  return sockets;
}

/** Every so many-th value is kept, so that memory stays bounded on long runs. */
class Samples {
  #values: number[] = [];
  #every = 1;
  #seen = 0;

  add(value: number): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.#values.push(value);
    if (this.#values.length < 200_000) return;
    this.#values = this.#values.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  summary(): { p50: number; p99: number } {
    const sorted = Float64Array.from(this.#values).toSorted();
    const at = (q: number): number =>
      Math.round((sorted[Math.floor(sorted.length * q)] ?? 0) * 1000) / 1000;
    return { p50: at(0.5), p99: at(0.99) };
  }
}

/** What a run may take beyond its own time: declaring, draining, waiting for confirms. */
const graceSeconds = 60;

const [argument] = process.argv.slice(2);
if (import.meta.main && argument !== undefined) {
  const load = JSON.parse(argument) as Load;
  setTimeout(
    () => {
      process.stderr.write(`error: not done after ${load.seconds + graceSeconds} s\n`);
      process.exit(1);
    },
    (load.seconds + graceSeconds) * 1000,
  );
  process.stdout.write(`${JSON.stringify(await run(load))}\n`);
  process.exit(0);
}
