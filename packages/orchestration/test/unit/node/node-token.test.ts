import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { KubeObject } from "../../../src/api/object.ts";
import { nodeJoinerSubject } from "../../../src/bootstrap/join-token.ts";
import type { Client } from "../../../src/client/client.ts";
import { NodeToken } from "../../../src/node/edge/node-token.ts";
import { TellingClock } from "../../fixtures/telling-clock.ts";

const lifeMs = 3600_000;

/** A folder, a clock, and a server that makes tokens. */
class World {
  readonly clock = new TellingClock();
  readonly orders: KubeObject[] = [];
  readonly warnings: string[] = [];
  readonly directory: string;
  failures = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(t: TestContext): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), "node-token-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    return new World(directory);
  }

  /** A token that is issued now. */
  token(sub = nodeJoinerSubject): string {
    const part = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString("base64url");
    const iat = this.clock.nowMs() / 1000;
    return `${part({ alg: "ES256" })}.${part({ sub, iat, exp: iat + lifeMs / 1000 })}.x`;
  }

  open(given: string): Promise<NodeToken> {
    return NodeToken.open(this.directory, given, this.clock);
  }

  renew(it: NodeToken): void {
    const createSubresource: Client["createSubresource"] = async (...[, , , , order]) => {
      this.orders.push(order);
      this.failures -= 1;
      if (this.failures >= 0) throw new Error("not now");
      return { ...order, status: { token: this.token() } };
    };
    const warn = (message: string): void => {
      this.warnings.push(message);
    };
    const client = { createSubresource } as unknown as Client;
    it.renew(client, { info: () => undefined, warn, error: warn });
  }

  /** Moves on to the moment of a renewal. Resolves when it is done, or has failed. */
  async pass(ms: number): Promise<void> {
    const waitsAgain = this.clock.waits();
    await this.clock.advance(ms);
    await waitsAgain;
  }
}

test("a token is renewed when half of its life is over, for as long again, and again", async (t) => {
  const world = await World.start(t);
  const given = world.token();
  const it = await world.open(given);
  world.renew(it);
  await world.clock.advance(lifeMs / 2 - 1);
  assert.equal(it.value(), given);
  await world.pass(1);
  assert.equal(it.value(), world.token());
  await world.pass(lifeMs / 2);
  assert.equal(it.value(), world.token());
  assert.deepEqual(
    world.orders.map((order) => order["spec"]),
    [{ expirationSeconds: 3600 }, { expirationSeconds: 3600 }],
  );
  it.stop();
});

test("a token that could not be renewed serves on, and is tried again a minute later", async (t) => {
  const world = await World.start(t);
  world.failures = 1;
  const given = world.token();
  const it = await world.open(given);
  world.renew(it);
  await world.pass(lifeMs / 2);
  assert.equal(it.value(), given);
  assert.deepEqual(world.warnings, ["node token not renewed"]);
  await world.pass(60_000);
  assert.equal(it.value(), world.token());
  it.stop();
});

test("the next agent on the folder goes on with the token that lasts longest", async (t) => {
  const world = await World.start(t);
  const given = world.token();
  const first = await world.open(given);
  world.renew(first);
  await world.pass(lifeMs / 2);
  first.stop();
  const next = await world.open(given);
  assert.equal(next.value(), first.value());
  assert.notEqual(next.value(), given);
  const { mode } = await stat(join(world.directory, "token"));
  assert.equal(mode & 0o777, 0o600);
  await world.clock.advance(1000);
  const fresh = world.token();
  assert.equal((await world.open(fresh)).value(), fresh);
});

for (const { what, given } of [
  { what: "of somebody else", given: (world: World) => world.token("system:serviceaccount:a:b") },
  { what: "that is none of a service account", given: () => "secret" },
]) {
  test(`a token ${what} is used as it is`, async (t) => {
    const world = await World.start(t);
    const its = given(world);
    const it = await world.open(its);
    world.renew(it);
    await world.clock.advance(2 * lifeMs);
    assert.deepEqual([it.value(), world.orders], [its, []]);
  });
}
