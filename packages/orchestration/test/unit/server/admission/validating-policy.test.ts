import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../../src/api/built-in.ts";
import type { KubeObject } from "../../../../src/api/object.ts";
import { StatusError } from "../../../../src/api/status.ts";
import { validatingPolicyAdmission } from "../../../../src/server/admission/policy/validating-policy.ts";
import type { WriteOptions } from "../../../../src/server/registry/options.ts";
import { Registry } from "../../../../src/server/registry/registry.ts";
import { MvccStore } from "../../../../src/store/mvcc.ts";
import { deployment } from "../../../fixtures/workloads.ts";

const api = "admissionregistration.k8s.io/v1";
const deployments = {
  apiGroups: ["apps"],
  apiVersions: ["v1"],
  operations: ["CREATE", "UPDATE"],
  resources: ["deployments"],
};

interface World {
  readonly policy: (spec: object, binding?: object) => Promise<void>;
  readonly deploy: (replicas: number, options?: WriteOptions) => Promise<string>;
  readonly create: (
    resource: readonly [string, string, string],
    object: KubeObject,
  ) => Promise<KubeObject>;
}

async function world(): Promise<World> {
  let uid = 0;
  const registry: Registry = new Registry({
    store: new MvccStore(),
    resources: builtInResources(),
    admission: [validatingPolicyAdmission(() => registry)],
    now: () => 0,
    newUid: () => `u${++uid}`,
    newSuffix: () => "abcde",
  });
  const create: World["create"] = (resource, object) =>
    registry.create(registry.resources.get(...resource), object.metadata.namespace, object);
  await create(["", "v1", "namespaces"], {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default", labels: { tier: "gold" } },
  });
  return {
    create,
    policy: async (spec, binding = {}) => {
      const group = ["admissionregistration.k8s.io", "v1"] as const;
      await create([...group, "validatingadmissionpolicies"], {
        apiVersion: api,
        kind: "ValidatingAdmissionPolicy",
        metadata: { name: "limit" },
        spec: { matchConstraints: { resourceRules: [deployments] }, ...spec },
      });
      await create([...group, "validatingadmissionpolicybindings"], {
        apiVersion: api,
        kind: "ValidatingAdmissionPolicyBinding",
        metadata: { name: "everywhere" },
        spec: { policyName: "limit", validationActions: ["Deny"], ...binding },
      });
    },
    deploy: async (replicas, options) => {
      try {
        const resource = registry.resources.get("apps", "v1", "deployments");
        await registry.create(resource, "default", deployment(replicas), options);
        return "created";
      } catch (error) {
        if (error instanceof StatusError) return `${error.code} ${error.message}`;
        throw error;
      }
    },
  };
}

test("what a policy denies is refused, with the policy, its binding and its message", async () => {
  const it = await world();
  await it.policy({
    validations: [{ expression: "object.spec.replicas <= 5", message: "no more than five" }],
  });
  assert.equal(
    await it.deploy(6),
    `422 deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'limit' with binding 'everywhere' denied request: no more than five`,
  );
  assert.equal(await it.deploy(5), "created");
});

test("variables are worked out when they are asked for, and may refer to those before them", async () => {
  const it = await world();
  await it.policy({
    variables: [
      { name: "limit", expression: "namespaceObject.metadata.labels['tier'] == 'gold' ? 3 : 1" },
      { name: "fits", expression: "object.spec.replicas <= variables.limit" },
      { name: "broken", expression: "object.spec.nothing.there" },
    ],
    validations: [
      {
        expression: "variables.fits",
        messageExpression: "'at most ' + string(variables.limit)",
        reason: "Forbidden",
      },
    ],
  });
  assert.match(await it.deploy(4), /^403 .*denied request: at most 3$/);
  assert.equal(await it.deploy(3), "created");
});

test("a binding can warn instead, and say where a policy holds", async () => {
  const it = await world();
  const validations = [{ expression: "false", message: "never" }];
  await it.policy({ validations }, { validationActions: ["Warn"] });
  const warnings: string[] = [];
  assert.equal(await it.deploy(1, { warn: (text) => warnings.push(text) }), "created");
  assert.deepEqual(warnings, [
    "Validation failed for ValidatingAdmissionPolicy 'limit' with binding 'everywhere': never",
  ]);
  const other = await world();
  const silver = { namespaceSelector: { matchLabels: { tier: "silver" } } };
  await other.policy({ validations }, { matchResources: silver });
  assert.equal(await other.deploy(1), "created");
});

test("an expression that fails refuses, unless the policy passes over failures", async () => {
  const validations = [{ expression: "object.spec.missing.deeper == 1" }];
  const strict = await world();
  await strict.policy({ validations });
  assert.match(await strict.deploy(1), /^422 .*expression could not be evaluated/);
  const lenient = await world();
  await lenient.policy({ validations, failurePolicy: "Ignore" });
  assert.equal(await lenient.deploy(1), "created");
});

test("a policy reads its parameters from the object that its binding names", async () => {
  const it = await world();
  await it.create(["", "v1", "configmaps"], {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "limits", namespace: "default" },
    data: { replicas: "2" },
  });
  await it.policy(
    {
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      validations: [
        {
          expression: "object.spec.replicas <= int(params.data.replicas)",
          message: "over the limit",
        },
      ],
    },
    { paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" } },
  );
  assert.match(await it.deploy(3), /over the limit$/);
  assert.equal(await it.deploy(2), "created");
});

test("what a policy is not about passes, and a policy that locks out can be taken away", async () => {
  const it = await world();
  const everything = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"] };
  await it.policy({
    matchConstraints: { resourceRules: [everything] },
    validations: [{ expression: "false" }],
  });
  assert.match(await it.deploy(1), /^422 /);
  const conditional = await world();
  await conditional.policy({
    matchConditions: [{ name: "only-delete", expression: "request.operation == 'DELETE'" }],
    validations: [{ expression: "false" }],
  });
  assert.equal(await conditional.deploy(1), "created");
});
