// What a case of the behaviour suite is given, and how an engine is put under the suite.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { needs } from "../fixtures/needs.ts";
import { type Handshake, Wire } from "../fixtures/wire.ts";

/** A broker that the suite can run on. */
export interface Engine {
  readonly name: string;
  /** Why the engine is not here at all, if so. */
  readonly missing?: string | undefined;
  /** Names of cases this engine cannot run, each with its reason. */
  readonly skips: Readonly<Record<string, string>>;
  /** Starts the engine, or finds it running; disposing stops what was started. */
  start(): Promise<RunningEngine>;
}
export interface RunningEngine extends AsyncDisposable {
  /** `amqp://guest:guest@host:port` */
  readonly url: string;
}

/** One case's own world: names nobody else uses, and connections that are closed when the case ends. */
export interface Scene {
  readonly url: string;
  /** A confirm channel on a connection shared by the channels of this scene. */
  readonly channel: ConfirmChannel;
  /** Another channel on the same connection. */
  readonly openChannel: () => Promise<ConfirmChannel>;
  /** Another connection, as amqplib sees it. */
  readonly connect: () => Promise<ChannelModel>;
  /** A raw connection with channel 1 open. */
  readonly wire: (handshake?: Handshake) => Promise<Wire>;
  /** A name that is unique to this case. */
  readonly name: (label: string) => string;
  /** Takes away what the case leaves on the broker, once its own connections are closed. */
  readonly cleanUp: (act: CleanUp) => void;
}

export type CleanUp = (channel: Channel) => Promise<unknown>;
export type Body = (scene: Scene) => Promise<void>;
/** Registers one case; the name is a sentence about the broker. */
export type It = (name: string, body: Body) => void;
/** One file of the suite. */
export interface Chapter {
  readonly title: string;
  readonly cases: (it: It) => void;
  /** The cases mostly wait, and run side by side. */
  readonly concurrent?: boolean;
}

/** Puts an engine under every chapter; a skip that names no case fails, so that skips cannot outlive their reason. */
export function runContract(engine: Engine, chapters: readonly Chapter[]): void {
  const known = new Set<string>();
  let running: RunningEngine | undefined;
  let count = 0;

  async function play(name: string, body: Body): Promise<void> {
    assert.ok(running, "the engine has not started");
    const { url } = running;
    count += 1;
    // The process id and the time keep names apart when a broker is used for several runs.
    const prefix = `c${process.pid.toString(36)}.${Date.now().toString(36)}.${count}`;
    await using stack = new AsyncDisposableStack();
    await body(await openScene(url, prefix, stack)).catch((cause: unknown) => {
      throw cause instanceof Error ? cause : new Error(name, { cause });
    });
  }

  const options = needs(engine.missing === undefined, engine.missing ?? "");
  describe(`AMQP on ${engine.name}`, options, () => {
    before(async () => {
      running = await engine.start();
    });
    after(async () => {
      await running?.[Symbol.asyncDispose]();
    });
    for (const { title, cases, concurrent = false } of chapters) {
      describe(title, { concurrency: concurrent }, () => {
        cases((name, body) => {
          assert.ok(!known.has(name), `two cases are named "${name}"`);
          known.add(name);
          const skip = engine.skips[name];
          test(name, skip === undefined ? {} : { skip }, async () => play(name, body));
        });
      });
    }
    test("every skip names a case", () => {
      assert.deepEqual(
        Object.keys(engine.skips).filter((name) => !known.has(name)),
        [],
      );
    });
  });
}

async function sweep(url: string, acts: readonly CleanUp[]): Promise<void> {
  if (acts.length === 0) return;
  const connection = await connect(url, { noDelay: true });
  for (const act of acts) {
    const channel = await connection.createChannel();
    channel.on("error", () => {}); // what the case itself deleted need not be there any more
    await act(channel).catch(() => {});
  }
  await connection.close();
}

async function openScene(url: string, prefix: string, stack: AsyncDisposableStack): Promise<Scene> {
  const leftovers: CleanUp[] = [];
  stack.defer(async () => sweep(url, leftovers));
  async function open(): Promise<ChannelModel> {
    const connection = await connect(url, { noDelay: true });
    connection.on("error", () => {}); // cases look at what was closed and why, through closingOf()
    stack.defer(async () => {
      await connection.close().catch(() => {}); // it may be closed already: that is what many cases are about
    });
    return connection;
  }
  const connection = await open();
  async function openChannel(): Promise<ConfirmChannel> {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    return channel;
  }
  return {
    url,
    channel: await openChannel(),
    openChannel,
    connect: open,
    wire: async (handshake) => {
      const wire = stack.use(await Wire.connect(url, handshake));
      await wire.openChannel();
      return wire;
    },
    name: (label) => `${prefix}.${label}`,
    cleanUp: (act) => void leftovers.push(act),
  };
}
