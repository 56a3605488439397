// One question to a webhook over HTTPS, and its answer.
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Address, Target } from "../target.ts";

/** @returns the answer's JSON @throws Error when there is none in time */
export type Call = (target: Target, question: object, timeoutMs: number) => Promise<unknown>;

/** The largest object there can be, and a patch of it. */
const answerBytesMax = 6 * 1024 * 1024;

export const callWebhook: Call = async (target, question, timeoutMs) => {
  const signal = AbortSignal.timeout(timeoutMs);
  const body = JSON.stringify(question);
  const where = `Post ${JSON.stringify(target.url.href)}`;
  for (const [i, address] of target.addresses.entries()) {
    try {
      return await asked(target, address, body, signal);
    } catch (cause) {
      if (signal.aborted) throw new Error(`${where}: context deadline exceeded`, { cause });
      const isLast = i === target.addresses.length - 1;
      const { code, message } = cause as NodeJS.ErrnoException;
      if (isLast || code !== "ECONNREFUSED") throw new Error(`${where}: ${message}`, { cause });
    }
  }
  throw new Error(`${where}: no address`);
};

async function asked(
  { url, authority }: Target,
  { host, port }: Address,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = httpsRequest({
    host,
    port,
    method: "POST",
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      accept: "application/json",
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    },
    ...(authority !== undefined && { ca: authority }),
    ...(isIP(host) !== 0 && host !== url.hostname && { servername: url.hostname }),
    agent: false, // asked rarely: a connection that is kept may be one that the server has given up
    signal,
  });
  outgoing.once("response", resolve).once("error", reject).end(body);
  const response = await promise;
  const text = await textOf(response);
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return JSON.parse(text);
  throw new Error(
    `the webhook's server answered ${statusCode}: ${JSON.stringify(text.slice(0, 200))}`,
  );
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax)
      throw new Error(`the answer is longer than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
