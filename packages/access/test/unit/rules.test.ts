import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { builtInRoles } from "../../src/core/roles.ts";
import { decide, type Rule } from "../../src/core/rules.ts";
import type { Attributes } from "../../src/index.ts";

const messaging = "messaging.warrener.dev";
const publish: Attributes = {
  verb: "publish",
  apiGroup: messaging,
  resource: "queues/messages",
  name: "visits",
};
const rule = (change: Partial<Rule>): Rule => ({
  apiGroups: [messaging],
  resources: ["queues/messages"],
  verbs: ["publish"],
  ...change,
});
const may = (rules: readonly Rule[], attributes = publish, namespace?: string) =>
  decide(
    "ann",
    [{ role: { name: "r", rules }, ...(namespace === undefined ? {} : { namespace }) }],
    attributes,
  ).allowed;

for (const { does, rules, attributes = publish, namespace, want } of [
  { does: "grants what it names", rules: [rule({})], want: true },
  { does: "grants nothing without rules", rules: [], want: false },
  { does: "does not reach another verb", rules: [rule({ verbs: ["get"] })], want: false },
  { does: "does not reach another API group", rules: [rule({ apiGroups: ["x"] })], want: false },
  {
    does: "on a resource does not reach its subresources",
    rules: [rule({ resources: ["queues"] })],
    want: false,
  },
  {
    does: "reaches subresources by a pattern",
    rules: [rule({ resources: ["queues/*"] })],
    want: true,
  },
  { does: "reaches everything by a star", rules: [rule({ resources: ["*"] })], want: true },
  { does: "may name its objects", rules: [rule({ resourceNames: ["visits"] })], want: true },
  { does: "names other objects", rules: [rule({ resourceNames: ["pay"] })], want: false },
  {
    does: "with names does not grant an act without a name",
    rules: [rule({ resourceNames: ["visits"] })],
    attributes: { verb: "publish", apiGroup: messaging, resource: "queues/messages" },
    want: false,
  },
  {
    does: "bound in one namespace stays there",
    rules: [rule({})],
    namespace: "payroll",
    want: false,
  },
  {
    does: "bound in the default namespace covers acts that name none",
    rules: [rule({})],
    namespace: "default",
    want: true,
  },
  {
    does: "narrowed to namespaces stays in them",
    rules: [rule({ namespaces: ["payroll"] })],
    want: false,
  },
] satisfies {
  does: string;
  rules: Rule[];
  attributes?: Attributes;
  namespace?: string;
  want: boolean;
}[]) {
  test(`a rule ${does}`, () => assert.equal(may(rules, attributes, namespace), want));
}

test("a decision carries its reason", () => {
  const role = { name: "sender", rules: [rule({ verbs: ["get"] }), rule({})] };
  assert.deepEqual(decide("ann", [{ role }], publish), {
    allowed: true,
    reason: "role sender, rule 2",
  });
  assert.match(
    decide("ann", [{ role }], { ...publish, verb: "purge" }).reason,
    /"ann" cannot purge queues\/messages "visits" .* \(roles: sender\)/,
  );
});

test("more grants never take anything away", () => {
  const word = fc.constantFrom("a", "b", "*");
  const anyRule = fc.record({
    apiGroups: fc.array(word),
    resources: fc.array(word),
    verbs: fc.array(word),
    resourceNames: fc.array(word),
  });
  const grants = fc.array(
    fc.record({ role: fc.record({ name: word, rules: fc.array(anyRule, { maxLength: 3 }) }) }),
  );
  const act = fc.record({ verb: word, apiGroup: word, resource: word, name: word });
  fc.assert(
    fc.property(grants, grants, act, (few, more, attributes) => {
      if (decide("x", few, attributes).allowed) {
        assert.ok(decide("x", [...more, ...few], attributes).allowed);
      }
    }),
  );
});

test("a worker publishes and consumes but does not purge, and a viewer only looks", () => {
  const as = (name: string, verb: string, apiGroup = messaging) =>
    decide(
      "x",
      builtInRoles.filter((role) => role.name === name).map((role) => ({ role })),
      { ...publish, verb, apiGroup },
    ).allowed;
  assert.deepEqual(
    ["publish", "consume", "create", "purge", "delete"].map((verb) => as("worker", verb)),
    [true, true, true, false, false],
  );
  assert.deepEqual(
    ["get", "publish"].map((verb) => as("viewer", verb)),
    [true, false],
  );
  assert.equal(as("developer", "create", "access.warrener.dev"), false);
  assert.equal(as("admin", "create", "access.warrener.dev"), true);
});
