import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { toField } from "../../../src/amqp/field-table.ts";
import {
  agreedLimits,
  capabilitiesOf,
  isProtocolHeader,
  readCredentials,
} from "../../../src/broker/core/connection/handshake.ts";

for (const { header, want } of [
  { header: "414d515000000901", want: true },
  { header: "414d515001010009", want: true },
  { header: "414d515000010000", want: false },
  { header: "474554202f204854", want: false },
]) {
  test(`the protocol header ${header} is ${want ? "taken" : "refused"}`, () => {
    assert.equal(isProtocolHeader(Buffer.from(header, "hex")), want);
  });
}

test("a client may take less than was offered, and no limit on frames means ours", () => {
  const tuned = agreedLimits({
    method: "connection.tune-ok",
    channelMax: 10,
    frameMax: 0,
    heartbeat: 5,
  });
  assert.deepEqual(tuned, { channelMax: 10, frameMax: 131_072, heartbeatSeconds: 5 });
});

for (const { does, channelMax, frameMax } of [
  { does: "a frame below 4096 octets", channelMax: 10, frameMax: 4095 },
  { does: "a frame beyond what was offered", channelMax: 10, frameMax: 262_144 },
  { does: "no limit on channels", channelMax: 0, frameMax: 131_072 },
]) {
  test(`${does} is not agreed to`, () => {
    assert.throws(
      () => agreedLimits({ method: "connection.tune-ok", channelMax, frameMax, heartbeat: 0 }),
      { code: 530 },
    );
  });
}

test("PLAIN is user and password behind zero octets", () => {
  assert.deepEqual(readCredentials("PLAIN", Buffer.from("\0ada\0secret")), {
    username: "ada",
    secret: "secret",
  });
  assert.equal(readCredentials("PLAIN", Buffer.from("ada")), undefined);
  assert.equal(readCredentials("PLAIN", Buffer.from("\0ada\0secret\0more")), undefined);
});

test("AMQPLAIN is a table without its length", () => {
  const response = Buffer.concat([
    Buffer.from([5]),
    Buffer.from("LOGINS"),
    Buffer.from([0, 0, 0, 3]),
    Buffer.from("ada"),
    Buffer.from([8]),
    Buffer.from("PASSWORDS"),
    Buffer.from([0, 0, 0, 6]),
    Buffer.from("secret"),
  ]);
  assert.deepEqual(readCredentials("AMQPLAIN", response), { username: "ada", secret: "secret" });
});

test("a mechanism that was not offered gives no credentials", () => {
  assert.equal(readCredentials("ANONYMOUS", Buffer.alloc(0)), undefined);
});

test("capabilities are the names that are true", () => {
  const capabilities = new Map([
    ["basic.nack", toField(true)],
    ["connection.blocked", toField(false)],
  ]);
  assert.deepEqual(
    capabilitiesOf(new Map([["capabilities", { tag: "F", value: capabilities } as const]])),
    new Set(["basic.nack"]),
  );
  assert.deepEqual(capabilitiesOf(new Map()), new Set());
});
