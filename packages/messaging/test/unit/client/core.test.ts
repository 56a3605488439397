// The client's decisions: delays, topology, headers, payloads, traces, the inbox.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type } from "arktype";
import fc from "fast-check";
import * as v from "valibot";
import { z } from "zod";
import { delayMs } from "../../../src/client/core/back-off.ts";
import { InvalidPayload, Reject } from "../../../src/client/core/errors.ts";
import {
  attemptOf,
  deadHeaders,
  deadReason,
  oneLine,
  retryHeaders,
} from "../../../src/client/core/failure.ts";
import { memoryInbox } from "../../../src/client/core/inbox.ts";
import { decode, encode } from "../../../src/client/core/payload.ts";
import { check } from "../../../src/client/core/schema.ts";
import {
  checkRetry,
  chooseSlotMs,
  defaultRetry,
  slotsMs,
  topology,
} from "../../../src/client/core/topology.ts";
import { childTrace, formatTraceparent, parseTraceparent } from "../../../src/client/core/trace.ts";
import { defineWorker } from "../../../src/client/index.ts";

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("back-off", () => {
  test("grows by its factor up to its maximum", () => {
    const backOff = { firstMs: 100, factor: 2, maxMs: 1000, jitter: 0 };
    assert.deepEqual(
      [1, 2, 3, 4, 5, 9].map((attempt) => delayMs(backOff, attempt, 0.7)),
      [100, 200, 400, 800, 1000, 1000],
    );
  });
  test("stays within its jitter", () => {
    const backOff = { firstMs: 100, factor: 2, maxMs: 1000, jitter: 0.3 };
    fc.assert(
      fc.property(unit, (random) => {
        const delay = delayMs(backOff, 2, random);
        assert.ok(delay >= 140 && delay <= 260);
      }),
    );
  });
});

describe("topology", () => {
  test("has a queue of fixed delay for each slot, which leads back to the worker's queue", () => {
    const policy = { attempts: 3, firstMs: 1000, factor: 2, maxMs: 60_000, jitter: 0.5, slots: 3 };
    const back = { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q" };
    assert.deepEqual(topology("q", policy, { "x-max-length": 9 }), [
      { name: "q", arguments: { "x-max-length": 9 } },
      { name: "q.dead", arguments: {} },
      ...[500, 1000, 1500, 2000, 3000].map((ms) => ({
        name: `q.retry.${ms}`,
        arguments: { "x-message-ttl": ms, ...back },
      })),
    ]);
  });
  test("holds whatever queue a failed message may choose", () => {
    const policies = fc.record({
      attempts: fc.integer({ min: 1, max: 12 }),
      firstMs: fc.integer({ min: 1, max: 5000 }),
      factor: fc.double({ min: 1, max: 4, noNaN: true }),
      maxMs: fc.integer({ min: 5000, max: 600_000 }),
      jitter: fc.double({ min: 0, max: 0.99, noNaN: true }),
      slots: fc.integer({ min: 1, max: 10 }),
    });
    fc.assert(
      fc.property(policies, unit, (policy, random) => {
        const names = topology("q", checkRetry(policy)).map(({ name }) => name);
        for (let attempt = 1; attempt < policy.attempts; attempt += 1) {
          assert.ok(names.includes(`q.retry.${chooseSlotMs(policy, attempt, random)}`));
        }
      }),
    );
  });
  test("uses every slot", () => {
    const chosen = new Set([0, 0.34, 0.67, 0.99].map((r) => chooseSlotMs(defaultRetry, 1, r)));
    assert.deepEqual([...chosen], slotsMs(defaultRetry, 1));
  });
  test("a retry policy that makes no sense is refused with everything that is wrong", () => {
    assert.throws(
      () =>
        defineWorker({ queue: "q", handle: () => undefined, retry: { attempts: 0, jitter: 1 } }),
      { name: "RangeError", message: /attempts.*jitter/ },
    );
  });
});

describe("a failure", () => {
  const failure = {
    error: new Error("broken\npipe"),
    attempt: 2,
    atMs: Date.UTC(2026, 0, 31),
    worker: "w@h:1",
    queue: "q",
  };
  for (const { error, attempt, want } of [
    { error: new Error("x"), attempt: 1, want: undefined },
    { error: new Error("x"), attempt: 5, want: "exhausted" },
    { error: new Reject("x"), attempt: 1, want: "rejected" },
    { error: new InvalidPayload([]), attempt: 1, want: "invalid" },
  ]) {
    test(`${error.name} at attempt ${attempt} of 5 is ${want ?? "retried"}`, () => {
      assert.equal(deadReason(error, attempt, defaultRetry), want);
    });
  }
  test("keeps the headers of others and the first time, and drops what the broker added on the way", () => {
    const headers = {
      a: 1,
      "x-death": [{}],
      "x-first-death-queue": "q",
      "x-warrener-first-at": "before",
    };
    assert.deepEqual(retryHeaders(headers, failure), {
      a: 1,
      "x-warrener-attempt": 2,
      "x-warrener-first-at": "before",
    });
  });
  test("is told in the dead letter's headers, with the issues of an invalid payload", () => {
    const error = new InvalidPayload([{ path: "a.b", message: "missing" }]);
    const headers = deadHeaders({}, "invalid", { ...failure, error });
    assert.equal(headers["x-warrener-error-message"], "a.b: missing");
    assert.equal(headers["x-warrener-issues"], '[{"path":"a.b","message":"missing"}]');
    assert.equal(headers["x-warrener-last-at"], "2026-01-31T00:00:00.000Z");
  });
  test("is one line in a report", () => assert.equal(oneLine(failure.error), "broken pipe"));
  test("counts attempts from headers, and from 1 when they say nonsense", () => {
    const attempts = [
      {},
      { "x-warrener-attempt": 2 },
      { "x-warrener-attempt": "2" },
      { "x-warrener-attempt": -1 },
    ];
    assert.deepEqual(attempts.map(attemptOf), [1, 3, 1, 1]);
  });
});

describe("a schema", () => {
  const bad = { officer: { phones: ["a", 5] } };
  for (const { vendor, schema } of [
    { vendor: "zod", schema: z.object({ officer: z.object({ phones: z.array(z.string()) }) }) },
    { vendor: "valibot", schema: v.object({ officer: v.object({ phones: v.array(v.string()) }) }) },
    { vendor: "arktype", schema: type({ officer: { phones: "string[]" } }) },
  ]) {
    test(`of ${vendor} accepts what fits and names the place of what does not`, async () => {
      const good = { officer: { phones: ["a"] } };
      assert.deepEqual(await check(schema, good), { value: good });
      const { issues } = await check(schema, bad);
      assert.deepEqual(
        issues?.map(({ path }) => path),
        ["officer.phones[1]"],
      );
    });
  }
});

describe("a payload", () => {
  test("comes out as it went in", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        const { body, contentType } = encode(payload);
        assert.deepEqual(decode(body, contentType), JSON.parse(JSON.stringify(payload)));
      }),
    );
  });
  for (const { contentType, body, want } of [
    { contentType: "application/cloudevents+json; charset=utf-8", body: "{}", want: {} },
    { contentType: "text/plain; charset=utf-8", body: "5", want: "5" },
    { contentType: undefined, body: "5", want: 5 },
    { contentType: undefined, body: "five", want: Buffer.from("five") },
    { contentType: "application/octet-stream", body: "5", want: Buffer.from("5") },
  ]) {
    test(`${body} as ${contentType ?? "nothing said"} is read as ${JSON.stringify(want)}`, () => {
      assert.deepEqual(decode(Buffer.from(body), contentType), want);
    });
  }
  test("that is not the JSON it says it is, is invalid", () => {
    assert.throws(() => decode(Buffer.from("{"), "application/json"), InvalidPayload);
  });
  test("that JSON cannot hold is refused", () => assert.throws(() => encode(undefined), TypeError));
});

describe("trace context", () => {
  const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const { header, ok } of [
    { header: valid, ok: true },
    { header: valid.replace(/^00/, "cc"), ok: true },
    { header: `${valid.replace(/^00/, "cc")}-more`, ok: true },
    { header: `${valid}-more`, ok: false },
    { header: valid.replace(/^00/, "ff"), ok: false },
    { header: valid.toUpperCase(), ok: false },
    { header: "00-00000000000000000000000000000000-b7ad6b7169203331-01", ok: false },
    { header: "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", ok: false },
    { header: 5, ok: false },
  ]) {
    test(`${header} is ${ok ? "valid" : "invalid"}`, () => {
      assert.equal(parseTraceparent(header) !== undefined, ok);
    });
  }
  test("a child is in its parent's trace with a span of its own, and always valid", () => {
    fc.assert(
      fc.property(unit, (random) => {
        const parent = parseTraceparent(valid);
        const child = childTrace(parent, () => random);
        assert.equal(child.traceId, parent?.traceId);
        const root = childTrace(undefined, () => random);
        for (const trace of [child, root]) assert.ok(parseTraceparent(formatTraceparent(trace)));
      }),
    );
  });
});

test("the inbox remembers the last ids only", async () => {
  const inbox = memoryInbox(2);
  for (const id of ["a", "b", "a", "c"]) await inbox.add(id);
  assert.deepEqual(
    [await inbox.has("a"), await inbox.has("b"), await inbox.has("c")],
    [true, false, true],
  );
});
