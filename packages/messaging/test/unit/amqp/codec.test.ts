import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  type FieldTable,
  type FieldValue,
  readTable,
  sameTable,
  writeTable,
} from "../../../src/amqp/field-table.ts";
import {
  type BasicProperties,
  decodeMethod,
  decodeProperties,
  encodeMethod,
  encodeProperties,
  type Method,
} from "../../../src/amqp/methods.generated.ts";
import { WireReader, WireWriter } from "../../../src/amqp/wire.ts";

/** fast-check would make objects without a prototype, which deepEqual tells apart from ours. */
function record<T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const octet = fc.integer({ min: 0, max: 255 });
const short = fc.integer({ min: 0, max: 0xffff });
const long = fc.integer({ min: 0, max: 0xffff_ffff });
const shortstr = fc.string({ unit: "binary", maxLength: 60 });
const bytes = fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b));

const { value: anyValue } = fc.letrec<{ value: FieldValue; table: FieldTable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    record({ tag: fc.constant("t" as const), value: fc.boolean() }),
    record({ tag: fc.constant("b" as const), value: fc.integer({ min: -128, max: 127 }) }),
    record({ tag: fc.constant("B" as const), value: octet }),
    record({ tag: fc.constant("s" as const), value: fc.integer({ min: -32768, max: 32767 }) }),
    record({ tag: fc.constant("u" as const), value: short }),
    record({ tag: fc.constant("I" as const), value: fc.integer() }),
    record({ tag: fc.constant("i" as const), value: long }),
    record({
      tag: fc.constant("l" as const),
      value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
    record({
      tag: fc.constant("T" as const),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
    record({ tag: fc.constant("f" as const), value: fc.float({ noNaN: true }) }),
    record({ tag: fc.constant("d" as const), value: fc.double() }),
    record({
      tag: fc.constant("D" as const),
      value: record({ scale: octet, unscaled: fc.integer() }),
    }),
    record({
      tag: fc.constant("S" as const),
      value: fc.string({ unit: "grapheme", maxLength: 40 }),
    }),
    record({ tag: fc.constant("x" as const), value: bytes }),
    fc.constant({ tag: "V" as const, value: null }),
    record({ tag: fc.constant("A" as const), value: fc.array(tie("value"), { maxLength: 4 }) }),
    record({ tag: fc.constant("F" as const), value: tie("table") }),
  ),
  table: fc
    .array(fc.tuple(shortstr, tie("value")), { maxLength: 5 })
    .map((entries) => new Map(entries)),
}));
const anyTable = fc
  .array(fc.tuple(shortstr, anyValue), { maxLength: 6 })
  .map((entries) => new Map(entries));

test("a field table decodes to what was encoded, whatever its types", () => {
  fc.assert(
    fc.property(anyTable, (table) => {
      const writer = new WireWriter();
      writeTable(writer, table);
      const read = readTable(new WireReader(writer.copy()));
      assert.deepEqual(read, table);
      assert.ok(sameTable(read, table));
    }),
  );
});

test("properties decode to what was encoded", () => {
  const anyProperties = fc.record(
    {
      contentType: shortstr,
      contentEncoding: shortstr,
      headers: anyTable,
      deliveryMode: octet,
      priority: octet,
      correlationId: shortstr,
      replyTo: shortstr,
      expiration: shortstr,
      messageId: shortstr,
      timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      type: shortstr,
      userId: shortstr,
      appId: shortstr,
      clusterId: shortstr,
    },
    { requiredKeys: [], noNullPrototype: true },
  ) as fc.Arbitrary<BasicProperties>;
  fc.assert(
    fc.property(anyProperties, (properties) => {
      const writer = new WireWriter();
      encodeProperties(writer, properties);
      assert.deepEqual({ ...decodeProperties(new WireReader(writer.copy())) }, { ...properties });
    }),
  );
});

const anyMethod: fc.Arbitrary<Method> = fc.oneof(
  record({
    method: fc.constant("connection.tune" as const),
    channelMax: short,
    frameMax: long,
    heartbeat: short,
  }),
  record({
    method: fc.constant("connection.start-ok" as const),
    clientProperties: anyTable,
    mechanism: shortstr,
    response: bytes,
    locale: shortstr,
  }),
  record({
    method: fc.constant("queue.declare" as const),
    ticket: short,
    queue: shortstr,
    passive: fc.boolean(),
    durable: fc.boolean(),
    exclusive: fc.boolean(),
    autoDelete: fc.boolean(),
    nowait: fc.boolean(),
    arguments: anyTable,
  }),
  record({
    method: fc.constant("basic.deliver" as const),
    consumerTag: shortstr,
    deliveryTag: fc.maxSafeNat(),
    redelivered: fc.boolean(),
    exchange: shortstr,
    routingKey: shortstr,
  }),
  record({
    method: fc.constant("basic.nack" as const),
    deliveryTag: fc.maxSafeNat(),
    multiple: fc.boolean(),
    requeue: fc.boolean(),
  }),
);

test("a method decodes to what was encoded", () => {
  fc.assert(
    fc.property(anyMethod, (method) => {
      const writer = new WireWriter();
      encodeMethod(writer, method);
      const reader = new WireReader(writer.copy());
      assert.deepEqual(decodeMethod(reader.long(), reader), method);
      assert.equal(reader.position, reader.end);
    }),
  );
});

test("arguments that end too early are a frame error with their octets", () => {
  const reader = new WireReader(Buffer.from("00", "hex"));
  assert.throws(() => decodeMethod(0x0032000a, reader), {
    message: "FRAME_ERROR - cannot decode <<0>>",
  });
});
