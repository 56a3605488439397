import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Pod, VolumeMount } from "../../../src/api/types.generated.ts";
import { ContainerConfigError } from "../../../src/node/core/env.ts";
import { volumePlaces } from "../../../src/node/edge/volume-places.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default" },
  spec: {
    containers: [],
    volumes: [
      { name: "data", emptyDir: {} },
      { name: "pages", configMap: { name: "pages" } },
    ],
  },
};

function placeOf(root: string, mount: VolumeMount): string | undefined {
  const container = { name: "main", volumeMounts: [mount] };
  const expanded = (text: string): string => text.replace("$(POD)", "web-0");
  return volumePlaces(pod, container, { [mount.name]: root }, expanded)[mount.name];
}

const data = { name: "data", mountPath: "/data" };

test("a container is given the folder of a volume that its mount names, and it is there", async () => {
  const root = await mkdtemp(join(tmpdir(), "volume-"));
  assert.equal(placeOf(root, data), root);
  const place = join(root, "logs/web-0");
  assert.equal(placeOf(root, { ...data, subPathExpr: "logs/$(POD)" }), place);
  assert.equal((await stat(place)).mode & 0o777, 0o777);
  await rm(root, { recursive: true });
});

test("what the API says of a volume is left as it is", async () => {
  const root = await mkdtemp(join(tmpdir(), "volume-"));
  const mount = { name: "pages", mountPath: "/pages", subPath: "index" };
  assert.equal(placeOf(root, mount), join(root, "index"));
  await assert.rejects(stat(join(root, "index")), { code: "ENOENT" });
  await rm(root, { recursive: true });
});

for (const subPath of ["../other", "/etc", "a/../../b"])
  test(`the path ${subPath} leaves its volume and is refused`, () => {
    assert.throws(() => placeOf("/nowhere", { ...data, subPath }), ContainerConfigError);
  });
