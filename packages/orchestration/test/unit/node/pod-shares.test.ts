import assert from "node:assert/strict";
import { test } from "node:test";
import { freeShare } from "../../../src/node/core/pod-address.ts";

/** The shares that so many nodes get, one after another. */
function given(nodes: number): readonly (string | undefined)[] {
  const taken: string[] = [];
  return Array.from({ length: nodes }, () => {
    const share = freeShare(taken);
    if (share !== undefined) taken.push(share);
    return share;
  });
}

test("the first nodes get large shares, and further ones small ones, until all are given", () => {
  const shares = given(288);
  assert.deepEqual(shares.slice(0, 2), ["127.64.0.0/16", "127.65.0.0/16"]);
  assert.deepEqual(shares.slice(30, 33), ["127.94.0.0/16", "127.95.0.0/24", "127.95.1.0/24"]);
  assert.equal(new Set(shares.slice(0, 287)).size, 287);
  assert.equal(shares[287], undefined);
});

test("a share that overlaps what somebody asked for is passed over", () => {
  assert.equal(freeShare(["127.64.7.0/24"]), "127.65.0.0/16");
});
