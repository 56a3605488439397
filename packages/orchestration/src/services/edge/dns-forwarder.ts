// Questions about names that are not the cluster's: passed on, byte for byte, to whom the machine itself asks.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import type { Address } from "../core/frontends.ts";

/** Until the next resolver is asked. */
const answerMs = 2000;
/** Questions on their way at a time; further ones are refused. */
const questionsMax = 256;
const resolversMax = 3;

export class DnsForwarder {
  readonly #resolvers: () => readonly string[];
  readonly #port: number;
  #questions = 0;

  /** @param resolvers asked in order */
  constructor(resolvers: () => readonly string[], port = 53) {
    this.#resolvers = resolvers;
    this.#port = port;
  }

  /** @returns undefined when nobody answers in time */
  async ask(question: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    if (this.#questions >= questionsMax) return undefined;
    this.#questions += 1;
    try {
      for (const resolver of this.#resolvers().slice(0, resolversMax)) {
        const signal = AbortSignal.timeout(answerMs);
        const ask = transport === "udp" ? askUdp : askTcp;
        const answer = await ask(question, { host: resolver, port: this.#port }, signal).catch(
          () => undefined,
        );
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      this.#questions -= 1;
    }
  }
}

async function askUdp(
  question: Buffer,
  { host, port }: Address,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = createSocket({ type: isIP(host) === 6 ? "udp6" : "udp4" });
  try {
    // Connected: whoever else sends something here is not heard.
    socket.connect(port, host);
    await once(socket, "connect", { signal });
    socket.send(question);
    for (;;) {
      const [answer] = (await once(socket, "message", { signal })) as [Buffer];
      if (answer.length >= 2 && answer.readUInt16BE(0) === question.readUInt16BE(0)) return answer;
    }
  } finally {
    socket.close();
  }
}

async function askTcp(
  question: Buffer,
  { host, port }: Address,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = connect({ host, port, signal });
  socket.write(framed(question));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break;
  }
  socket.destroy();
  if (received.length < 2) throw new Error("no answer");
  return received.subarray(2, 2 + received.readUInt16BE(0));
}

/** As messages travel over TCP (RFC 1035 §4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Whom the machine asks, as resolv.conf(5) names them. @param own address that is left out: it would ask itself */
export function machineResolvers(own: string): readonly string[] {
  try {
    const lines = readFileSync("/etc/resolv.conf", "utf8").split("\n");
    return lines
      .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "")
      .filter((address) => isIP(address) !== 0 && address !== own);
  } catch {
    return [];
  }
}
