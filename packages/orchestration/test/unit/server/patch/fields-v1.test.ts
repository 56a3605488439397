import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareFields, fieldsOf, removeFields } from "../../../../src/server/patch/fields-of.ts";
import {
  difference,
  type FieldSet,
  intersection,
  keyElement,
  nodeOf,
  noFields,
  parseFieldsV1,
  pathsOf,
  pathText,
  union,
} from "../../../../src/server/patch/fields-v1.ts";
import { openSchema, podSchema } from "./objects.ts";

const elements = ["f:a", "f:b.c/d", "f:.", 'k:{"name":"x"}', 'v:"z"', "i:0"];
const { anySet } = fc.letrec<{ anySet: FieldSet; node: FieldSet }>((tie) => ({
  anySet: fc.dictionary(fc.constantFrom(...elements), tie("node"), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  node: fc
    .tuple(fc.oneof({ maxDepth: 3 }, fc.constant(noFields), tie("anySet")), fc.boolean())
    .map(([parts, isIn]) => nodeOf(parts, isIn) ?? noFields),
}));

function texts(set: FieldSet): readonly string[] {
  return pathsOf(set)
    .map((path) => JSON.stringify(path))
    .toSorted();
}

describe("a set of fields", () => {
  test("is read back as it was written", () => {
    fc.assert(
      fc.property(anySet, (set) => {
        assert.deepEqual(parseFieldsV1(JSON.parse(JSON.stringify(set))), set);
      }),
    );
  });

  test("is read with the keys of list items in order", () => {
    const read = parseFieldsV1({ 'k:{"protocol":"TCP", "containerPort":80}': {} });
    assert.deepEqual(read, { 'k:{"containerPort":80,"protocol":"TCP"}': {} });
  });

  for (const value of [null, "x", { "f:a": 1 }, { a: {} }, { "k:{": {} }, { "i:x": {} }])
    test(`is not ${JSON.stringify(value)}`, () => {
      assert.equal(parseFieldsV1(value), undefined);
    });

  test("has its union, difference and intersection as any set has", () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [inA, inB] = [texts(a), texts(b)];
        const onlyA = inA.filter((path) => !inB.includes(path));
        assert.deepEqual(texts(difference(a, b)), onlyA);
        assert.deepEqual(texts(union(a, b)), [...onlyA, ...inB].toSorted());
        const both = inA.filter((path) => inB.includes(path));
        assert.deepEqual(texts(intersection(a, b)), both);
      }),
    );
  });

  test("comes back itself when an operation changes nothing", () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const all = union(a, b);
        assert.equal(union(all, structuredClone(b)), all);
        const left = difference(a, b);
        assert.equal(difference(left, structuredClone(b)), left);
      }),
    );
  });

  test("says paths as kube-apiserver does", () => {
    const key = keyElement({ protocol: "TCP", containerPort: 80 });
    assert.equal(
      pathText(["f:spec", 'k:{"name":"a"}', key, "f:hostPort"]),
      '.spec[name="a"][containerPort=80,protocol="TCP"].hostPort',
    );
    assert.equal(pathText(["f:list", 'v:"x"', "i:3"]), '.list[="x"][3]');
  });
});

const pod = {
  metadata: { labels: { app: "web" }, finalizers: ["x"] },
  spec: {
    containers: [
      {
        name: "a",
        image: null,
        args: ["x"],
        resources: {},
        ports: [{ containerPort: 80 }],
      },
    ],
    nodeSelector: {},
  },
};

describe("the fields of an object", () => {
  test("are its leaves, list items and empty maps; null is nothing", () => {
    assert.deepEqual(fieldsOf(pod, podSchema), {
      "f:metadata": { "f:labels": { "f:app": {} }, "f:finalizers": { 'v:"x"': {} } },
      "f:spec": {
        "f:containers": {
          'k:{"name":"a"}': {
            ".": {},
            "f:name": {},
            "f:args": {},
            "f:resources": {},
            "f:ports": {
              'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
            },
          },
        },
        "f:nodeSelector": {},
      },
    });
  });

  test("are every map where there is no schema, and lists are one", () => {
    assert.deepEqual(fieldsOf({ spec: { a: { b: 1 }, list: [{ name: "x" }] } }, openSchema), {
      "f:spec": { ".": {}, "f:a": { ".": {}, "f:b": {} }, "f:list": {} },
    });
  });

  for (const { does, containers, message } of [
    {
      does: "have two items of one key",
      containers: [{ name: "a" }, { name: "a" }],
      message: '.spec.containers: duplicate entries for key [name="a"]',
    },
    {
      does: "have an item without its key",
      containers: [{ image: "a" }],
      message:
        '.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    },
    {
      does: "have an item that is no map",
      containers: ["a"],
      message:
        ".spec.containers: element 0: associative list with keys may not have non-map elements",
    },
  ])
    test(`cannot ${does}`, () => {
      assert.throws(() => fieldsOf({ spec: { containers } }, podSchema), { message });
    });

  test("differ by what was added, changed or removed", () => {
    const before = { spec: { nodeName: "n", hostname: "h", containers: [{ name: "a" }] } };
    const after = {
      metadata: { annotations: { k: "v" } },
      spec: { hostname: "i", containers: [{ name: "a", image: "x" }], nodeSelector: { k: "v" } },
    };
    assert.deepEqual(compareFields(before, after, podSchema), {
      changed: {
        "f:metadata": { "f:annotations": { ".": {}, "f:k": {} } },
        "f:spec": {
          "f:hostname": {},
          "f:containers": { 'k:{"name":"a"}': { "f:image": {} } },
          "f:nodeSelector": {},
        },
      },
      removed: { "f:spec": { "f:nodeName": {} } },
    });
  });

  test("do not differ by the order of a keyed list or by null", () => {
    const before = { spec: { containers: [{ name: "a" }, { name: "b" }], hostname: null } };
    const after = { spec: { containers: [{ name: "b" }, { name: "a" }] } };
    const nothing = { changed: {}, removed: {} };
    assert.deepEqual(compareFields(before, after, podSchema), nothing);
  });

  test("differ by names that objects inherit as by any other", () => {
    const labels = (of: object): object => ({ metadata: { labels: of } });
    const { changed } = compareFields(
      labels({ a: "" }) as never,
      labels({ a: "", constructor: "x" }) as never,
      podSchema,
    );
    assert.deepEqual(changed, { "f:metadata": { "f:labels": { "f:constructor": {} } } });
    const back = compareFields(
      labels({ a: "", toString: "x" }) as never,
      labels({ a: "" }) as never,
      podSchema,
    );
    assert.deepEqual(back.removed, { "f:metadata": { "f:labels": { "f:toString": {} } } });
  });

  test("differ as a whole where a list cannot be told apart", () => {
    const before = { spec: { containers: [{ name: "a" }] } };
    const after = { spec: { containers: [{ name: "a" }, { name: "a" }] } };
    const { changed } = compareFields(before, after, podSchema);
    assert.deepEqual(changed, { "f:spec": { "f:containers": {} } });
  });

  test("can be removed, and what loses all its parts goes, too", () => {
    const set = {
      "f:metadata": { "f:labels": { "f:app": {} }, "f:finalizers": { 'v:"x"': {} } },
      "f:spec": { "f:containers": { 'k:{"name":"a"}': { "f:ports": {} } } },
    };
    const { args, image, name, resources } = pod.spec.containers[0] as Record<string, unknown>;
    assert.deepEqual(removeFields(pod, set, podSchema), {
      spec: { ...pod.spec, containers: [{ name, image, args, resources }] },
    });
  });

  test("stay, and the object with them, when it has none of those to be removed", () => {
    assert.equal(removeFields(pod, { "f:spec": { "f:hostname": {} } }, podSchema), pod);
  });
});
