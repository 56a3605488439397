// The token by which a node proves itself: the one it joined with, and the ones that it has asked for since.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decodeJwt, errors } from "jose";
import { nodeJoinerSubject, requestToken } from "../../bootstrap/join-token.ts";
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";

interface Life {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** No token is asked for sooner: neither when that has failed, nor when the clocks differ. */
const renewMsMin = 60_000;
/** Timers take no more. */
const timerMsMax = 2 ** 31 - 1;

export class NodeToken {
  #value: string;
  readonly #file: string;
  readonly #clock: Clock;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  private constructor(value: string, file: string, clock: Clock) {
    this.#value = value;
    this.#file = file;
    this.#clock = clock;
  }

  /** @param given what it joins with; of that and the one in the folder the one that lasts longer counts */
  static async open(directory: string, given: string, clock: Clock): Promise<NodeToken> {
    const file = join(directory, "token");
    const kept = await readFile(file, "utf8").catch(() => undefined);
    const lasts = (token: string): number => lifeOf(token)?.untilMs ?? 0;
    const value = kept !== undefined && lasts(kept) > lasts(given) ? kept : given;
    return new NodeToken(value, file, clock);
  }

  readonly value = (): string => this.#value;

  /** Asks for the next one when half of its life is over. One that is of no joining node stays as it is. */
  renew(client: Client, log: Log): void {
    const life = lifeOf(this.#value);
    if (life === undefined || this.#isStopped) return;
    const dueMs = (life.fromMs + life.untilMs) / 2;
    const inMs = Math.max(renewMsMin, dueMs - this.#clock.nowMs());
    this.#cancel = this.#clock.after(Math.min(inMs, timerMsMax), () => {
      const isDue = this.#clock.nowMs() >= dueMs;
      void (isDue ? this.#replace(client, life) : Promise.resolve())
        .catch((error: unknown) => log.warn("node token not renewed", { error: String(error) }))
        .then(() => this.renew(client, log));
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #replace(client: Client, { fromMs, untilMs }: Life): Promise<void> {
    const token = await requestToken(client, Math.round((untilMs - fromMs) / 1000));
    await mkdir(dirname(this.#file), { recursive: true });
    await writeFile(`${this.#file}.tmp`, token, { mode: 0o600 });
    await rename(`${this.#file}.tmp`, this.#file);
    this.#value = token;
  }
}

/** @returns undefined for what is no token of a joining node */
function lifeOf(token: string): Life | undefined {
  try {
    const { sub, iat, exp } = decodeJwt(token);
    if (sub !== nodeJoinerSubject || iat === undefined || exp === undefined) return undefined;
    return { fromMs: iat * 1000, untilMs: exp * 1000 };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
