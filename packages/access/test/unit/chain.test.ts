import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { canonicalJson, chainStart, follow, headOf, link } from "../../src/core/chain.ts";
import type { AccessEvent } from "../../src/index.ts";

const event: AccessEvent = {
  actor: "ann",
  door: "rest",
  verb: "get",
  apiGroup: "files.warrener.dev",
  resource: "files",
  allowed: true,
  reason: "role viewer, rule 1",
};

test("canonical JSON sorts keys as RFC 8785 does and drops what is undefined", () => {
  assert.equal(
    canonicalJson({ "\u20ac": 1, b: [true, { d: 1, c: null }], a: undefined, A: "\u2028" }),
    '{"A":"\u2028","b":[true,{"c":null,"d":1}],"€":1}',
  );
});

test("each line follows the one before it, and its head can be read back from it", () => {
  const first = link(chainStart, 0, event);
  const second = link(first.head, 1, event);
  assert.deepEqual(follow(chainStart, first.line), first.head);
  assert.deepEqual(follow(first.head, second.line), second.head);
  assert.deepEqual(headOf(second.line), second.head);
  assert.equal(follow(chainStart, second.line), "does not follow the line before it");
});

test("no character of a line can change unseen", () => {
  const { line } = link(chainStart, 0, event);
  fc.assert(
    fc.property(fc.nat(line.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, with_) => {
      const altered = line.slice(0, at) + with_ + line.slice(at + 1);
      if (altered !== line) assert.equal(typeof follow(chainStart, altered), "string");
    }),
  );
});

test("a secret that a client put in the wrong place does not reach the log", () => {
  const token = `wrn_${"a".repeat(32)}`;
  const { line } = link(chainStart, 0, {
    ...event,
    actor: token,
    reason: `no user ${token}`,
    facts: { link: "7Q4M-2KXD-AAAA-BBBB-CCCC" },
  });
  assert.ok(!line.includes("aaaa"));
  assert.ok(!line.includes("2KXD"));
  assert.match(line, /wrn_\[redacted\]/);
});

test("a record stays short whatever a client calls itself", () => {
  const { line } = link(chainStart, 0, { ...event, actor: "é".repeat(1e6), name: "\ud800" });
  assert.ok(line.length < 2000);
  assert.equal(typeof follow(chainStart, line), "object");
});
