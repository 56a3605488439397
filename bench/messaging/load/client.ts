// A connection with one channel whose frames the caller reads as they come, so that nothing is made for a message but what is measured.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Frame } from "../../../packages/messaging/src/amqp/constants.generated.ts";
import { FrameParser } from "../../../packages/messaging/src/amqp/frame-parser.ts";
import { type Method, MethodId } from "../../../packages/messaging/src/amqp/methods.generated.ts";
import { frameBytesMax, methodFrame } from "./frames.ts";

type MethodName = keyof typeof MethodId;

/** @param type a `Frame`; its payload is `buffer` between `start` and `end`, valid during the call */
export type FrameHandler = (type: number, buffer: Buffer, start: number, end: number) => void;

export class Client {
  readonly socket: Socket;
  /** Takes every frame but answers to `call`. */
  onFrame: FrameHandler = () => undefined;
  readonly #parser = new FrameParser(frameBytesMax);
  #waiting: { readonly id: number; readonly resolve: () => void } | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** Connects and opens channel 1. @param url `amqp://user:password@host:port` */
  static async open(url: string): Promise<Client> {
    const { hostname, port, username, password } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const client = new Client(socket);
    socket.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
    await client.#expect("connection.start");
    client.#send(0, {
      method: "connection.start-ok",
      clientProperties: new Map(),
      mechanism: "PLAIN",
      response: Buffer.from(`\0${decodeURIComponent(username)}\0${decodeURIComponent(password)}`),
      locale: "en_US",
    });
    await client.#expect("connection.tune");
    client.#send(0, {
      method: "connection.tune-ok",
      channelMax: 2047,
      frameMax: frameBytesMax,
      heartbeat: 0,
    });
    client.#send(0, {
      method: "connection.open",
      virtualHost: "/",
      capabilities: "",
      insist: false,
    });
    await client.#expect("connection.open-ok");
    await client.call({ method: "channel.open", outOfBand: "" }, "channel.open-ok");
    return client;
  }

  /** Sends a method on channel 1 and waits for its answer. */
  call(method: Method, answer: MethodName): Promise<void> {
    this.#send(1, method);
    return this.#expect(answer);
  }

  #send(channel: number, method: Method): void {
    this.socket.write(methodFrame(channel, method));
  }

  #expect(answer: MethodName): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { id: MethodId[answer], resolve };
    });
  }

  #take(chunk: Buffer): void {
    const parser = this.#parser;
    parser.push(chunk);
    while (parser.next()) {
      const { type, buffer, start, end } = parser;
      if (type === Frame.METHOD && this.#waiting?.id === buffer.readUInt32BE(start)) {
        const { resolve } = this.#waiting;
        this.#waiting = undefined;
        resolve();
      } else this.onFrame(type, buffer, start, end);
    }
  }
}

/** Connections with one channel each that do nothing. */
export async function openIdle(url: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) sockets.push((await Client.open(url)).socket);
  return sockets;
}
