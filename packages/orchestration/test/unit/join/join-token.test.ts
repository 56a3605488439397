import assert from "node:assert/strict";
import { test } from "node:test";
import { joinTokenText, parseJoinToken } from "../../../src/join/core/join-token.ts";

const authorityHash = "0123456789abcdef".repeat(4);
const bootstrapToken = "abc123.0123456789abcdef";

test("a token that is written is read as what it was", () => {
  const text = joinTokenText({ authorityHash, bootstrapToken });
  assert.equal(text, `K10${authorityHash}::${bootstrapToken}`);
  assert.deepEqual(parseJoinToken(`${text}\n`), { authorityHash, bootstrapToken });
});

for (const { what, text } of [
  { what: "a token without the authority's hash", text: bootstrapToken },
  { what: "a hash that is too short", text: `K10${authorityHash.slice(1)}::${bootstrapToken}` },
  { what: "a secret that is cut off", text: `K10${authorityHash}::abc123.0123` },
  { what: "an API token", text: "wrn_secret" },
]) {
  test(`${what} is refused, and not shown`, () => {
    assert.throws(
      () => parseJoinToken(text),
      (error: Error) => !error.message.includes(text) && /begins with K10/.test(error.message),
    );
  });
}
