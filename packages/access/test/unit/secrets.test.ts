import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import {
  hashSecret,
  mintLinkCode,
  mintSecret,
  normalizeLinkCode,
  sameHash,
} from "../../src/core/secrets.ts";

test("a token has a recognisable prefix and 192 random bits", () => {
  assert.match(mintSecret("wrn_", randomBytes), /^wrn_[\w-]{32}$/);
  assert.notEqual(mintSecret("wrn_", randomBytes), mintSecret("wrn_", randomBytes));
});

test("a link's code can be read out and typed carelessly", () => {
  const code = mintLinkCode(() => Uint8Array.from({ length: 20 }, (_, at) => at * 13));
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
  const careless = code
    .toLowerCase()
    .replaceAll("-", " ")
    .replaceAll("0", "o")
    .replaceAll("1", "l");
  assert.equal(normalizeLinkCode(careless), normalizeLinkCode(code));
});

test("hashes are equal only for equal secrets", () => {
  assert.ok(sameHash(hashSecret("a"), hashSecret("a")));
  assert.ok(!sameHash(hashSecret("a"), hashSecret("b")));
  assert.ok(!sameHash(hashSecret("a"), new Uint8Array(3)));
});
