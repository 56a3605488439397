import assert from "node:assert/strict";
import { test } from "node:test";
import { podLimits, podRequests } from "../../../src/api/pod-resources.ts";
import { resourceList } from "../../../src/api/resource-list.ts";
import type { Container } from "../../../src/api/types.generated.ts";

function container(cpu: string, more: Partial<Container> = {}): Container {
  return { name: "c", resources: { requests: { cpu } }, ...more };
}
const sidecar = { restartPolicy: "Always" };

for (const { does, initContainers, cpu } of [
  { does: "its containers together", initContainers: [], cpu: "300m" },
  {
    does: "its largest init container",
    initContainers: [container("500m"), container("400m")],
    cpu: "500m",
  },
  {
    does: "nothing more for a small init container",
    initContainers: [container("100m")],
    cpu: "300m",
  },
  {
    does: "its sidecars beside its containers",
    initContainers: [container("50m", sidecar)],
    cpu: "350m",
  },
  {
    does: "a large sidecar once",
    initContainers: [container("500m", sidecar)],
    cpu: "800m",
  },
  {
    does: "an init container with the sidecars that run already",
    initContainers: [container("200m", sidecar), container("400m"), container("50m", sidecar)],
    cpu: "600m",
  },
])
  test(`a pod needs ${does}`, () => {
    const spec = { containers: [container("100m"), container("200m")], initContainers };
    assert.deepEqual(resourceList(podRequests(spec)), { cpu });
  });

test("what a pod costs beside its containers comes on top", () => {
  const overhead = { cpu: "10m", memory: "8Mi" };
  const spec = {
    containers: [
      container("100m", { resources: { requests: { cpu: "1" }, limits: { cpu: "2" } } }),
    ],
    overhead,
  };
  assert.deepEqual(resourceList(podRequests(spec)), { cpu: "1010m", memory: "8Mi" });
  assert.deepEqual(resourceList(podLimits(spec)), { cpu: "2010m" });
});
