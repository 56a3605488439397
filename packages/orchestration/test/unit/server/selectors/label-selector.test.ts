import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StatusError } from "../../../../src/api/status.ts";
import type { LabelSelector } from "../../../../src/api/types.generated.ts";
import {
  labelSelectorMatches,
  labelSelectorText,
} from "../../../../src/server/selectors/label-requirement.ts";
import { parseLabelSelector } from "../../../../src/server/selectors/label-selector.ts";

const objects = {
  web: { app: "web", tier: "front", "example.com/weight": "10" },
  db: { app: "db", tier: "back", empty: "" },
  bare: undefined,
} as const;

function picked(text: string | undefined): string {
  const matches = parseLabelSelector(text);
  return Object.entries(objects)
    .filter(([name, labels]) =>
      matches({ apiVersion: "v1", kind: "Pod", metadata: { name, ...(labels && { labels }) } }),
    )
    .map(([name]) => name)
    .join(" ");
}

describe("a label selector picks", () => {
  for (const [text, names] of [
    [undefined, "web db bare"],
    ["", "web db bare"],
    ["  ", "web db bare"],
    ["app=web", "web"],
    ["app==web", "web"],
    [" app = web ", "web"],
    ["app!=web", "db bare"],
    ["app in (web, db)", "web db"],
    ["app in (web),tier=back", ""],
    ["tier=back,app=db", "db"],
    ["app notin (web)", "db bare"],
    ["app", "web db"],
    ["!app", "bare"],
    ["! app", "bare"],
    ["app,!empty", "web"],
    ["empty=", "db"],
    ["empty=,app", "db"],
    ["empty in (,x)", "db"],
    ["empty in (x,)", "db"],
    ["empty in (x,,y)", "db"],
    ["app in (in)", ""],
    ["in=web", ""],
    ["example.com/weight>9", "web"],
    ["example.com/weight<9", ""],
    ["app>1", ""],
    ["toString", ""],
  ] as const) {
    test(`${names || "nothing"} for ${JSON.stringify(text)}`, () => {
      assert.equal(picked(text), names);
    });
  }
});

describe("a label selector is refused", () => {
  for (const [text, message] of [
    ["=a", "found '=', expected: !, identifier, or 'end of string'"],
    ["a,", "found '', expected: identifier after ','"],
    ["a,,b", "found ',', expected: identifier after ','"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["!a=b", "found '=', expected: ',' or 'end of string'"],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a!b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
    ["a=(b", "unable to parse requirement: found '(', expected: identifier"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    [
      "a in ()",
      "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      "a>b",
      "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
  ] as const) {
    test(`for ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseLabelSelector(text), refusal(message));
    });
  }

  test("for a key that no label may have", () => {
    const message = /^unable to parse requirement: <nil>: Invalid value: "a\$": name part must/;
    assert.throws(() => parseLabelSelector("a$=b"), { name: "StatusError", message });
  });

  test("for a value that no label may have, which it names", () => {
    const message =
      /^unable to parse requirement: values\[1\]\[app\]: Invalid value: "x\$": a valid label/;
    assert.throws(() => parseLabelSelector("app in (x$,a)"), { name: "StatusError", message });
  });
});

function refusal(message: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StatusError);
    assert.deepEqual([error.reason, error.message], ["BadRequest", message]);
    return true;
  };
}

const selector: LabelSelector = {
  matchLabels: { tier: "back", app: "db" },
  matchExpressions: [
    { key: "zone", operator: "NotIn", values: ["b", "a"] },
    { key: "app", operator: "In", values: ["db"] },
    { key: "gone", operator: "DoesNotExist" },
    { key: "kept", operator: "Exists" },
  ],
};

test("a selector object is met when every label and expression is", () => {
  const labels = { app: "db", tier: "back", kept: "" };
  assert.equal(labelSelectorMatches(selector, labels), true);
  assert.equal(labelSelectorMatches(selector, { ...labels, zone: "a" }), false);
  assert.equal(labelSelectorMatches(selector, { ...labels, gone: "1" }), false);
  assert.equal(labelSelectorMatches(selector, { app: "db", tier: "back" }), false);
  assert.equal(labelSelectorMatches(selector, { ...labels, tier: "front" }), false);
});

test("an empty selector object picks everything and an absent one nothing", () => {
  assert.equal(labelSelectorMatches({}, undefined), true);
  assert.equal(labelSelectorMatches(undefined, { app: "db" }), false);
});

test("a selector object is written in the order of its keys", () => {
  assert.equal(
    labelSelectorText(selector),
    "app=db,app in (db),!gone,kept,tier=back,zone notin (a,b)",
  );
  assert.equal(labelSelectorText({}), "");
  assert.equal(labelSelectorText(undefined), "");
});

test("a selector object with an operator that does not exist is refused", () => {
  const odd = { matchExpressions: [{ key: "app", operator: "Like", values: ["w"] }] };
  const want = refusal('"Like" is not a valid label selector operator');
  assert.throws(() => labelSelectorMatches(odd, { app: "w" }), want);
});

test("a selector object picks what its text picks", () => {
  const matches = parseLabelSelector(labelSelectorText(selector));
  for (const labels of [
    { app: "db", tier: "back", kept: "" },
    { app: "db", tier: "back", kept: "", zone: "b" },
    { app: "web", tier: "back", kept: "" },
  ]) {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { labels } };
    assert.equal(matches(object), labelSelectorMatches(selector, labels));
  }
});
