// Keeps one session with the broker, and makes it again with back-off whenever it ends.

import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { type BackOff, delayMs } from "../core/back-off.ts";
import { type Connect, RefusedByBroker, type Session } from "./transport.ts";

export const reconnection: BackOff = { firstMs: 100, factor: 2, maxMs: 10_000, jitter: 0.3 };

export interface LinkOptions {
  readonly url: string;
  /** How the connection is called in the broker's lists. */
  readonly name: string;
  readonly connect: Connect;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Runs on each new session before anybody else may use it; when it fails, the session is given up. */
  readonly setUp?: (session: Session) => Promise<void>;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #closing = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #session: Session | undefined;
  #next = Promise.withResolvers<Session | undefined>();
  #refusal: RefusedByBroker | undefined;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Why the broker refused us for good before there ever was a session. */
  get refusal(): RefusedByBroker | undefined {
    return this.#refusal;
  }

  /** The session, or the next one; undefined once the link is closed or was refused at its first try. */
  ready(): Promise<Session | undefined> {
    return this.#session === undefined ? this.#next.promise : Promise.resolve(this.#session);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    let everReady = false;
    while (!this.#isClosed) {
      try {
        const session = await this.#open();
        if (session === undefined) break;
        [failures, everReady] = [0, true];
        const cause = await Promise.race([session.ended, this.#closing.promise]);
        this.#session = undefined;
        this.#next = Promise.withResolvers();
        if (cause === undefined) await session.close();
        else this.#options.log.warn("connection lost", { cause: cause.message });
      } catch (error) {
        if (error instanceof RefusedByBroker && !everReady) {
          this.#refusal = error;
          break;
        }
        this.#options.log.warn("cannot connect", { cause: String(error) });
      }
      if (this.#isClosed) break;
      failures += 1;
      await this.#pause(failures);
    }
    this.#next.resolve(undefined);
  }

  async #open(): Promise<Session | undefined> {
    const { url, name, connect, setUp, log } = this.#options;
    const session = await connect(url, name);
    try {
      await setUp?.(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    if (this.#isClosed) {
      await session.close();
      return undefined;
    }
    if (session.isOpen) {
      this.#session = session;
      this.#next.resolve(session);
      log.info("connected", { name });
    }
    return session;
  }

  async #pause(failures: number): Promise<void> {
    const { clock, random } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.schedule(delayMs(reconnection, failures, random()), resolve);
    await Promise.race([promise, this.#closing.promise]);
    cancel();
  }
}
