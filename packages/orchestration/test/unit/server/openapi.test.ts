import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../src/api/built-in.ts";
import { OpenApiDocuments } from "../../../src/server/openapi.ts";
import { ResourceTable } from "../../../src/server/registry/resource-table.ts";

const documents = new OpenApiDocuments(new ResourceTable(builtInResources()));

interface Document {
  readonly paths: Record<
    string,
    { patch?: { parameters: { name: string }[]; "x-kubernetes-group-version-kind": unknown } }
  >;
  readonly components: { readonly schemas: Record<string, unknown> };
}

function read(path: string): Document {
  return JSON.parse(documents.document(path) as string) as Document;
}

test("the index names a document for every group and version that is served", () => {
  const { paths } = documents.index() as { paths: Record<string, { serverRelativeURL: string }> };
  assert.match(
    paths["apis/apps/v1"]?.serverRelativeURL ?? "",
    /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/,
  );
  for (const path of Object.keys(paths)) assert.ok(documents.document(path), path);
});

test("a kind's PATCH says which kind it is of and that it validates fields, as kubectl looks for", () => {
  const patch = read("api/v1").paths["/api/v1/namespaces/{namespace}/configmaps/{name}"]?.patch;
  assert.deepEqual(patch?.["x-kubernetes-group-version-kind"], {
    group: "",
    kind: "ConfigMap",
    version: "v1",
  });
  assert.ok(patch?.parameters.some(({ name }) => name === "fieldValidation"));
});

test("every reference of a document leads somewhere in it", () => {
  const document = read("apis/apps/v1");
  const prefix = "#/components/schemas/";
  const references = JSON.stringify(document).match(/"#\/[^"]+"/g) ?? [];
  assert.ok(references.length > 100);
  for (const quoted of new Set(references)) {
    const reference = JSON.parse(quoted) as string;
    assert.ok(reference.startsWith(prefix), reference);
    assert.ok(document.components.schemas[reference.slice(prefix.length)], reference);
  }
});

test("what is not served has no document", () => {
  assert.equal(documents.document("apis/nobody/v1"), undefined);
});
