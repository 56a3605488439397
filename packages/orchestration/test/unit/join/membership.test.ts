import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Membership } from "../../../src/join/edge/membership.ts";
import { createAuthority, type Identity, issueClient } from "../../../src/pki/certificates.ts";
import { TellingClock } from "../../fixtures/telling-clock.ts";

const lifeMs = 3600_000;

/** A folder, a clock, and somebody who gives certificates. */
class World {
  readonly clock = new TellingClock();
  readonly warnings: string[] = [];
  readonly directory: string;
  readonly #authority: Identity;
  failures = 0;
  asked = 0;

  private constructor(directory: string, authority: Identity) {
    this.directory = directory;
    this.#authority = authority;
  }

  static async start(t: TestContext): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), "membership-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const authority = await createAuthority("ca", { notBeforeMs: 0, notAfterMs: 1e12 });
    return new World(directory, authority);
  }

  /** One that is issued now. */
  identity(): Promise<Identity> {
    const nowMs = this.clock.nowMs();
    const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + lifeMs };
    return issueClient(this.#authority, { name: "system:node:a", groups: [] }, validity);
  }

  async found(): Promise<Membership> {
    const at = { name: "a", server: "https://127.0.0.1:1", authority: "ca" };
    return Membership.found(this.directory, { ...at, identity: await this.identity() });
  }

  renew(it: Membership): void {
    const ask = async (): Promise<Identity> => {
      this.asked += 1;
      this.failures -= 1;
      if (this.failures >= 0) throw new Error("not now");
      return this.identity();
    };
    const warn = (message: string): void => {
      this.warnings.push(message);
    };
    it.renew({ ask, clock: this.clock, log: { info: () => undefined, warn, error: warn } });
  }

  /** Moves on to the moment of a renewal. Resolves when it is done, or has failed. */
  async pass(ms: number): Promise<void> {
    const waitsAgain = this.clock.waits();
    await this.clock.advance(ms);
    await waitsAgain;
  }
}

test("a certificate is renewed when half of its life is over, and again", async (t) => {
  const world = await World.start(t);
  const it = await world.found();
  const first = it.identity();
  world.renew(it);
  await world.clock.advance(lifeMs / 2 - 1);
  assert.equal(it.identity(), first);
  await world.pass(1);
  const second = it.identity();
  assert.notEqual(second.certificate, first.certificate);
  await world.pass(lifeMs / 2);
  assert.notEqual(it.identity().certificate, second.certificate);
  assert.equal(world.asked, 2);
  it.stop();
});

test("a certificate that could not be renewed serves on, and is tried again a minute later", async (t) => {
  const world = await World.start(t);
  world.failures = 1;
  const it = await world.found();
  const first = it.identity();
  world.renew(it);
  await world.pass(lifeMs / 2);
  assert.equal(it.identity(), first);
  assert.deepEqual(world.warnings, ["certificate not renewed"]);
  await world.pass(60_000);
  assert.notEqual(it.identity(), first);
  it.stop();
});

test("the next agent on the folder goes on as the same node, and nobody else reads its key", async (t) => {
  const world = await World.start(t);
  assert.equal(await Membership.read(world.directory), undefined);
  const it = await world.found();
  world.renew(it);
  await world.pass(lifeMs / 2);
  it.stop();
  const next = await Membership.read(world.directory);
  assert.deepEqual(
    [next?.name, next?.server, next?.authority, next?.identity()],
    [it.name, it.server, it.authority, it.identity()],
  );
  const { mode } = await stat(join(world.directory, "membership.json"));
  assert.equal(mode & 0o777, 0o600);
});
