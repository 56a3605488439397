import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "../../../src/api/types.generated.ts";
import { limitsRemark } from "../../../src/node/core/limits-remark.ts";

const limited = (limits: Readonly<Record<string, string>>): Container => ({
  name: "main",
  resources: { limits },
});
const both = [limited({ cpu: "1" }), limited({ memory: "64Mi", cpu: "2" })];
const noGroups = "this node has no control groups for them that it may write";

for (const { says, containers, enforced, want } of [
  { says: "nothing where nobody asks for one", containers: [limited({})], enforced: [], want: [] },
  {
    says: "that all are kept to",
    containers: both,
    enforced: ["cpu", "memory"],
    want: ["LimitsEnforced", "limits on cpu and memory are enforced with control groups"],
  },
  {
    says: "that none is",
    containers: both,
    enforced: [],
    want: ["LimitsNotEnforced", `limits on cpu and memory are not enforced: ${noGroups}`],
  },
  {
    says: "which are and which are not",
    containers: [...both, limited({ "ephemeral-storage": "1Gi" })],
    enforced: ["memory"],
    want: [
      "LimitsNotEnforced",
      `limits on memory are enforced with control groups; limits on cpu and ephemeral-storage are not enforced: ${noGroups}`,
    ],
  },
])
  test(`a node says of limits ${says}`, () => {
    const remark = limitsRemark(containers, new Set(enforced));
    assert.deepEqual(remark ? [remark.reason, remark.message] : [], want);
  });
