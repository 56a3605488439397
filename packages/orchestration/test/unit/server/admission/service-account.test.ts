import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../../src/api/kinds.ts";
import type { Pod } from "../../../../src/api/types.generated.ts";
import { serviceAccountAdmission } from "../../../../src/server/admission/service-account.ts";
import { pod } from "../../../fixtures/scheduling.ts";
import { AdmittedWorld } from "./world.ts";

async function start(account: object = {}): Promise<AdmittedWorld> {
  const world = await AdmittedWorld.start((registry) => [serviceAccountAdmission(registry)]);
  const metadata = { name: "default" };
  await world.create(kinds.serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata,
    ...account,
  });
  return world;
}

const mountsOf = ({ spec }: Pod): readonly number[] =>
  spec.containers.map(({ volumeMounts = [] }) => volumeMounts.length);

test("a pod gets the token of its account, and the authority to trust", async () => {
  const world = await start();
  const made = await world.create(kinds.pods, pod("a"));
  assert.equal(made.spec.serviceAccountName, "default");
  assert.deepEqual(mountsOf(made), [1]);
  assert.match(made.spec.volumes?.[0]?.name ?? "", /^kube-api-access-/);
});

for (const { who, account, spec, mounts } of [
  { who: "the account", account: { automountServiceAccountToken: false }, spec: {}, mounts: 0 },
  { who: "the pod", account: {}, spec: { automountServiceAccountToken: false }, mounts: 0 },
  {
    who: "the account but not the pod",
    account: { automountServiceAccountToken: false },
    spec: { automountServiceAccountToken: true },
    mounts: 1,
  },
])
  test(`a pod has ${mounts} tokens when ${who} opts out`, async () => {
    const world = await start(account);
    assert.deepEqual(mountsOf(await world.create(kinds.pods, pod("a", spec))), [mounts]);
  });

test("a container that comes later shares the volume of the others", async () => {
  const sidecar = { name: "sidecar", image: "proxy" };
  const world = await AdmittedWorld.start((registry) => [
    serviceAccountAdmission(registry),
    {
      name: "injects",
      mutate: ({ resource, object }) =>
        resource.resource === "pods"
          ? {
              ...object,
              spec: {
                ...(object as Pod).spec,
                containers: [...(object as Pod).spec.containers, sidecar],
              },
            }
          : object,
    },
    serviceAccountAdmission(registry),
  ]);
  const metadata = { name: "default" };
  await world.create(kinds.serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata });
  const made = await world.create(kinds.pods, pod("a"));
  assert.deepEqual(mountsOf(made), [1, 1]);
  assert.equal(made.spec.volumes?.length, 1);
});
