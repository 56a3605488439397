import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { builtInResources } from "../../../../src/api/built-in.ts";
import type { Resource } from "../../../../src/api/resource.ts";
import { StatusError } from "../../../../src/api/status.ts";
import { parseFieldSelector } from "../../../../src/server/selectors/field-selector.ts";

const resources = builtInResources();
function resource(name: string): Resource {
  const found = resources.find(({ resource }) => resource === name);
  assert.ok(found);
  return found;
}

function picked(text: string | undefined): string {
  const matches = parseFieldSelector(text, resource("pods"));
  return [
    { name: "a", nodeName: "n1", phase: "Running" },
    { name: "b", nodeName: "n2", phase: "Pending" },
    { name: "c", nodeName: undefined, phase: "n,1=\\" },
  ]
    .filter(({ name, nodeName, phase }) =>
      matches({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "default" },
        spec: { nodeName },
        status: { phase },
      }),
    )
    .map(({ name }) => name)
    .join(" ");
}

describe("a field selector picks", () => {
  for (const [text, names] of [
    [undefined, "a b c"],
    ["", "a b c"],
    [",", "a b c"],
    ["metadata.name=a", "a"],
    ["metadata.name==a", "a"],
    ["metadata.name!=a", "b c"],
    ["metadata.namespace=default", "a b c"],
    ["spec.nodeName=", "c"],
    ["spec.nodeName!=", "a b"],
    ["spec.nodeName=n1,status.phase=Running", "a"],
    ["spec.nodeName=n1,status.phase!=Running", ""],
    ["status.phase=n\\,1\\=\\\\", "c"],
  ] as const) {
    test(`${names || "nothing"} for ${JSON.stringify(text)}`, () => {
      assert.equal(picked(text), names);
    });
  }
});

describe("a field selector is refused", () => {
  for (const [text, message] of [
    ["spec.image=a", "field label not supported: spec.image"],
    ["toString=a", "field label not supported: toString"],
    ["metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ["a=1,b", "invalid selector: 'a=1,b'; can't understand 'b'"],
    ["metadata.name=a=b", "invalid field selector: unescaped character in value: ="],
    ["metadata.name=a\\b", "invalid field selector: invalid escape sequence: \\b"],
    ["metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"],
  ] as const) {
    test(`for ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseFieldSelector(text, resource("pods")),
        (error) => {
          assert.ok(error instanceof StatusError);
          assert.deepEqual([error.reason, error.message], ["BadRequest", message]);
          return true;
        },
      );
    });
  }

  test("for a field of another kind", () => {
    assert.throws(() => parseFieldSelector("spec.nodeName=a", resource("configmaps")), StatusError);
  });
});
