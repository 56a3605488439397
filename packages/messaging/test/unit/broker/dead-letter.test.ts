import assert from "node:assert/strict";
import { test } from "node:test";
import { type FieldTable, integerOf, textOf, toField } from "../../../src/amqp/field-table.ts";
import {
  type Death,
  isCycle,
  propertiesAfterDeath,
} from "../../../src/broker/core/queue/dead-letter.ts";

const death: Death = {
  queue: "orders",
  reason: "rejected",
  exchange: "",
  routingKeys: ["orders"],
  timeMs: 1_700_000_000_999,
  hasNewRoutingKey: false,
};

function deaths(headers: FieldTable | undefined): FieldTable[] {
  const field = headers?.get("x-death");
  return field?.tag === "A" ? field.value.flatMap((v) => (v.tag === "F" ? [v.value] : [])) : [];
}

test("a first death is written with its count, place, reason and time in whole seconds", () => {
  const [first] = deaths(propertiesAfterDeath({}, death).headers);
  assert.deepEqual(
    [...(first?.keys() ?? [])],
    ["count", "exchange", "queue", "reason", "routing-keys", "time"],
  );
  assert.deepEqual(first?.get("count"), { tag: "l", value: 1n });
  assert.deepEqual(first?.get("time"), { tag: "T", value: 1_700_000_000n });
});

test("the same death again is counted up and stands first", () => {
  const once = propertiesAfterDeath({}, death);
  const elsewhere = propertiesAfterDeath(once, { ...death, queue: "retry", reason: "expired" });
  const again = deaths(propertiesAfterDeath(elsewhere, death).headers);
  assert.deepEqual(
    again.map((d) => [textOf(d.get("queue")), integerOf(d.get("count"))]),
    [
      ["orders", 2],
      ["retry", 1],
    ],
  );
});

test("the first death stays named, whatever follows", () => {
  const twice = propertiesAfterDeath(propertiesAfterDeath({}, death), {
    ...death,
    queue: "retry",
    reason: "expired",
  });
  assert.equal(textOf(twice.headers?.get("x-first-death-queue")), "orders");
  assert.equal(textOf(twice.headers?.get("x-first-death-reason")), "rejected");
});

test("the expiration moves into the death, so that the message does not expire where it goes", () => {
  const after = propertiesAfterDeath({ expiration: "60" }, { ...death, reason: "expired" });
  assert.equal(after.expiration, undefined);
  assert.equal(textOf(deaths(after.headers)[0]?.get("original-expiration")), "60");
});

test("CC goes when the queue sends its dead letters under a key of its own", () => {
  const headers = new Map([["CC", { tag: "A", value: [toField("x")] } as const]]);
  assert.equal(propertiesAfterDeath({ headers }, death).headers?.has("CC"), true);
  assert.equal(
    propertiesAfterDeath({ headers }, { ...death, hasNewRoutingKey: true }).headers?.has("CC"),
    false,
  );
});

test("a message that expires in a circle is a cycle until somebody rejects it", () => {
  const expired = propertiesAfterDeath({}, { ...death, reason: "expired" });
  assert.equal(isCycle(expired.headers ?? new Map(), "orders"), true);
  assert.equal(isCycle(expired.headers ?? new Map(), "other"), false);
  const rejected = propertiesAfterDeath(expired, { ...death, queue: "other" });
  assert.equal(isCycle(rejected.headers ?? new Map(), "orders"), false);
});
