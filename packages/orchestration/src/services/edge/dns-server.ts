// Answers questions about names over UDP and TCP (RFC 1035, EDNS of RFC 6891).
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { type DnsRecord, dnsAnswer } from "../core/dns-answers.ts";
import type { DnsView } from "../core/dns-view.ts";
import { type DnsForwarder, framed } from "./dns-forwarder.ts";

/** RFC 1035 §4.2.1; a client may say that it takes more. */
const udpBytesMin = 512;
/** What fits through any network without being cut (DNS flag day 2020). */
const udpBytesMax = 1232;
const connectionsMax = 256;
const idleMs = 10_000;
/** Answers that somebody asks for no longer than a connection lasts are not kept: RFC 2308 leaves it to us. */
const negativeSeconds = 5;
const rcodes = { NXDOMAIN: 3, SERVFAIL: 2, NOTIMP: 4 } as const;

export interface DnsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly view: DnsView;
  readonly forwarder: DnsForwarder;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: UdpSocket = createSocket("udp4");
  readonly #tcp: Server = createServer();
  readonly #connections = new Set<Socket>();

  private constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#tcp.maxConnections = connectionsMax;
    this.#tcp.on("connection", (socket) => void this.#serve(socket));
    this.#udp.on("message", (message, from) => void this.#reply(message, from));
  }

  /** @throws Error of `bind` or `listen` */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    const { host, port } = options;
    try {
      server.#udp.bind({ address: host, port, exclusive: true });
      await once(server.#udp, "listening");
      server.#tcp.listen({ host, port: server.port, exclusive: true });
      await once(server.#tcp, "listening");
      // A client that is gone, or no descriptor left: the next question may find better times.
      server.#udp.on("error", () => undefined);
      server.#tcp.on("error", () => undefined);
      return server;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  get port(): number {
    return this.#udp.address().port;
  }

  close(): void {
    try {
      this.#udp.close();
    } catch {
      // It was never opened.
    }
    this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  /** Whatever somebody sends, the next one is answered. */
  async #reply(message: Buffer, { address, port }: RemoteInfo): Promise<void> {
    try {
      const answer = await this.#answer(message, "udp");
      if (answer !== undefined) this.#udp.send(answer, port, address);
    } catch {
      // A question that cannot be put into an answer, or a server that has closed meanwhile.
    }
  }

  async #serve(socket: Socket): Promise<void> {
    this.#connections.add(socket);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.once("close", () => this.#connections.delete(socket));
    let received = Buffer.alloc(0);
    try {
      for await (const chunk of socket) {
        received = Buffer.concat([received, chunk as Buffer]);
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const end = 2 + received.readUInt16BE(0);
          const answer = await this.#answer(received.subarray(2, end), "tcp");
          received = received.subarray(end);
          if (answer === undefined) socket.destroy();
          else socket.write(framed(answer));
        }
      }
    } catch {
      socket.destroy();
    }
  }

  /** @returns undefined for what is no question */
  async #answer(message: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const query = decoded(message);
    const [question] = query?.questions ?? [];
    if (query === undefined || query.type !== "query") return undefined;
    if (question === undefined || (query.flags ?? 0) & 0x7800)
      return encode(reply(query, { flags: rcodes.NOTIMP }));
    const { view, forwarder } = this.#options;
    const answer = dnsAnswer(question, view);
    if (answer.kind === "answer") {
      const full = encode(reply(query, cluster(question, answer, view.domain)));
      return fitting(full, query, transport);
    }
    if (answer.kind === "elsewhere") {
      const passed = await forwarder.ask(message, transport);
      return passed ?? encode(reply(query, { flags: rcodes.SERVFAIL }));
    }
    const followed = await this.#follow(question, answer.target);
    const answers = [answerOf(answer.record), ...(followed?.answers ?? [])];
    return fitting(encode(reply(query, { answers })), query, transport);
  }

  /** What others say of the name that a Service stands for. */
  async #follow({ type }: Question, name: string): Promise<Packet | undefined> {
    const flags = RECURSION_DESIRED;
    const question = encode({ type: "query", id: 1, flags, questions: [{ type, name }] });
    const passed = await this.#options.forwarder.ask(question, "udp");
    return passed && decoded(passed);
  }
}

function decoded(message: Buffer): Packet | undefined {
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

function reply(query: Packet, more: Partial<Packet>): Packet {
  const asked = (query.flags ?? 0) & RECURSION_DESIRED;
  const edns = query.additionals?.find(({ type }) => type === "OPT");
  const own: Answer[] =
    edns === undefined
      ? []
      : [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: udpBytesMax,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ];
  return {
    type: "response",
    ...(query.id !== undefined && { id: query.id }),
    questions: query.questions ?? [],
    ...more,
    flags: asked | RECURSION_AVAILABLE | (more.flags ?? 0),
    additionals: [...(more.additionals ?? []), ...own],
  };
}

function cluster(
  { name }: Question,
  { exists, records, additional }: Extract<ReturnType<typeof dnsAnswer>, { kind: "answer" }>,
  domain: string,
): Partial<Packet> {
  const zone = name.toLowerCase().endsWith(".arpa") ? "127.in-addr.arpa" : domain;
  const authority: Answer = {
    type: "SOA",
    name: zone,
    ttl: negativeSeconds,
    data: {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: negativeSeconds,
    },
  };
  return {
    flags: AUTHORITATIVE_ANSWER | (exists ? 0 : rcodes.NXDOMAIN),
    answers: records.map(answerOf),
    authorities: records.length > 0 ? [] : [authority],
    additionals: additional.map(answerOf),
  };
}

function answerOf(record: DnsRecord): Answer {
  return { class: "IN", ...record };
}

/** One that is too long for a datagram is cut: the client asks again over TCP. */
function fitting(full: Buffer, query: Packet, transport: "udp" | "tcp"): Buffer {
  const opt = query.additionals?.find((each) => each.type === "OPT");
  const said = opt?.type === "OPT" ? opt.udpPayloadSize : udpBytesMin;
  const bytesMax = Math.min(udpBytesMax, Math.max(udpBytesMin, said));
  if (transport === "tcp" || full.length <= bytesMax) return full;
  return encode(reply(query, { flags: TRUNCATED_RESPONSE }));
}
