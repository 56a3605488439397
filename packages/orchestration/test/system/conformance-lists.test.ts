// Lists, tables and discovery as Kubernetes' conformance suite asks for them (cases 6 to 11).
import assert from "node:assert/strict";
import { test } from "node:test";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { served } from "../fixtures/served.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const historyMax = 60;
const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const { api } = await served(testControlPlane({ historyMax }));

async function create(...names: readonly string[]): Promise<void> {
  for (const name of names)
    await api.ok("POST", configMaps, {
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } },
    });
}

const numbered = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `n${String(i).padStart(3, "0")}`);

// Case 6.
test("a list comes in chunks that say what remains, all of one revision", async () => {
  const names = numbered(40);
  await create(...names);
  const seen: string[] = [];
  const revisions = new Set<string>();
  let token = "";
  do {
    const { items, metadata } = await api.ok("GET", `${configMaps}?limit=17&continue=${token}`);
    seen.push(...items.map((item: { metadata: { name: string } }) => item.metadata.name));
    revisions.add(metadata.resourceVersion);
    token = metadata.continue ?? "";
    const rest = names.length - seen.length;
    assert.equal(metadata.remainingItemCount ?? 0, rest);
    assert.equal(token === "", rest === 0);
    // What comes meanwhile is not in this list.
    await create(`later-${seen.length}`);
  } while (token !== "");
  assert.deepEqual(seen, names);
  assert.equal(revisions.size, 1);
  await api.ok("DELETE", configMaps);
});

// Case 7.
test("a list whose revision was compacted goes on at a newer one, if its client wants that", async () => {
  const names = numbered(40);
  await create(...names);
  const first = await api.ok("GET", `${configMaps}?limit=15`);
  // The store forgets half of what it keeps at a time.
  for (let i = 0; i <= 2 * historyMax; i += 1)
    await api.ok("PATCH", `${configMaps}/n000`, {
      body: { data: { i: String(i) } },
      type: "application/merge-patch+json",
    });
  const expired = await api.ask(
    "GET",
    `${configMaps}?limit=15&continue=${first.metadata.continue}`,
  );
  assert.deepEqual([expired.code, expired.body.reason], [410, "Expired"]);
  const inconsistent = expired.body.metadata.continue;
  assert.notEqual(inconsistent ?? "", "");
  const second = await api.ok("GET", `${configMaps}?limit=15&continue=${inconsistent}`);
  assert.ok(Number(second.metadata.resourceVersion) > Number(first.metadata.resourceVersion));
  const third = await api.ok("GET", `${configMaps}?limit=15&continue=${second.metadata.continue}`);
  assert.equal(third.metadata.resourceVersion, second.metadata.resourceVersion);
  assert.equal(third.metadata.continue ?? "", "");
  const items: { metadata: { name: string } }[] = [...first.items, ...second.items, ...third.items];
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    names,
  );
  await api.ok("DELETE", configMaps);
});

// Case 8.
test("what has no metadata is shown in no table, and everything else is", async () => {
  const { code, body } = await api.ask(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { verb: "get", resource: "pods" } },
      },
      accept: table,
    },
  );
  assert.deepEqual([code, body.reason], [406, "NotAcceptable"]);
  await create("row");
  const { kind, columnDefinitions, rows } = await api.ok("GET", configMaps, { accept: table });
  assert.deepEqual([kind, columnDefinitions[0].name, rows[0].cells[0]], ["Table", "Name", "row"]);
  const chunked = await api.ok("GET", `${configMaps}?limit=1`, { accept: table });
  assert.equal(chunked.rows.length, 1);
  await api.ok("DELETE", configMaps);
});

/** apidiscovery.k8s.io/v2 APIGroupDiscovery, as far as is looked at. */
interface Group {
  readonly metadata: { readonly name: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly [
      {
        readonly resource: string;
        readonly responseKind: { readonly kind: string };
        readonly scope: string;
      },
    ];
  }[];
}

// Case 9.
test("aggregated discovery tells of kinds that are defined later", async () => {
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  await api.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    body: {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "lamps.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "lamps", kind: "Lamp" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object" } },
          },
        ],
      },
    },
  });
  const groups = async (): Promise<Map<string, Group>> => {
    const { kind, items } = await api.ok("GET", "/apis", { accept });
    assert.equal(kind, "APIGroupDiscoveryList");
    return new Map(items.map((item: Group) => [item.metadata.name, item]));
  };
  let found = await groups();
  while (!found.has("example.com")) found = await groups();
  const [version] = found.get("example.com")?.versions ?? [];
  assert.equal(version?.version, "v1");
  const { resource, responseKind, scope } = version.resources[0];
  assert.deepEqual([resource, responseKind.kind, scope], ["lamps", "Lamp", "Namespaced"]);
  for (const name of ["apps", "batch", "rbac.authorization.k8s.io", "admissionregistration.k8s.io"])
    assert.ok(found.has(name), name);
  const core = await api.ok("GET", "/api", { accept });
  assert.equal(core.items[0].versions[0].version, "v1");
});

// Case 10.
test("every group says which of its versions it prefers, and serves them all", async () => {
  const { groups } = await api.ok("GET", "/apis");
  assert.ok(groups.length > 10);
  for (const { name, preferredVersion, versions } of groups) {
    const { body: group } = await api.ask("GET", `/apis/${name}`);
    assert.deepEqual(group.preferredVersion, preferredVersion);
    const all: readonly { groupVersion: string }[] = versions;
    assert.ok(all.some(({ groupVersion }) => groupVersion === preferredVersion.groupVersion));
    for (const { groupVersion } of all) {
      const list = await api.ok("GET", `/apis/${groupVersion}`);
      assert.deepEqual([list.kind, list.groupVersion], ["APIResourceList", groupVersion]);
    }
  }
});

// Case 11.
test("the server's version is two whole numbers", async () => {
  const { major, minor } = await api.ok("GET", "/version");
  assert.match(major, /^[1-9]\d*$/);
  assert.match(minor, /^[1-9]\d*$/);
});
