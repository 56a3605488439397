import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../src/api/built-in.ts";
import {
  aggregatedDiscovery,
  apiGroup,
  compareVersions,
  groupList,
  resourceList,
} from "../../../src/server/discovery.ts";

const resources = builtInResources();

test("stable versions come before beta before alpha, higher ones first", () => {
  const versions = ["v1alpha1", "v1", "v2beta1", "v2", "v1beta2", "v10", "foo"];
  assert.deepEqual(versions.toSorted(compareVersions), [
    "v10",
    "v2",
    "v1",
    "v2beta1",
    "v1beta2",
    "v1alpha1",
    "foo",
  ]);
});

test("aggregated discovery tells of a resource all that kubectl's table of resources needs", () => {
  const { items } = aggregatedDiscovery(resources, false) as {
    items: {
      metadata: { name: string };
      versions: { version: string; resources: { resource: string }[] }[];
    }[];
  };
  const apps = items.find((group) => group.metadata.name === "apps");
  const deployments = apps?.versions[0]?.resources.find(
    ({ resource }) => resource === "deployments",
  );
  assert.deepEqual(deployments, {
    resource: "deployments",
    responseKind: { group: "apps", version: "v1", kind: "Deployment" },
    scope: "Namespaced",
    singularResource: "deployment",
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    shortNames: ["deploy"],
    categories: ["all"],
    subresources: [
      {
        subresource: "scale",
        responseKind: { group: "autoscaling", version: "v1", kind: "Scale" },
        verbs: ["get", "patch", "update"],
      },
      {
        subresource: "status",
        responseKind: { group: "apps", version: "v1", kind: "Deployment" },
        verbs: ["get", "patch", "update"],
      },
    ],
  });
});

test("the core group stands alone under /api", () => {
  const { items } = aggregatedDiscovery(resources, true) as { items: unknown[] };
  assert.equal(items.length, 1);
});

test("a group served in two versions prefers the higher stable one", () => {
  const group = apiGroup(resources, "autoscaling") as { preferredVersion: unknown };
  assert.deepEqual(group.preferredVersion, { groupVersion: "autoscaling/v2", version: "v2" });
});

test("every group names a preferred version that it serves", () => {
  const { groups } = groupList(resources) as {
    groups: { versions: unknown[]; preferredVersion: unknown }[];
  };
  for (const { versions, preferredVersion } of groups)
    assert.ok(versions.includes(preferredVersion));
});

test("the list of a version holds resources and their subresources", () => {
  const { resources: members } = resourceList(resources, "", "v1") as {
    resources: { name: string }[];
  };
  const names = members.map(({ name }) => name);
  for (const name of ["pods", "pods/log", "pods/status", "namespaces/finalize"])
    assert.ok(names.includes(name), name);
});

test("a group or version that is not served has no list", () => {
  assert.equal(resourceList(resources, "apps", "v9"), undefined);
  assert.equal(apiGroup(resources, "nobody.example.com"), undefined);
});
