// TCP for the broker: octets in, gathered octets out, and publishers that wait while the disk is behind.
import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { BrokerCore } from "../core/broker.ts";
import type { Connection } from "../core/connection/connection.ts";
import { readInto } from "./read-into.ts";

/** Octets that may wait for the disk before publishers are read no further, and when they are read again. */
const pendingMaxBytes = 16 * 1024 * 1024;
const pendingResumeBytes = pendingMaxBytes / 2;
/** Octets read at once at most. */
const readBytes = 64 * 1024;
/** How long a closing socket may take to send its last words. */
const lingerMs = 5000;

interface Attached {
  readonly socket: Socket;
  readonly connection: Connection;
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
    const gone = [...this.#sockets].map(
      ({ socket }) => new Promise((resolve) => socket.once("close", resolve)),
    );
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
    this.#broker.onChange();
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

  #write(attached: Attached): void {
    const { socket, connection } = attached;
    const { output, counts } = connection;
    const { counters } = this.#broker;
    const bytes = output.gatheredBytes;
    const outgoing = output.take();
    const last = outgoing.parts.at(-1);
    if (last === undefined || socket.destroyed) return;
    const isOne = outgoing.parts.length === 1;
    let isRead = true;
    if (!isOne) socket.cork();
    for (let i = 0; i < outgoing.parts.length - 1; i += 1)
      socket.write(outgoing.parts[i] as Buffer);
    socket.write(last, (error) => {
      // After a failed write nobody can tell what is still being read, so its memory is left to the garbage collector.
      if (isRead && !error) output.sent(outgoing);
      this.#written(attached);
    });
    if (!isOne) socket.uncork();
    counts.outgoingBytes += bytes;
    counts.outgoingPackets += 1;
    counters.outgoingBytes += bytes;
    counters.outgoingPackets += 1;
    connection.unsentBytes = socket.writableLength;
    if (connection.unsentBytes > 0) return;
    isRead = false; // the kernel took it all at once
    output.sent(outgoing);
  }

  #written({ socket, connection }: Attached): void {
    connection.unsentBytes = socket.writableLength;
    connection.relieved();
    this.#broker.blocks.collect();
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
