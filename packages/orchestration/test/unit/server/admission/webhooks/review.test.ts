import assert from "node:assert/strict";
import { test } from "node:test";
import { reviewVersion, verdictOf } from "../../../../../src/server/admission/webhooks/review.ts";

const asked = { uid: "u1", version: "v1", isMutating: true };
const encoded = (patch: unknown): string => Buffer.from(JSON.stringify(patch)).toString("base64");

function answer(response: unknown, apiVersion = "admission.k8s.io/v1"): object {
  return { apiVersion, kind: "AdmissionReview", response };
}

test("an answer says whether, and what of it", () => {
  const patch = [{ op: "remove", path: "/data" }];
  const verdict = verdictOf(
    answer({
      uid: "u1",
      allowed: true,
      patchType: "JSONPatch",
      patch: encoded(patch),
      warnings: ["careful"],
      auditAnnotations: { why: "so" },
    }),
    asked,
  );
  assert.deepEqual(verdict, {
    allowed: true,
    status: undefined,
    patch,
    warnings: ["careful"],
    annotations: { why: "so" },
  });
});

test("what says nothing is not allowed", () =>
  assert.equal(verdictOf(answer({ uid: "u1" }), asked).allowed, false));

test("an older webhook need neither repeat the uid nor name the type of its patch", () => {
  const old = answer({ allowed: true, patch: encoded([]) }, "admission.k8s.io/v1beta1");
  assert.deepEqual(verdictOf(old, { ...asked, version: "v1beta1" }).patch, []);
});

for (const { given, says } of [
  { given: "yes", says: /^expected an object, got "yes"$/ },
  {
    given: { apiVersion: "v1", kind: "Status" },
    says: /^expected webhook response of admission\.k8s\.io\/v1, Kind=AdmissionReview, got v1, Kind=Status$/,
  },
  { given: answer(undefined), says: /^webhook response was absent$/ },
  { given: answer({ allowed: true }), says: /^expected response\.uid="u1", got ""$/ },
  {
    given: answer({ uid: "u1", patch: encoded([]) }),
    says: /^webhook returned response\.patch but not response\.patchType$/,
  },
  {
    given: answer({ uid: "u1", patchType: "JSONPatch" }),
    says: /^webhook returned response\.patchType but not response\.patch$/,
  },
  {
    given: answer({ uid: "u1", patch: encoded([]), patchType: "Full" }),
    says: /^webhook returned invalid response\.patchType of "Full"$/,
  },
])
  test(`an answer cannot be used when it is ${JSON.stringify(given)}`, () => {
    assert.throws(() => verdictOf(given, asked), { message: says });
  });

test("a webhook is asked in the first version that it names and that is spoken here", () => {
  assert.equal(reviewVersion(["v2", "v1beta1", "v1"]), "v1beta1");
  assert.equal(reviewVersion(["v1", "v1beta1"]), "v1");
});
