// Kills the broker without warning at random moments, over and over, and holds what it kept against what it promised.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { BrokerProcess } from "../fixtures/broker-process.ts";
import { Ledger, settledAfterMs } from "../fixtures/crash-ledger.ts";
import { consume, declareTopology, empty, look, publish, queues } from "../fixtures/crash-load.ts";
import { chooseSeed, type Random, seededRandom } from "../fixtures/random.ts";

const seed = chooseSeed("WARRENER_TEST_CRASH_SEED");
const killsMin = Number(process.env["WARRENER_TEST_CRASH_KILLS"] ?? 200);
/** Brokers killed side by side, each on its own data. */
const tracks = 2;
const killsPerTrack = Math.ceil(killsMin / tracks);

/** One data folder, the brokers that come and go on it, and what they were told. */
class Track {
  readonly ledgers = new Map(queues.map((queue) => [queue as string, new Ledger(queue)]));
  readonly dataDir: string;
  readonly random: Random;
  kills = 0;
  #lastId = 0;
  #killedAtMs = 0;
  /** Queues whose declaration was answered. */
  readonly #extraQueues: string[] = [];

  constructor(dataDir: string, random: Random) {
    this.dataDir = dataDir;
    this.random = random;
  }

  get published(): number {
    return this.#lastId;
  }

  /** Killed while it starts or recovers, before anybody could connect. */
  async killAtStart(): Promise<void> {
    await using broker = new BrokerProcess(this.dataDir);
    await delay(this.random.between(0, 350));
    await broker.kill();
    this.kills += 1;
  }

  /** Checked after the last kill, loaded, and killed in the midst of it; in quiet rounds once the load is over. */
  async killUnderLoad(quiet: boolean): Promise<void> {
    await using broker = new BrokerProcess(this.dataDir);
    const connection = await open(await broker.url());
    await declareTopology(connection);
    await this.check(connection);
    const stop = new AbortController();
    const loads = await this.#load(connection, stop.signal);
    await delay(this.random.between(0, 150));
    if (quiet) {
      stop.abort();
      await delay(settledAfterMs + 200);
    }
    this.#killedAtMs = Date.now();
    await broker.kill();
    stop.abort();
    await loads.done;
    this.kills += 1;
  }

  /** Holds every queue against its ledger. */
  async check(connection: ChannelModel): Promise<void> {
    for (const [queue, ledger] of this.ledgers) {
      ledger.check(await look(connection, queue), this.#killedAtMs);
    }
    const channel = await connection.createChannel();
    for (const queue of this.#extraQueues.slice(-5)) await channel.checkQueue(queue);
    await channel.close();
  }

  async #load(connection: ChannelModel, stop: AbortSignal): Promise<{ done: Promise<unknown> }> {
    const { random, ledgers } = this;
    for (const queue of queues) {
      const channel = await quietChannel(connection);
      await consume(channel, queue, ledgers.get(queue) as Ledger, random);
    }
    const nextId = (): number => ++this.#lastId;
    const publishing = publish(await quietChannel(connection), ledgers, { random, nextId, stop });
    const declaring = this.#declareOne(connection);
    return { done: Promise.all([publishing, declaring]) };
  }

  async #declareOne(connection: ChannelModel): Promise<void> {
    const name = `crash.extra.${this.#lastId}`;
    try {
      const channel = await quietChannel(connection);
      await channel.assertQueue(name, { durable: true });
      this.#extraQueues.push(name);
    } catch {
      return; // the kill came before the answer
    }
  }
}

async function open(url: string): Promise<ChannelModel> {
  const connection = await connect(url, { noDelay: true });
  connection.on("error", () => {}); // the kill
  return connection;
}

async function quietChannel(connection: ChannelModel): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
  return channel;
}

describe(`a broker killed at random moments (WARRENER_TEST_CRASH_SEED=${seed})`, {
  concurrency: tracks,
}, () => {
  for (let number = 1; number <= tracks; number += 1) {
    test(`keeps every promise over ${killsPerTrack} kills, track ${number}`, async (t) => {
      const dataDir = await mkdtemp(join(tmpdir(), "warrener-crash-"));
      t.diagnostic(`data in ${dataDir}, kept if this fails`);
      const random = seededRandom(seed + number);
      const track = new Track(dataDir, random);
      const quietEvery = Math.ceil(killsPerTrack / 4);
      while (track.kills < killsPerTrack) {
        if (random.chance(0.1)) await track.killAtStart();
        else await track.killUnderLoad(track.kills % quietEvery === quietEvery - 1);
      }
      await using last = new BrokerProcess(dataDir);
      const connection = await open(await last.url());
      await track.check(connection);
      for (const queue of queues) await empty(connection, queue);
      await connection.close();
      await last.stop();
      await using after = new BrokerProcess(dataDir);
      const again = await open(await after.url());
      for (const queue of queues) assert.deepEqual(await look(again, queue), []);
      await again.close();
      await after.stop();
      await rm(dataDir, { recursive: true });
      const returned = [...track.ledgers.values()].reduce(
        (sum, ledger) => sum + ledger.returned,
        0,
      );
      t.diagnostic(
        `${track.kills} kills, ${track.published} publishes, ${returned} acks undone by a kill`,
      );
    });
  }
});
