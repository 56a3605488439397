// That this machine is a node of a cluster: where the cluster is, whom to trust, and the certificate that proves it, renewed at half of its life.
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { Identity } from "../../pki/certificates.ts";

/** What is kept in the node's folder, for its owner alone. */
interface Kept {
  /** Name of the node. */
  readonly name: string;
  /** `https://192.0.2.7:6443` */
  readonly server: string;
  /** PEM of the cluster's authority. */
  readonly authority: string;
  readonly identity: Identity;
}

export interface Renewal {
  /** Gets the next certificate. */
  readonly ask: () => Promise<Identity>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Neither when it has failed nor when clocks differ is it asked for sooner. */
const renewMsMin = 60_000;
/** Timers take no more. */
const timerMsMax = 2 ** 31 - 1;

export class Membership {
  readonly name: string;
  readonly server: string;
  readonly authority: string;
  readonly #file: string;
  #identity: Identity;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  private constructor(file: string, { name, server, authority, identity }: Kept) {
    this.#file = file;
    this.name = name;
    this.server = server;
    this.authority = authority;
    this.#identity = identity;
  }

  /** @returns undefined where nobody has joined from this folder @throws Error for a file that is damaged */
  static async read(directory: string): Promise<Membership | undefined> {
    const file = fileIn(directory);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    return text === undefined ? undefined : new Membership(file, JSON.parse(text) as Kept);
  }

  /** Writes it down. @returns once it is on disk */
  static async found(directory: string, kept: Kept): Promise<Membership> {
    const membership = new Membership(fileIn(directory), kept);
    await membership.#write();
    return membership;
  }

  readonly identity = (): Identity => this.#identity;

  /** When the certificate ends, milliseconds since 1970. */
  get untilMs(): number {
    return lifeOf(this.#identity).untilMs;
  }

  /** From now on its certificate is renewed. */
  renew(how: Renewal): void {
    const { clock, log } = how;
    if (this.#isStopped) return;
    const { fromMs, untilMs } = lifeOf(this.#identity);
    const dueMs = (fromMs + untilMs) / 2;
    const inMs = Math.max(renewMsMin, dueMs - clock.nowMs());
    this.#cancel = clock.after(Math.min(inMs, timerMsMax), () => {
      const isDue = clock.nowMs() >= dueMs;
      void (isDue ? this.#replace(how) : Promise.resolve())
        .catch((error: unknown) => log.warn("certificate not renewed", { error: String(error) }))
        .then(() => this.renew(how));
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #replace({ ask }: Renewal): Promise<void> {
    this.#identity = await ask();
    await this.#write();
  }

  async #write(): Promise<void> {
    const { name, server, authority } = this;
    const kept: Kept = { name, server, authority, identity: this.#identity };
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    await writeFile(`${this.#file}.tmp`, JSON.stringify(kept), { mode: 0o600, flush: true });
    await rename(`${this.#file}.tmp`, this.#file);
  }
}

function fileIn(directory: string): string {
  return join(directory, "membership.json");
}

function lifeOf({ certificate }: Identity): { readonly fromMs: number; readonly untilMs: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
}
