import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../../src/api/kinds.ts";
import type {
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceRequirements,
} from "../../../../src/api/types.generated.ts";
import { limitRangerAdmission } from "../../../../src/server/admission/limit-ranger.ts";
import { pod } from "../../../fixtures/scheduling.ts";
import { AdmittedWorld } from "./world.ts";

async function start(...limits: readonly LimitRangeItem[]): Promise<AdmittedWorld> {
  const world = await AdmittedWorld.start((registry) => [limitRangerAdmission(registry)]);
  await world.create(kinds.limitRanges, {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "limits" },
    spec: { limits },
  });
  return world;
}

function asking(resources: ResourceRequirements, more: readonly ResourceRequirements[] = []): Pod {
  const containers = [resources, ...more].map((each, i) => ({
    name: `c${i}`,
    image: "web:1",
    resources: each,
  }));
  return { ...pod("p"), spec: { containers } };
}

async function refusal(
  item: Omit<LimitRangeItem, "type">,
  given: Pod,
  type = "Container",
): Promise<string> {
  const world = await start({ type, ...item });
  try {
    await world.create(kinds.pods, given);
    return "admitted";
  } catch (error) {
    assert.equal((error as { reason?: string }).reason, "Forbidden");
    return (error as Error).message;
  }
}

test("containers that say nothing get the defaults, and an annotation tells which", async () => {
  const world = await start({
    type: "Container",
    default: { cpu: "500m", memory: "128Mi" },
    defaultRequest: { cpu: "100m" },
  });
  const given = asking({}, [{ requests: { cpu: "50m", memory: "1Mi" }, limits: { cpu: "1" } }]);
  const { spec, metadata } = await world.create(kinds.pods, given);
  assert.deepEqual(
    spec.containers.map(({ resources }) => resources),
    [
      { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
      { requests: { cpu: "50m", memory: "1Mi" }, limits: { cpu: "1", memory: "128Mi" } },
    ],
  );
  assert.equal(
    metadata.annotations?.["kubernetes.io/limit-ranger"],
    "LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0; memory limit for container c1",
  );
});

test("a maximum is also the default limit, and a minimum what is requested", async () => {
  const world = await start({
    type: "Container",
    max: { cpu: "2" },
    min: { cpu: "1", memory: "4Mi" },
  });
  const { spec } = await world.create(kinds.pods, asking({}));
  assert.deepEqual(spec.containers[0]?.resources, {
    requests: { memory: "4Mi", cpu: "2" },
    limits: { cpu: "2" },
  });
});

test("a pod that says everything is left as it is", async () => {
  const world = await start({ type: "Container", default: { cpu: "1" } });
  const { metadata } = await world.create(kinds.pods, asking({ limits: { cpu: "2" } }));
  assert.equal(metadata.annotations, undefined);
});

const all = (cpu: string): ResourceRequirements => ({ requests: { cpu }, limits: { cpu } });

for (const { item, given, type, why } of [
  {
    item: { min: { cpu: "100m" } },
    given: asking(all("50m")),
    why: "minimum cpu usage per Container is 100m, but request is 50m",
  },
  {
    item: { max: { cpu: "1000m" } },
    given: asking(all("2")),
    why: "maximum cpu usage per Container is 1, but limit is 2",
  },
  {
    item: { min: { cpu: "100m" }, max: { memory: "1Gi" } },
    given: asking({ requests: { cpu: "50m", memory: "1Gi" }, limits: { memory: "2Gi" } }),
    why: "[minimum cpu usage per Container is 100m, but request is 50m, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
  },
  {
    item: { min: { cpu: "100m" } },
    given: asking({ requests: { cpu: "200m" }, limits: { cpu: "50m" } }),
    why: "minimum cpu usage per Container is 100m, but limit is 50m",
  },
  {
    item: { max: { cpu: "1" } },
    given: asking({ requests: { cpu: "2" }, limits: { cpu: "1" } }),
    why: "maximum cpu usage per Container is 1, but request is 2",
  },
  {
    item: { maxLimitRequestRatio: { cpu: "2" } },
    given: asking({ requests: { cpu: "1" }, limits: { cpu: "2500m" } }),
    why: "cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000",
  },
  {
    item: { maxLimitRequestRatio: { cpu: "2" } },
    given: asking({ requests: { cpu: "1" } }),
    why: "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
  },
  {
    item: { max: { cpu: "3" } },
    given: asking(all("2"), [all("2")]),
    type: "Pod",
    why: "maximum cpu usage per Pod is 3, but limit is 4",
  },
  {
    item: { max: { cpu: "3" } },
    given: asking({}),
    type: "Pod",
    why: "maximum cpu usage per Pod is 3.  No limit is specified",
  },
  {
    item: { min: { cpu: "3" } },
    given: asking({}),
    type: "Pod",
    why: "minimum cpu usage per Pod is 3.  No request is specified",
  },
])
  test(`refused: ${why}`, async () =>
    assert.equal(await refusal(item, given, type), `pods "p" is forbidden: ${why}`));

test("a pod within all limits is admitted", async () => {
  const item = { min: { cpu: "1" }, max: { cpu: "2" }, maxLimitRequestRatio: { cpu: "2" } };
  assert.equal(
    await refusal(item, asking({ requests: { cpu: "1" }, limits: { cpu: "2" } })),
    "admitted",
  );
});

test("a claim may not be smaller or larger than allowed, nor grow so", async () => {
  const world = await start({
    type: "PersistentVolumeClaim",
    min: { storage: "1Gi" },
    max: { storage: "5Gi" },
  });
  const claim = (storage: string): PersistentVolumeClaim => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
  });
  const message = (why: string) => ({
    message: `persistentvolumeclaims "data" is forbidden: ${why}`,
  });
  await assert.rejects(
    world.create(kinds.persistentVolumeClaims, claim("500Mi")),
    message("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"),
  );
  await world.create(kinds.persistentVolumeClaims, claim("2Gi"));
  await assert.rejects(
    world.change(kinds.persistentVolumeClaims, "data", (there) => ({
      ...there,
      spec: claim("6Gi").spec,
    })),
    message("maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi"),
  );
});

test("a pod from before the limits can still be changed", async () => {
  const world = await AdmittedWorld.start((registry) => [limitRangerAdmission(registry)]);
  await world.create(kinds.pods, asking(all("2")));
  await world.create(kinds.limitRanges, {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "limits" },
    spec: { limits: [{ type: "Container", max: { cpu: "1" } }] },
  });
  const labels = { app: "web" };
  const { metadata } = await world.change(kinds.pods, "p", (there) => ({
    ...there,
    metadata: { ...there.metadata, labels },
  }));
  assert.deepEqual(metadata.labels, labels);
});
