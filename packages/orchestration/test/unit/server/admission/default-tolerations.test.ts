import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../../src/api/kinds.ts";
import type { Toleration } from "../../../../src/api/types.generated.ts";
import { defaultTolerationsAdmission } from "../../../../src/server/admission/default-tolerations.ts";
import { pod } from "../../../fixtures/scheduling.ts";
import { AdmittedWorld } from "./world.ts";

async function admitted(tolerations: readonly Toleration[]): Promise<unknown> {
  const world = await AdmittedWorld.start(() => [defaultTolerationsAdmission(5)]);
  return (await world.create(kinds.pods, pod("p", { tolerations }))).spec.tolerations;
}

function waiting(key: string): Toleration {
  const effect = "NoExecute";
  return { key: `node.kubernetes.io/${key}`, operator: "Exists", effect, tolerationSeconds: 5 };
}

test("a pod stays for a while on a node that is not ready or lost", async () =>
  assert.deepEqual(await admitted([]), [waiting("not-ready"), waiting("unreachable")]));

test("a pod that says itself what it does on a lost node is left to that", async () => {
  const own = { key: "node.kubernetes.io/unreachable", operator: "Exists" };
  assert.deepEqual(await admitted([own]), [own, waiting("not-ready")]);
});

test("a pod that tolerates everything gets nothing more", async () =>
  assert.deepEqual(await admitted([{ operator: "Exists" }]), [{ operator: "Exists" }]));
