import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { SchemaAt } from "../../../../src/server/patch/schema-at.ts";
import { strategicMergePatch } from "../../../../src/server/patch/strategic-merge-patch.ts";
import { deploymentSchema, isRefused, openSchema, podSchema, serviceSchema } from "./objects.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Case {
  readonly does: string;
  readonly current: Fields;
  readonly patch: Fields;
  readonly want: Fields;
  readonly schema?: SchemaAt;
}

const ab = { spec: { containers: [{ name: "a", image: "1" }, { name: "b" }] } };

const cases: readonly Case[] = [
  {
    does: "merges maps and lets null delete",
    current: { metadata: { labels: { a: "1", b: "2" } } },
    patch: { metadata: { labels: { a: null, c: "3" } } },
    want: { metadata: { labels: { b: "2", c: "3" } } },
  },
  {
    // The documentation's example: the new container comes first.
    does: "puts a list's new items before those that are there",
    current: { spec: { containers: [{ name: "patch-demo-ctr", image: "nginx" }] } },
    patch: { spec: { containers: [{ name: "patch-demo-ctr-2", image: "redis" }] } },
    want: {
      spec: {
        containers: [
          { name: "patch-demo-ctr-2", image: "redis" },
          { name: "patch-demo-ctr", image: "nginx" },
        ],
      },
    },
  },
  {
    does: "merges list items by their key",
    current: ab,
    patch: { spec: { containers: [{ name: "a", image: "2" }] } },
    want: { spec: { containers: [{ name: "a", image: "2" }, { name: "b" }] } },
  },
  {
    does: "replaces a list that has no merge strategy",
    current: { spec: { tolerations: [{ key: "a" }] } },
    patch: { spec: { tolerations: [{ key: "b" }] } },
    want: { spec: { tolerations: [{ key: "b" }] } },
  },
  {
    does: "deletes a list item, as kubectl apply says it",
    current: ab,
    patch: {
      spec: {
        "$setElementOrder/containers": [{ name: "b" }],
        containers: [{ $patch: "delete", name: "a" }],
      },
    },
    want: { spec: { containers: [{ name: "b" }] } },
  },
  {
    does: "replaces a list as a whole",
    current: ab,
    patch: { spec: { containers: [{ $patch: "replace" }, { name: "c" }] } },
    want: { spec: { containers: [{ name: "c" }] } },
  },
  {
    does: "replaces a map as a whole",
    current: { spec: { securityContext: { runAsUser: 1, fsGroup: 2 } } },
    patch: { spec: { securityContext: { $patch: "replace", runAsUser: 3 } } },
    want: { spec: { securityContext: { runAsUser: 3 } } },
  },
  {
    does: "empties a map",
    current: { spec: { securityContext: { runAsUser: 1 } } },
    patch: { spec: { securityContext: { $patch: "delete" } } },
    want: { spec: { securityContext: {} } },
  },
  {
    does: "merges where the patch says so by name",
    current: ab,
    patch: { spec: { $patch: "merge", containers: [{ $patch: "merge", name: "a", tty: true }] } },
    want: { spec: { containers: [{ name: "a", image: "1", tty: true }, { name: "b" }] } },
  },
  {
    does: "orders a list as $setElementOrder says, the server's own items between",
    current: { spec: { containers: [{ name: "a" }, { name: "own" }, { name: "b" }] } },
    patch: {
      spec: {
        "$setElementOrder/containers": [{ name: "c" }, { name: "a" }, { name: "b" }],
        containers: [{ name: "c" }],
      },
    },
    want: { spec: { containers: [{ name: "c" }, { name: "a" }, { name: "own" }, { name: "b" }] } },
  },
  {
    does: "only reorders when the patch has an order alone",
    current: ab,
    patch: { spec: { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] } },
    want: { spec: { containers: [{ name: "b" }, { name: "a", image: "1" }] } },
  },
  {
    does: "merges lists of plain values without doubles",
    current: { metadata: { finalizers: ["a", "b"] } },
    patch: { metadata: { finalizers: ["b", "c"] } },
    want: { metadata: { finalizers: ["a", "b", "c"] } },
  },
  {
    does: "deletes from a list of plain values",
    current: { metadata: { finalizers: ["a", "b", "c"] } },
    patch: {
      metadata: {
        "$deleteFromPrimitiveList/finalizers": ["b"],
        "$setElementOrder/finalizers": ["c", "a"],
      },
    },
    want: { metadata: { finalizers: ["c", "a"] } },
  },
  {
    does: "keeps two ports of one number apart that differ in protocol",
    schema: serviceSchema,
    current: {
      spec: {
        ports: [
          { port: 53, protocol: "UDP" },
          { port: 53, protocol: "TCP" },
          { port: 80, name: "a" },
        ],
      },
    },
    patch: { spec: { ports: [{ port: 80, name: "b" }] } },
    want: {
      spec: {
        ports: [
          { port: 53, protocol: "UDP" },
          { port: 53, protocol: "TCP" },
          { port: 80, name: "b" },
        ],
      },
    },
  },
  {
    does: "retains only the fields of a union that $retainKeys names",
    schema: deploymentSchema,
    current: { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
    want: { spec: { strategy: { type: "Recreate" } } },
  },
  {
    does: "retains keys inside list items, too",
    current: { spec: { volumes: [{ name: "v", emptyDir: {} }] } },
    patch: {
      spec: {
        volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/x" } }],
      },
    },
    want: { spec: { volumes: [{ name: "v", hostPath: { path: "/x" } }] } },
  },
  {
    does: "leaves no directive and no null behind where nothing was",
    current: {},
    patch: {
      spec: {
        containers: [
          { name: "a", env: null },
          { $patch: "delete", name: "x" },
        ],
        "$setElementOrder/containers": [{ name: "a" }],
        securityContext: { $retainKeys: ["runAsUser"], runAsUser: 1, fsGroup: null },
        tolerations: [{ key: "a", value: null }],
      },
    },
    want: {
      spec: {
        containers: [{ name: "a" }],
        securityContext: { runAsUser: 1 },
        tolerations: [{ key: "a" }],
      },
    },
  },
  {
    does: "has no list to come from a deletion alone",
    current: { metadata: {} },
    patch: { metadata: { "$deleteFromPrimitiveList/finalizers": ["b"] } },
    want: { metadata: {} },
  },
  {
    does: "replaces lists where there is no schema",
    schema: openSchema,
    current: { spec: { list: [{ name: "a" }], map: { a: 1 } } },
    patch: { spec: { list: [{ name: "b" }], map: { b: 2 } } },
    want: { spec: { list: [{ name: "b" }], map: { a: 1, b: 2 } } },
  },
];

describe("a strategic merge patch", () => {
  for (const { does, current, patch, want, schema = podSchema } of cases)
    test(does, () => {
      const before = structuredClone({ current, patch });
      assert.deepEqual(strategicMergePatch(current, patch, schema), want);
      assert.deepEqual({ current, patch }, before, "neither argument changes");
    });

  test("shares what it does not touch", () => {
    const current = { spec: { containers: [{ name: "a" }] }, metadata: { labels: {} } };
    const patched = strategicMergePatch(current, { metadata: { labels: { a: "b" } } }, podSchema);
    assert.equal(patched["spec"], current.spec);
  });

  for (const { does, patch, code, reason, message } of [
    {
      does: "that is no map",
      patch: ["x"],
      code: 400,
      reason: "BadRequest",
      message: "invalid JSON document",
    },
    {
      does: "with an unknown directive",
      patch: { spec: { $patch: "swap" } },
      code: 400,
      reason: "BadRequest",
      message: 'unknown patch type: swap in map: {"$patch":"swap"}',
    },
    {
      does: "with an item without its key",
      patch: { spec: { containers: [{ image: "x" }] } },
      code: 400,
      reason: "BadRequest",
      message: 'map: {"image":"x"} does not contain declared merge key: name',
    },
    {
      does: "with items in another order than it says",
      patch: {
        spec: {
          "$setElementOrder/containers": [{ name: "a" }, { name: "b" }],
          containers: [{ name: "b" }, { name: "a" }],
        },
      },
      code: 400,
      reason: "BadRequest",
      message: /^The order in patch list:\n\["b" "a"\]\n doesn't match \$setElementOrder list:/,
    },
    {
      does: "with an order that is no list",
      patch: { spec: { "$setElementOrder/containers": "a" } },
      code: 400,
      reason: "BadRequest",
      message: "invalid patch format of setElementOrder list",
    },
    {
      does: "with deletions that are no list",
      patch: { metadata: { "$deleteFromPrimitiveList/finalizers": "a" } },
      code: 400,
      reason: "BadRequest",
      message: "invalid patch format of primitive list",
    },
    {
      does: "with keys to retain that are no list",
      patch: { spec: { $retainKeys: "a" } },
      code: 400,
      reason: "BadRequest",
      message: "invalid patch format of retainKeys",
    },
    {
      does: "that sets what it does not retain",
      patch: { spec: { $retainKeys: ["nodeName"], hostname: "x" } },
      code: 422,
      reason: "Invalid",
      message: "patch content doesn't match retainKeys list",
    },
    {
      does: "with a list in a list",
      patch: { spec: { containers: [["a"]] } },
      code: 422,
      reason: "Invalid",
      message: "lists of lists are not supported",
    },
  ])
    test(`${does} is refused`, () => {
      const apply = (): unknown => strategicMergePatch(ab, patch, podSchema);
      assert.throws(apply, isRefused(code, reason, message));
    });

  test("given twice is as good as given once", () => {
    const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"));
    const containers = names.chain((all) =>
      fc.tuple(...all.map((name) => fc.record({ name: fc.constant(name), image: fc.string() }))),
    );
    const metadata = fc.record({
      labels: fc.dictionary(fc.constantFrom("x", "y"), fc.option(fc.string())),
      finalizers: fc.uniqueArray(fc.constantFrom("f", "g", "h")),
    });
    const object = fc.record({ metadata, spec: fc.record({ containers }) });
    fc.assert(
      fc.property(object, object, fc.boolean(), (current, given, isOrdered) => {
        const order = given.spec.containers.map(({ name }) => ({ name }));
        const spec = { ...given.spec, ...(isOrdered && { "$setElementOrder/containers": order }) };
        const patch = { ...given, spec };
        const once = strategicMergePatch(current, patch, podSchema);
        assert.deepEqual(strategicMergePatch(once, patch, podSchema), once);
      }),
    );
  });
});
