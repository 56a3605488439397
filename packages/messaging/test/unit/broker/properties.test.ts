import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { type BasicProperties, encodeProperties } from "../../../src/amqp/methods.generated.ts";
import { WireWriter } from "../../../src/amqp/wire.ts";
import {
  peekProperties,
  propertiesOf,
  withProperties,
} from "../../../src/broker/core/message/properties.ts";

function header(properties: BasicProperties): Buffer {
  const writer = new WireWriter();
  writer.short(60);
  writer.short(0);
  writer.longlong(11);
  encodeProperties(writer, properties);
  return writer.copy();
}

test("a peek sees what decoding all properties would", () => {
  const properties: BasicProperties = {
    contentType: "text/plain",
    headers: new Map([["CC", { tag: "A", value: [{ tag: "S", value: "x" }] }]]),
    deliveryMode: 2,
    priority: 7,
    replyTo: "back",
    expiration: "250",
    timestamp: 5n,
    userId: "ada",
    appId: "app",
  };
  assert.deepEqual(peekProperties(header(properties)), {
    persistent: true,
    priority: 7,
    expirationMs: 250,
    replyTo: "back",
    userId: "ada",
    hasSenderRoutes: true,
  });
});

test("other properties leave class and body size as they were", () => {
  const changed = withProperties(header({ expiration: "1" }), { messageId: "m" });
  assert.equal(changed.readUInt32BE(8), 11);
  assert.deepEqual({ ...propertiesOf(changed) }, { messageId: "m" });
});

for (const { does, octets } of [
  {
    does: "properties shorter than their flags say",
    octets: "003c0000000000000000000b8000056162",
  },
  { does: "octets behind the last property", octets: "003c0000000000000000000b100002ff" },
  {
    does: "a header of an unknown type",
    octets: "003c0000000000000000000b20000000000301615a",
  },
  {
    does: "a header that ends too early",
    octets: "003c0000000000000000000b2000000000060161530000ff",
  },
]) {
  test(`${does} are a frame error`, () => {
    assert.throws(() => peekProperties(Buffer.from(octets, "hex")), { code: 501 });
  });
}
