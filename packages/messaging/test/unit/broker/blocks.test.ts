import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { BlockPool, blockBytes, SharedBlocks } from "../../../src/broker/core/message/blocks.ts";
import { ManualClock } from "../../../src/clock.ts";

function filled(pool: BlockPool, octets: number): SharedBlocks {
  const blocks = new SharedBlocks(pool);
  blocks.append(Buffer.alloc(octets, 1));
  return blocks;
}

test("a body is the concatenation of what was appended, wherever the pieces were cut", () => {
  const octets = Buffer.from(Array.from({ length: 3 * blockBytes + 17 }, (_, i) => i % 251));
  const blocks = new SharedBlocks(new BlockPool(new ManualClock()));
  for (let at = 0; at < octets.length; at += 40_961)
    blocks.append(octets.subarray(at, at + 40_961));
  assert.ok(Buffer.concat(blocks.parts).equals(octets));
  assert.equal(blocks.parts.length, 4);
});

test("a body of whole blocks ends with a whole block", () => {
  const blocks = filled(new BlockPool(new ManualClock()), 2 * blockBytes);
  assert.deepEqual(
    blocks.parts.map((block) => block.length),
    [blockBytes, blockBytes],
  );
});

test("blocks are used again once the last holder let go and the turn ended", () => {
  const pool = new BlockPool(new ManualClock());
  const blocks = filled(pool, 2 * blockBytes);
  blocks.hold();
  blocks.hold();
  blocks.release();
  pool.collect();
  assert.equal(pool.freeBytes, 0);
  blocks.release();
  assert.equal(pool.freeBytes, 0, "the turn has not ended");
  pool.collect();
  assert.equal(pool.freeBytes, 2 * blockBytes);
});

test("blocks that somebody holds again before the turn ends stay with him", () => {
  const pool = new BlockPool(new ManualClock());
  const blocks = filled(pool, blockBytes);
  blocks.hold();
  blocks.release();
  blocks.hold();
  pool.collect();
  assert.equal(pool.freeBytes, 0);
  blocks.release();
  blocks.hold();
  blocks.release();
  pool.collect();
  assert.equal(pool.freeBytes, blockBytes, "given back once, however often they were let go");
});

test("blocks that nobody needed for a second are dropped, those in use again and again are kept", () => {
  const clock = new ManualClock();
  const pool = new BlockPool(clock);
  const three = filled(pool, 3 * blockBytes);
  three.hold();
  three.release();
  pool.collect();
  clock.advance(1000);
  const one = filled(pool, blockBytes);
  one.hold();
  one.release();
  pool.collect();
  clock.advance(1000);
  assert.equal(pool.freeBytes, blockBytes);
  clock.advance(1000);
  assert.equal(pool.freeBytes, 0);
});
