import assert from "node:assert/strict";
import { test } from "node:test";
import { toField } from "../../../src/amqp/field-table.ts";
import { headersMatch } from "../../../src/broker/core/exchange/exchange.ts";

const table = (values: Readonly<Record<string, string | number | boolean>>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, toField(value)]));

for (const { does, args, headers, want } of [
  {
    does: "all asks for every header",
    args: { "x-match": "all", a: 1, b: "x" },
    headers: { a: 1, b: "x", c: 2 },
    want: true,
  },
  {
    does: "all fails on one that differs",
    args: { "x-match": "all", a: 1, b: "x" },
    headers: { a: 1, b: "y" },
    want: false,
  },
  { does: "all is what no x-match means", args: { a: 1 }, headers: {}, want: false },
  {
    does: "any is content with one",
    args: { "x-match": "any", a: 1, b: "x" },
    headers: { b: "x" },
    want: true,
  },
  {
    does: "any of nothing matches nothing",
    args: { "x-match": "any" },
    headers: { b: "x" },
    want: false,
  },
  {
    does: "all of nothing matches everything",
    args: { "x-match": "all" },
    headers: {},
    want: true,
  },
  {
    does: "all passes over names that begin with x-",
    args: { "x-match": "all", "x-a": 1 },
    headers: {},
    want: true,
  },
  {
    does: "all-with-x does not",
    args: { "x-match": "all-with-x", "x-a": 1 },
    headers: {},
    want: false,
  },
  {
    does: "any-with-x looks at them",
    args: { "x-match": "any-with-x", "x-a": 1 },
    headers: { "x-a": 1 },
    want: true,
  },
]) {
  test(`a headers binding with ${does}`, () =>
    assert.equal(headersMatch(table(args), table(headers)), want));
}

test("a void value in a headers binding asks only for presence", () => {
  const args = new Map([["a", { tag: "V", value: null } as const]]);
  assert.equal(headersMatch(args, table({ a: "anything" })), true);
  assert.equal(headersMatch(args, table({ b: 1 })), false);
});

test("an x-match that is none is refused as RabbitMQ does", () => {
  assert.throws(() => headersMatch(table({ "x-match": "zz" }), table({})), {
    message:
      'PRECONDITION_FAILED - Invalid x-match field value <<"zz">>; expected all, any, all-with-x, or any-with-x',
  });
});
