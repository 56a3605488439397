import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/api/object.ts";
import { StatusError } from "../../../src/api/status.ts";
import type { CustomResourceDefinition } from "../../../src/api/types.generated.ts";
import { customResources } from "../../../src/crd/custom-resource.ts";
import type { WriteOptions } from "../../../src/server/registry/options.ts";
import { Registry } from "../../../src/server/registry/registry.ts";
import { tableOf } from "../../../src/server/table/table.ts";
import { MvccStore } from "../../../src/store/mvcc.ts";

const definition: CustomResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Cluster",
    names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Color", type: "string", jsonPath: ".spec.color" },
          {
            name: "Ready",
            type: "string",
            jsonPath: '.status.conditions[?(@.type=="Ready")].status',
          },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            required: ["spec"],
            properties: {
              spec: {
                type: "object",
                required: ["size"],
                properties: {
                  size: { type: "integer", minimum: 1, maximum: 10 },
                  color: { type: "string", enum: ["red", "blue"], default: "red" },
                  port: { "x-kubernetes-int-or-string": true },
                  tags: {
                    type: "array",
                    items: { type: "string" },
                    "x-kubernetes-list-type": "set",
                  },
                  extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  min: { type: "integer" },
                },
                "x-kubernetes-validations": [
                  {
                    rule: "!has(self.min) || self.min <= self.size",
                    message: "min is beyond size",
                  },
                  {
                    rule: "self.size >= oldSelf.size",
                    messageExpression: "'size cannot shrink from ' + string(oldSelf.size)",
                  },
                ],
              },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
};

function registry(): {
  create: (spec: object, options?: WriteOptions) => Promise<KubeObject>;
  update: (spec: object) => Promise<KubeObject>;
} {
  const [widgets] = customResources(definition);
  if (widgets === undefined) throw new Error("nothing is served");
  let uid = 0;
  const it = new Registry({
    store: new MvccStore(),
    resources: [widgets],
    now: () => 0,
    newUid: () => `u${++uid}`,
    newSuffix: () => "abcde",
  });
  const widget = (spec: object): KubeObject => ({
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
    spec,
  });
  return {
    create: (spec, options) => it.create(widgets, undefined, widget(spec), options),
    update: (spec) => it.update(widgets, undefined, "w", widget(spec)),
  };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "it was accepted";
}

test("missing fields get their defaults", async () => {
  assert.deepEqual((await registry().create({ size: 3 }))["spec"], { size: 3, color: "red" });
});

test("unknown fields are refused, told, or taken out, as the client asks", async () => {
  assert.match(
    await refusal(registry().create({ size: 3, colour: "red" }, { fieldValidation: "Strict" })),
    /^400 Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec\.colour"$/,
  );
  const warnings: string[] = [];
  const made = await registry().create(
    { size: 3, colour: "red", extra: { any: 1 } },
    { fieldValidation: "Warn", warn: (text) => warnings.push(text) },
  );
  assert.deepEqual(warnings, ['unknown field "spec.colour"']);
  assert.deepEqual(made["spec"], { size: 3, color: "red", extra: { any: 1 } });
});

for (const { does, spec, want } of [
  { does: "a missing field", spec: {}, want: "spec.size: Required value" },
  {
    does: "a wrong type",
    spec: { size: "big" },
    want: 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
  },
  {
    does: "too small a number",
    spec: { size: 0 },
    want: "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
  },
  {
    does: "a value that is none of the list",
    spec: { size: 1, color: "green" },
    want: 'spec.color: Unsupported value: "green": supported values: "red", "blue"',
  },
  {
    does: "an item that is there twice",
    spec: { size: 1, tags: ["a", "a"] },
    want: 'spec.tags[1]: Duplicate value: "a"',
  },
  {
    does: "a rule that does not hold",
    spec: { size: 2, min: 3 },
    want: 'spec: Invalid value: "object": min is beyond size',
  },
]) {
  test(`${does} is refused with its place`, async () => {
    assert.equal(
      await refusal(registry().create(spec)),
      `422 Widget.example.com "w" is invalid: ${want}`,
    );
  });
}

test("a whole number or text fits where both are allowed", async () => {
  for (const port of [80, "http"])
    assert.deepEqual((await registry().create({ size: 1, port }))["spec"], {
      size: 1,
      color: "red",
      port,
    });
  assert.match(await refusal(registry().create({ size: 1, port: true })), /^422 /);
});

test("a rule over what was there before holds for changes alone", async () => {
  const { create, update } = registry();
  await create({ size: 5 });
  await update({ size: 6 });
  assert.match(
    await refusal(update({ size: 4 })),
    /spec: Invalid value: "object": size cannot shrink from 6$/,
  );
});

test("columns are read by their paths", () => {
  const [widgets] = customResources(definition);
  const object = {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
    spec: { color: "blue" },
    status: {
      conditions: [
        { type: "Synced", status: "False" },
        { type: "Ready", status: "True" },
      ],
    },
  };
  const table = tableOf({
    resource: widgets as NonNullable<typeof widgets>,
    objects: [object],
    metadata: {},
    nowMs: 0,
    includeObject: "None",
    ...(widgets?.columns !== undefined && { customColumns: widgets.columns }),
  });
  assert.deepEqual(
    table.columnDefinitions.map(({ name }) => name),
    ["Name", "Color", "Ready"],
  );
  assert.deepEqual(table.rows[0]?.cells, ["w", "blue", "True"]);
});

test("a rule that cannot be compiled is named", () => {
  const [version] = definition.spec.versions;
  const broken = {
    ...definition,
    spec: {
      ...definition.spec,
      versions: [
        {
          ...version,
          schema: {
            openAPIV3Schema: {
              type: "object",
              "x-kubernetes-validations": [{ rule: "self.a ==" }],
            },
          },
        },
      ],
    },
  } as CustomResourceDefinition;
  assert.throws(() => customResources(broken), /rule "self\.a ==": /);
});
