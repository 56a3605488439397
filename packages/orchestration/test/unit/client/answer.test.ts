import assert from "node:assert/strict";
import { test } from "node:test";
import { conflict, StatusError } from "../../../src/api/status.ts";
import { objectOf, refusalOf } from "../../../src/client/answer.ts";

function refusal(code: number, body: string): StatusError {
  try {
    objectOf(code, body);
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return error;
  }
  return assert.fail("it was no refusal");
}

test("an object is what it says", () => {
  assert.deepEqual(objectOf(201, '{"kind":"Pod"}'), { kind: "Pod" });
});

test("a Status becomes the error that it was made from", () => {
  const error = conflict({ group: "apps", resource: "deployments" }, "web", "somebody was quicker");
  assert.deepEqual(refusal(409, JSON.stringify(error.status)).status, error.status);
  assert.deepEqual(refusalOf(error.status).status, error.status);
});

for (const { what, code, body, want } of [
  { what: "without a body", code: 503, body: "", want: "ServiceUnavailable" },
  { what: "of a proxy between", code: 404, body: "<html>", want: "NotFound" },
  { what: "of an unknown code", code: 418, body: "{}", want: "InternalError" },
  {
    what: "with an unknown reason",
    code: 422,
    body: '{"kind":"Status","reason":"Odd","message":"odd","code":422}',
    want: "Invalid",
  },
  { what: "that is cut off", code: 200, body: '{"kind":', want: "InternalError" },
]) {
  test(`an answer ${what} is refused for what its code says`, () =>
    assert.equal(refusal(code, body).reason, want));
}
