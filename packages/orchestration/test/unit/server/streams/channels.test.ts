import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  chosenProtocol,
  decodeChannel,
  encodeChannel,
  exitStatus,
} from "../../../../src/server/streams/channels.ts";

const v5 = "v5.channel.k8s.io";
const v4 = "v4.channel.k8s.io";

test("the newer protocol is chosen of those that a client offers", () => {
  assert.equal(chosenProtocol([v4, v5]), v5);
  assert.equal(chosenProtocol(["channel.k8s.io", v4]), v4);
  assert.equal(chosenProtocol(["base64.channel.k8s.io"]), undefined);
});

test("a message begins with the number of its channel", () => {
  assert.deepEqual([...encodeChannel("stderr", Buffer.from("no"))], [2, 0x6e, 0x6f]);
  assert.deepEqual([...encodeChannel("stdout", new Uint8Array())], [1]);
});

test("a message is read as what its channel carries", () => {
  const message = decodeChannel(Uint8Array.of(0, 0x68, 0x69), v4);
  assert.ok(message.type === "data");
  assert.equal(message.channel, "stdin");
  assert.equal(Buffer.from(message.data).toString(), "hi");
});

test("a terminal's size is read from its channel", () => {
  const bytes = encodeChannel("resize", Buffer.from('{"Width":80,"Height":24}\n'));
  assert.deepEqual(decodeChannel(bytes, v4), { type: "resize", width: 80, height: 24 });
});

test("the end of a channel can be told in v5 alone", () => {
  const bytes = Uint8Array.of(255, 0);
  assert.deepEqual(decodeChannel(bytes, v5), { type: "close", channel: "stdin" });
  assert.throws(() => decodeChannel(bytes, v4), /no channel 255/);
});

describe("a message is refused", () => {
  for (const [why, bytes] of [
    ["without a channel", []],
    ["of a channel that does not exist", [9]],
    ["that closes a channel that does not exist", [255, 9]],
    ["that closes nothing", [255]],
    ["with a size that is no JSON", [4, 0x7b]],
    ["with a size that is no object", [4, ...Buffer.from("null")]],
    ["with a size below zero", [4, ...Buffer.from('{"Width":-1,"Height":1}')]],
  ] as const) {
    test(why, () => {
      const refused = { name: "StatusError", reason: "BadRequest" };
      assert.throws(() => decodeChannel(Uint8Array.from(bytes), v5), refused);
    });
  }
});

test("the end of a command that failed is told with its exit code as a cause", () => {
  const { status, reason, details } = exitStatus(3);
  assert.deepEqual([status, reason], ["Failure", "NonZeroExitCode"]);
  assert.deepEqual(details, { causes: [{ reason: "ExitCode", message: "3" }] });
});

test("the end of a command that succeeded is told as success", () => {
  assert.deepEqual(exitStatus(0), {
    apiVersion: "v1",
    kind: "Status",
    metadata: {},
    status: "Success",
  });
});
