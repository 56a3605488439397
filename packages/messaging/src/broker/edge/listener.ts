// TCP for the broker: octets in, gathered octets out, and publishers that wait while the disk is behind.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { BrokerCore } from "../core/broker.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { BodyBlocks } from "../core/message/blocks.ts";
import { readInto } from "./read-into.ts";

/** Octets that may wait for the disk before publishers are read no further, and when they are read again. */
const pendingMaxBytes = 16 * 1024 * 1024;
const pendingResumeBytes = pendingMaxBytes / 2;
/** Octets read at once at most. */
const readBytes = 256 * 1024;
/** How long a closing socket may take to send its last words. */
const lingerMs = 5000;

interface Attached {
  readonly socket: Socket;
  readonly connection: Connection;
  readonly written: () => void;
}

export class Listener {
  readonly #broker: BrokerCore;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Attached>();
  readonly #dirty = new Set<Attached>();
  readonly #paused = new Set<Socket>();
  #flushing = false;
  /** Every socket is read into this, one at a time. */
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBytes);

  constructor(broker: BrokerCore) {
    this.#broker = broker;
  }

  /** @returns the port; where `port` is 0, one that is free @throws when it cannot listen there */
  async listen(host: string, port: number): Promise<number> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#attach(socket),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => resolve());
    });
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  /** Something was synced: whoever waited for that is answered, and publishers are read again. */
  synced(): void {
    this.#broker.settle();
    if (this.#broker.store.pendingBytes > pendingResumeBytes) return;
    for (const socket of this.#paused) socket.resume();
    this.#paused.clear();
  }

  /** Sends connection.close to everybody, waits for them to go, and stops listening. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    const gone = [...this.#sockets].map(({ socket }) => once(socket, "close"));
    for (const { connection, socket } of this.#sockets) {
      connection.shutDown("broker forced connection closure with reason 'shutdown'");
      socket.resume();
    }
    this.#flush();
    const cancel = setTimeout(() => {
      for (const { socket } of this.#sockets) socket.destroy();
    }, shutdownMaxMs);
    await Promise.all([...closed, ...gone]);
    clearTimeout(cancel);
  }

  #attach(accepted: Socket): void {
    const { socket, onOctets } = readInto(accepted, this.#readBuffer);
    const address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    const attached: Attached = {
      socket,
      connection: this.#broker.connect({
        address,
        wantsToWrite: () => this.#wantsToWrite(attached),
        end: () => this.#end(attached),
      }),
      written: () => this.#written(attached),
    };
    this.#sockets.add(attached);
    onOctets((octets, isLent) => this.#received(attached, octets, isLent));
    socket.on("error", () => undefined); // "close" follows and says all there is to do
    socket.on("close", () => {
      this.#sockets.delete(attached);
      this.#dirty.delete(attached);
      this.#paused.delete(socket);
      attached.connection.closed();
    });
  }

  #received({ socket, connection }: Attached, octets: Buffer, isLent: boolean): void {
    const { counters, store } = this.#broker;
    counters.incomingBytes += octets.length;
    counters.incomingPackets += 1;
    connection.receive(octets, isLent);
    this.#broker.settle();
    this.#broker.relieveMemory();
    if (store.pendingBytes <= pendingMaxBytes) return;
    socket.pause();
    this.#paused.add(socket);
  }

  #wantsToWrite(attached: Attached): void {
    this.#dirty.add(attached);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Writes what every connection gathered in this turn, one write a connection. */
  #flush(): void {
    this.#flushing = false;
    for (const attached of this.#dirty) {
      this.#dirty.delete(attached);
      this.#write(attached);
    }
  }

  #write({ socket, connection, written }: Attached): void {
    const { output, counts } = connection;
    const { counters } = this.#broker;
    const bytes = output.gatheredBytes;
    const parts = output.take();
    const blocks = output.takeBlocks();
    const last = parts.pop();
    if (last === undefined || socket.destroyed) return;
    if (parts.length > 0) socket.cork();
    for (const part of parts) socket.write(part);
    const sent = blocks.length === 0 ? written : this.#releasing(blocks, written);
    socket.write(last, sent);
    if (parts.length > 0) socket.uncork();
    counts.outgoingBytes += bytes;
    counts.outgoingPackets += 1;
    counters.outgoingBytes += bytes;
    counters.outgoingPackets += 1;
    connection.unsentBytes = socket.writableLength;
    // What the kernel took at once is copied: the octets may be overwritten. Otherwise they are still being read.
    if (connection.unsentBytes === 0) output.recycle();
    else output.abandon();
  }

  /** After a failed write nobody can tell what is still being read, so its blocks are left to the garbage collector. */
  #releasing(blocks: readonly BodyBlocks[], written: () => void): (error?: Error | null) => void {
    return (error) => {
      if (!error) for (const each of blocks) each.release();
      written();
      this.#broker.blocks.collect();
    };
  }

  #written({ socket, connection }: Attached): void {
    connection.unsentBytes = socket.writableLength;
    connection.relieved();
  }

  #end(attached: Attached): void {
    const { socket } = attached;
    this.#dirty.delete(attached);
    this.#write(attached);
    socket.end();
    const cancel = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(cancel));
  }
}

/** How long clients may take to answer connection.close at a shutdown. */
const shutdownMaxMs = 1000;
