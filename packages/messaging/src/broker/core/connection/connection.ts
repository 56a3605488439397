// One client connection: the handshake, which frame belongs to which channel, and how a mistake ends a channel or all of it.
import { Buffer } from "node:buffer";
import type { Subject } from "@warrener/access";
import { Frame, ReplyCode } from "../../../amqp/constants.generated.ts";
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import type { FieldTable } from "../../../amqp/field-table.ts";
import { erlangBinary, FrameParser } from "../../../amqp/frame-parser.ts";
import {
  type BasicPublish,
  type ConnectionOpen,
  type ConnectionStartOk,
  type ConnectionTuneOk,
  decodeMethod,
  type Method,
  MethodId,
} from "../../../amqp/methods.generated.ts";
import { WireReader } from "../../../amqp/wire.ts";
import type { BrokerCore } from "../broker.ts";
import { Channel } from "../channel/channel.ts";
import { handleChannelMethod } from "../channel/channel-methods.ts";
import { SharedBlocks } from "../message/blocks.ts";
import type { VirtualHost } from "../vhost/vhost.ts";
import {
  agreedLimits,
  capabilitiesOf,
  isProtocolHeader,
  limits,
  protocolHeader,
  readCredentials,
} from "./handshake.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Output } from "./output.ts";

/** What a connection asks of its socket. */
export interface Peer {
  /** Address and port, as RabbitMQ names connections: `127.0.0.1:5000`. */
  readonly address: string;
  /** Output waits: `connection.output.take()` when the turn ends. */
  wantsToWrite(): void;
  /** Send what waits, then close. */
  end(): void;
}

type State = "header" | "start" | "tune" | "open" | "admitting" | "running" | "closing" | "closed";

/** A client that may not come in hears nothing for this long, so that guessing is slow; RabbitMQ does the same. */
const silenceMs = 3000;
/** From this size on a read is copied to a block that its messages share; a smaller one to memory of its own size. */
const sharedReadMin = 16 * 1024;
/** Unsent output above which nothing more is delivered to this connection. */
const outputMaxBytes = 1024 * 1024;

export class Connection {
  readonly broker: BrokerCore;
  readonly peer: Peer;
  readonly output: Output;
  readonly channels = new Map<number, Channel>();
  clientProperties: FieldTable = new Map();
  /** Names of the client's capabilities that are true. */
  capabilities: ReadonlySet<string> = new Set();
  channelMax: number = limits.channelMax;
  heartbeatSeconds = 0;
  /** Octets given to the socket that it has not sent yet. */
  unsentBytes = 0;
  readonly counts = { incomingBytes: 0, outgoingBytes: 0, incomingPackets: 0, outgoingPackets: 0 };
  #state: State = "header";
  #subject: Subject | undefined;
  #vhost: VirtualHost | undefined;
  #header: Buffer = Buffer.alloc(0);
  readonly #parser = new FrameParser(limits.frameMax);
  /** Chunks that arrive while the access log admits the connection. */
  #inbox: Buffer[] = [];
  /** Whether the chunk at hand is overwritten when its turn ends. */
  #isLent = false;
  /** What the chunk at hand lies in, where its messages share that. */
  #readBlocks: SharedBlocks | undefined;
  /** The channel that the last content frame was for. */
  #lastContent: Channel | undefined;
  #heldBack = false;
  #toldBlocked = false;
  readonly #heartbeat = new Heartbeat();
  #cancelTimer: (() => void) | undefined;
  /** The last basic.publish as it was on the wire: publishers repeat themselves, and comparing is cheaper than decoding. */
  #lastPublish: { readonly wire: Buffer; readonly method: BasicPublish } | undefined;

  constructor(broker: BrokerCore, peer: Peer) {
    this.broker = broker;
    this.peer = peer;
    this.output = new Output(broker.blocks, broker.scratch);
  }

  get subject(): Subject {
    if (this.#subject === undefined) throw new Error("the connection has not authenticated");
    return this.#subject;
  }
  get vhost(): VirtualHost {
    if (this.#vhost === undefined) throw new Error("the connection has not opened a virtual host");
    return this.#vhost;
  }
  get isRunning(): boolean {
    return this.#state === "running";
  }
  /** Whether deliveries may go out; false while the socket is behind. */
  get canTakeMore(): boolean {
    if (this.unsentBytes + this.output.gatheredBytes < outputMaxBytes && this.#state === "running")
      return true;
    this.#heldBack = true;
    return false;
  }

  /**
   * Takes what the socket received.
   * @param isLent whether the octets are overwritten after the call; otherwise they belong to the broker from here on
   */
  receive(octets: Buffer, isLent = false): void {
    if (!isLent) return this.#receive(octets);
    // While a large body comes in, its octets are copied to where they stay, and what little lies between is copied too.
    this.#isLent = this.#lastContent?.copiesBody === true;
    if (this.#isLent) this.#receive(octets);
    else if (octets.length < sharedReadMin || this.#state !== "running")
      this.#receive(copyOf(octets));
    else this.#receiveShared(octets);
    this.#isLent = false;
  }

  /** Much came at once: its messages share the block that it is copied to. */
  #receiveShared(octets: Buffer): void {
    const blocks = new SharedBlocks(this.broker.blocks);
    blocks.append(octets);
    blocks.hold();
    this.#readBlocks = blocks;
    for (const part of blocks.parts) this.#receive(part);
    this.#lastContent?.keepContent();
    this.#readBlocks = undefined;
    blocks.release();
  }

  #receive(chunk: Buffer): void {
    this.counts.incomingBytes += chunk.length;
    this.counts.incomingPackets += 1;
    this.#heartbeat.received();
    if (this.#state === "closed") return;
    if (this.#state === "admitting") {
      this.#inbox.push(chunk);
      return;
    }
    try {
      const rest = this.#state === "header" ? this.#readHeader(chunk) : chunk;
      if (rest === undefined) return;
      this.#parser.push(rest);
      this.#readFrames();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Says that output waits. */
  outputWaits(): void {
    this.#heartbeat.sent();
    this.peer.wantsToWrite();
  }

  /** The socket has caught up: deliveries that were held back go on. */
  relieved(): void {
    if (!this.#heldBack || this.#state !== "running") return;
    this.#heldBack = false;
    for (const channel of this.channels.values()) channel.drainQueues();
  }

  /** The socket is gone: whatever was unacknowledged goes back to its queue. */
  closed(): void {
    this.#cancelTimer?.();
    this.#heartbeat.stop();
    if (this.#state === "closed") return;
    const wasOpen = this.#vhost !== undefined;
    this.#state = "closed";
    this.#end();
    if (wasOpen) this.broker.connectionClosed(this);
  }

  /** Says connection.blocked or unblocked to a client that publishes and understands it. */
  tellBlocked(): void {
    const { blockedBy } = this.broker;
    if (this.#toldBlocked === (blockedBy !== undefined) || this.#lastPublish === undefined) return;
    if (this.#state !== "running" || !this.capabilities.has("connection.blocked")) return;
    this.#toldBlocked = blockedBy !== undefined;
    if (blockedBy === undefined) this.#send({ method: "connection.unblocked" });
    else this.#send({ method: "connection.blocked", reason: shortened(blockedBy) });
  }

  /** Closes from the broker's side, as a shutdown does. */
  shutDown(text: string): void {
    if (this.#state !== "running") return this.peer.end();
    this.#close(ReplyCode.CONNECTION_FORCED, `CONNECTION_FORCED - ${text}`, 0);
  }

  /** @throws ChannelError ACCESS_REFUSED */
  authorize(verb: string, resource: "queues" | "exchanges", name: string): void {
    const attributes = { verb, resource, name };
    const decision = this.broker.authorize(this, attributes);
    if (decision.allowed) return;
    const kind = resource === "queues" ? "queue" : "exchange";
    throw new ChannelError(
      "ACCESS_REFUSED",
      `access to ${kind} '${name}' in vhost '${this.vhost.name}' refused for user '${this.subject.name}'`,
    );
  }

  /** Publishing through the default exchange is publishing to the queue that the key names. */
  authorizePublish(exchange: string, routingKey: string): void {
    if (exchange === "") this.authorize("publish", "queues", routingKey);
    else this.authorize("publish", "exchanges", exchange);
  }

  recordAct(
    verb: string,
    resource: string,
    name: string,
    facts: Readonly<Record<string, number>>,
  ): void {
    this.broker.record(this, { verb, resource, name, allowed: true, reason: "done", facts });
  }

  #readHeader(chunk: Buffer): Buffer | undefined {
    this.#header = Buffer.concat([this.#header, chunk]);
    if (this.#header.length < protocolHeader.length) return undefined;
    const header = this.#header.subarray(0, protocolHeader.length);
    const rest = this.#header.subarray(protocolHeader.length);
    if (!isProtocolHeader(header)) {
      // §4.2.2: say which protocol is spoken here, then close.
      this.output.raw(protocolHeader);
      this.outputWaits();
      this.#state = "closing";
      this.peer.end();
      return undefined;
    }
    this.#state = "start";
    this.#cancelTimer = this.broker.clock.schedule(handshakeMaxMs, () => this.peer.end());
    this.#send({
      method: "connection.start",
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: this.broker.serverProperties,
      mechanisms: Buffer.from("PLAIN AMQPLAIN"),
      locales: Buffer.from("en_US"),
    });
    return rest.length > 0 ? rest : undefined;
  }

  #readFrames(): void {
    const parser = this.#parser;
    while (this.#state !== "closed" && this.#state !== "admitting" && parser.next()) {
      const { channel: number, buffer, start, end } = parser;
      const channel = number === 0 ? undefined : this.channels.get(number);
      try {
        switch (parser.type) {
          case Frame.METHOD:
            this.#method(number, channel, buffer, start, end);
            break;
          case Frame.HEADER:
            this.#contentChannel(channel)?.contentHeader(
              this.#kept(buffer.subarray(start, end)),
              this.#readBlocks,
            );
            break;
          case Frame.BODY:
            this.#body(this.#contentChannel(channel), buffer.subarray(start, end));
            break;
          case Frame.HEARTBEAT:
            if (number !== 0) throw frameError("UNEXPECTED_FRAME", parser, "");
            break;
          default:
            throw frameError("FRAME_ERROR", parser, ": unknown_frame");
        }
      } catch (error) {
        if (!(error instanceof ChannelError) || channel === undefined) throw error;
        this.#closeChannel(channel, error);
      }
    }
  }

  /** The channel a content frame belongs to; undefined while it is closing, when frames are passed over (§1.5.2.5). */
  #contentChannel(channel: Channel | undefined): Channel | undefined {
    if (this.#state === "closing" || channel?.closing === true) return undefined;
    if (channel === undefined)
      throw new ConnectionError("CHANNEL_ERROR", "expected 'channel.open'");
    if (channel !== this.#lastContent) {
      if (this.#readBlocks !== undefined) this.#lastContent?.keepContent();
      this.#lastContent = channel;
    }
    return channel;
  }

  #body(channel: Channel | undefined, piece: Buffer): void {
    channel?.contentBody(channel.copiesBody ? piece : this.#kept(piece), this.#readBlocks);
  }

  /** Octets that may be kept beyond the turn. */
  #kept(octets: Buffer): Buffer {
    return this.#isLent ? copyOf(octets) : octets;
  }

  #method(
    number: number,
    channel: Channel | undefined,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    if (end - start < 4) throw new WireReader(buffer, start, end).cannotDecode();
    const id = buffer.readUInt32BE(start);
    this.#methodId = id;
    if (
      id === publishId &&
      channel !== undefined &&
      !channel.closing &&
      this.#state === "running"
    ) {
      if (channel.expectsContent) throw expectedHeader();
      return handleChannelMethod(channel, this.#publish(buffer, start, end));
    }
    const method = decodeMethod(id, new WireReader(buffer, start + 4, end));
    if (method === undefined) {
      throw new ConnectionError(
        "COMMAND_INVALID",
        `unknown class ${id >>> 16} or method ${id & 0xffff}`,
      );
    }
    if (this.#state === "closing") {
      if (method.method === "connection.close-ok") this.#finish();
      else if (method.method === "connection.close") {
        this.#send({ method: "connection.close-ok" });
        this.#finish();
      }
      return;
    }
    if (number === 0) return this.#connectionMethod(method);
    if (this.#state !== "running")
      throw new ConnectionError("CHANNEL_ERROR", "expected 'connection.open'");
    this.#channelMethod(number, channel, method);
  }

  /** Class and method of the frame at hand, which an error names. */
  #methodId = 0;

  #publish(buffer: Buffer, start: number, end: number): BasicPublish {
    const last = this.#lastPublish;
    if (last !== undefined && sameOctets(last.wire, buffer, start, end)) return last.method;
    const method = decodeMethod(publishId, new WireReader(buffer, start + 4, end)) as BasicPublish;
    this.#lastPublish = { wire: Buffer.from(buffer.subarray(start, end)), method };
    if (this.broker.blockedBy !== undefined) this.tellBlocked();
    return method;
  }

  #channelMethod(number: number, channel: Channel | undefined, method: Method): void {
    if (channel === undefined) {
      if (method.method === "channel.close-ok") return;
      if (method.method !== "channel.open")
        throw new ConnectionError("CHANNEL_ERROR", "expected 'channel.open'");
      if (number > this.channelMax) {
        throw new ConnectionError(
          "NOT_ALLOWED",
          `number of channels opened (${number}) has reached the negotiated channel_max (${this.channelMax})`,
        );
      }
      const opened = new Channel(number, this);
      this.channels.set(number, opened);
      this.broker.counters.channelsOpened += 1;
      return opened.send({ method: "channel.open-ok", channelId: Buffer.alloc(0) });
    }
    if (method.method === "channel.close-ok") {
      if (channel.closing) this.channels.delete(number);
      return;
    }
    if (channel.closing) {
      if (method.method === "channel.close") channel.send({ method: "channel.close-ok" });
      return;
    }
    if (channel.expectsContent) throw expectedHeader();
    if (method.method === "channel.open")
      throw new ConnectionError("CHANNEL_ERROR", "second 'channel.open' seen");
    if (method.method === "channel.close") {
      channel.close();
      this.channels.delete(number);
      return channel.send({ method: "channel.close-ok" });
    }
    if (method.method.startsWith("connection."))
      throw new ConnectionError("COMMAND_INVALID", "unimplemented method");
    handleChannelMethod(channel, method);
  }

  #connectionMethod(method: Method): void {
    if (method.method === "connection.close") {
      this.#end();
      this.#send({ method: "connection.close-ok" });
      return this.#finish();
    }
    if (this.#state === "start" && method.method === "connection.start-ok")
      return this.#startOk(method);
    if (this.#state === "tune" && method.method === "connection.tune-ok")
      return this.#tuneOk(method);
    if (this.#state === "open" && method.method === "connection.open") return this.#open(method);
    if (this.#state === "running" && method.method === "connection.update-secret") {
      return this.#send({ method: "connection.update-secret-ok" });
    }
    const state = this.#state === "running" ? "running" : `${this.#state}ing`;
    throw new ConnectionError("CHANNEL_ERROR", `unexpected method in connection state ${state}`);
  }

  #startOk({ clientProperties, mechanism, response }: ConnectionStartOk): void {
    this.clientProperties = clientProperties;
    this.capabilities = capabilitiesOf(clientProperties);
    const credentials = readCredentials(mechanism, response);
    this.broker.counters.authAttempts += 1;
    this.#subject = credentials && this.broker.guard.authenticate(credentials);
    if (this.#subject === undefined) {
      this.broker.counters.authFailed += 1;
      const reason = `login refused using mechanism ${mechanism}`;
      this.broker.recordLogin(this, credentials?.username ?? "", reason);
      throw new ConnectionError(
        "ACCESS_REFUSED",
        `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
      );
    }
    this.#state = "tune";
    const { channelMax, frameMax, heartbeatSeconds: heartbeat } = limits;
    this.#send({ method: "connection.tune", channelMax, frameMax, heartbeat });
  }

  #tuneOk(method: ConnectionTuneOk): void {
    const { channelMax, frameMax, heartbeatSeconds } = agreedLimits(method);
    this.channelMax = channelMax;
    this.output.frameMax = frameMax;
    this.#parser.frameMax = frameMax;
    this.heartbeatSeconds = heartbeatSeconds;
    this.#state = "open";
  }

  #open({ virtualHost }: ConnectionOpen): void {
    const vhost = this.broker.vhosts.get(virtualHost);
    if (vhost === undefined)
      throw new ConnectionError("NOT_ALLOWED", `vhost ${virtualHost} not found`);
    const refusal = this.broker.refusal(this, vhost);
    if (refusal !== undefined) {
      throw new ConnectionError(
        "NOT_ALLOWED",
        `access to vhost '${virtualHost}' refused for user '${this.subject.name}'`,
      );
    }
    this.#state = "admitting";
    this.broker.admit(this, vhost).then(
      () => this.#admitted(vhost),
      (cause: unknown) =>
        this.#fail(
          new ConnectionError("INTERNAL_ERROR", "the access log cannot be written", { cause }),
        ),
    );
  }

  #admitted(vhost: VirtualHost): void {
    if (this.#state !== "admitting") return;
    this.#vhost = vhost;
    this.#state = "running";
    this.#cancelTimer?.();
    this.#heartbeat.start(this.heartbeatSeconds, this.broker.clock, {
      beat: () => {
        this.output.heartbeat();
        this.peer.wantsToWrite();
      },
      silence: () => this.peer.end(),
    });
    this.broker.connectionOpened(this);
    this.#send({ method: "connection.open-ok", knownHosts: "" });
    try {
      this.#readFrames(); // what came behind connection.open in the same chunk
    } catch (error) {
      this.#fail(error);
    }
    for (const chunk of this.#inbox.splice(0)) this.receive(chunk);
  }

  #closeChannel(channel: Channel, error: ChannelError): void {
    channel.close();
    channel.send({
      method: "channel.close",
      replyCode: error.code,
      replyText: shortened(error.message),
      classId: this.#methodId >>> 16,
      methodId: this.#methodId & 0xffff,
    });
  }

  #fail(error: unknown): void {
    if (this.#state === "closing" || this.#state === "closed") return this.peer.end();
    const known = error instanceof ConnectionError || error instanceof ChannelError;
    if (known)
      this.broker.log.warn("connection refused", { peer: this.peer.address, error: error.message });
    else
      this.broker.log.error("connection failed", {
        peer: this.peer.address,
        error: stackOf(error),
      });
    const { code, message } = known
      ? error
      : new ConnectionError("INTERNAL_ERROR", "an error of the broker's own; see its log");
    const isLogin = this.#state === "start" || this.#state === "tune";
    const saysSo =
      isLogin &&
      code === ReplyCode.ACCESS_REFUSED &&
      this.capabilities.has("authentication_failure_close");
    if (isLogin && !saysSo) return this.#endInSilence();
    this.#close(code, message, code === ReplyCode.ACCESS_REFUSED ? 0 : this.#methodId);
  }

  #close(replyCode: number, text: string, methodId: number): void {
    this.#end();
    const [classId, method] = [methodId >>> 16, methodId & 0xffff];
    this.#send({
      method: "connection.close",
      replyCode,
      replyText: shortened(text),
      classId,
      methodId: method,
    });
    this.#state = "closing";
    this.#cancelTimer?.();
    this.#cancelTimer = this.broker.clock.schedule(closeMaxMs, () => this.peer.end());
  }

  #endInSilence(): void {
    this.#state = "closed";
    this.#cancelTimer?.();
    this.#cancelTimer = this.broker.clock.schedule(silenceMs, () => this.peer.end());
  }

  /** Gives back what the connection held: channels first, then its exclusive queues. */
  #end(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
    if (this.#vhost === undefined) return;
    for (const queue of [...this.#vhost.queues.values()]) {
      if (queue.options.exclusiveOwner === this) this.#vhost.deleteQueue(queue);
    }
  }

  #finish(): void {
    this.#state = "closing";
    this.peer.end();
  }

  #send(method: Method): void {
    this.output.method(0, method);
    this.outputWaits();
  }
}

const publishId: number = MethodId["basic.publish"];
/** From the protocol header to connection.open; RabbitMQ's handshake_timeout. */
const handshakeMaxMs = 10_000;
/** How long a peer may take to answer connection.close. */
const closeMaxMs = 10_000;

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function sameOctets(wire: Buffer, buffer: Buffer, start: number, end: number): boolean {
  const size = end - start;
  if (wire.length !== size) return false;
  for (let i = 0; i < size; i++) if (wire[i] !== buffer[start + i]) return false;
  return true;
}

function expectedHeader(): ConnectionError {
  return new ConnectionError(
    "UNEXPECTED_FRAME",
    "expected content header for class 60, got non content header frame instead",
  );
}

function frameError(
  reply: "UNEXPECTED_FRAME" | "FRAME_ERROR",
  parser: FrameParser,
  what: string,
): ConnectionError {
  const octets = erlangBinary(parser.buffer.subarray(parser.start, parser.end));
  return new ConnectionError(reply, `type ${parser.type}, all octets = ${octets}${what}`);
}

/** A reply text is a short string: 255 octets, cut between characters. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= 255
    ? text
    : bytes
        .subarray(0, 252)
        .toString("utf8")
        .replace(/\uFFFD+$/u, "") + "...";
}

/** A copy of just these octets, in memory of its own: a small message must not keep a large buffer alive. */
function copyOf(octets: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  octets.copy(copy);
  return copy;
}
