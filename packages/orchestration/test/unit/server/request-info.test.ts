import assert from "node:assert/strict";
import { test } from "node:test";
import { requestInfo } from "../../../src/server/request-info.ts";

function read(method: string, path: string): string {
  const info = requestInfo(method, new URL(path, "https://localhost"));
  if (!info.isResource) return `${info.verb} path ${info.path}`;
  const { verb, group, version, resource, namespace, name, subresource } = info;
  const what = [
    group || "core",
    version,
    resource,
    namespace ?? "-",
    name ?? "-",
    subresource ?? "-",
  ];
  return `${verb} ${what.join(" ")}`;
}

const cases: readonly (readonly [method: string, path: string, meaning: string])[] = [
  ["GET", "/api/v1/namespaces/default/pods", "list core v1 pods default - -"],
  ["GET", "/api/v1/pods?watch=true", "watch core v1 pods - - -"],
  ["GET", "/api/v1/pods?watch=0", "list core v1 pods - - -"],
  ["GET", "/api/v1/namespaces/default/pods/web/log", "get core v1 pods default web log"],
  ["GET", "/api/v1/namespaces", "list core v1 namespaces - - -"],
  ["GET", "/api/v1/namespaces/default", "get core v1 namespaces default default -"],
  [
    "PUT",
    "/api/v1/namespaces/default/finalize",
    "update core v1 namespaces default default finalize",
  ],
  ["PUT", "/api/v1/namespaces/default/status", "update core v1 namespaces default default status"],
  [
    "PATCH",
    "/apis/apps/v1/namespaces/a/deployments/web/scale",
    "patch apps v1 deployments a web scale",
  ],
  ["POST", "/apis/apps/v1/namespaces/a/deployments", "create apps v1 deployments a - -"],
  [
    "DELETE",
    "/apis/apps/v1/namespaces/a/deployments",
    "deletecollection apps v1 deployments a - -",
  ],
  ["DELETE", "/api/v1/nodes/n1", "delete core v1 nodes - n1 -"],
  ["GET", "/api", "get path /api"],
  ["GET", "/apis/apps", "get path /apis/apps"],
  ["GET", "/apis/apps/v1", "get path /apis/apps/v1"],
  ["GET", "/openapi/v3/apis/apps/v1", "get path /openapi/v3/apis/apps/v1"],
  ["GET", "/api/v1/namespaces/default/configmaps/a%2Fb", "get core v1 configmaps default a/b -"],
];

for (const [method, path, meaning] of cases) {
  test(`${method} ${path} means ${meaning}`, () => {
    assert.equal(read(method, path), meaning);
  });
}
