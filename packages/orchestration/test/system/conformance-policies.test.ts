// Rules about objects that are written as expressions or limits, as Kubernetes' conformance suite asks for them (cases 28, 29 and 53).
import assert from "node:assert/strict";
import { test } from "node:test";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { type Answered } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const core = "/api/v1/namespaces/default";
const merge = "application/merge-patch+json";
const { api } = await served(testControlPlane());

async function policy(name: string, spec: object): Promise<void> {
  const apiVersion = "admissionregistration.k8s.io/v1";
  const resourceRules = [
    {
      apiGroups: ["apps"],
      apiVersions: ["v1"],
      operations: ["CREATE", "UPDATE"],
      resources: ["deployments"],
    },
  ];
  await api.ok("POST", `${group}/validatingadmissionpolicies`, {
    body: {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: { matchConstraints: { resourceRules }, ...spec },
    },
  });
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "default" } };
  await api.ok("POST", `${group}/validatingadmissionpolicybindings`, {
    body: {
      apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: ["Deny"],
        matchResources: { namespaceSelector },
      },
    },
  });
}

function deploy(name: string, replicas: number, namespace = "default"): Promise<Answered> {
  const labels = { app: name };
  const containers = [{ name: "main", image: "web:1" }];
  return api.ask("POST", `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    body: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    },
  });
}

// Case 28.
test("a policy allows and denies deployments where its binding holds, created and changed", async () => {
  const validations = [
    {
      expression: "object.spec.replicas > 1",
      messageExpression: "'wants 2, not ' + string(object.spec.replicas)",
    },
  ];
  await policy("two", { validations });
  const { code, body } = await deploy("one", 1);
  assert.deepEqual([code, body.reason], [422, "Invalid"]);
  assert.match(
    body.message,
    /ValidatingAdmissionPolicy 'two' with binding 'two' denied request: wants 2, not 1/,
  );
  assert.equal((await deploy("two", 2)).code, 201);
  const path = "/apis/apps/v1/namespaces/default/deployments/two";
  const smaller = { body: { spec: { replicas: 1 } }, type: merge };
  assert.equal((await api.ask("PATCH", path, smaller)).code, 422);
  const other = { apiVersion: "v1", kind: "Namespace", metadata: { name: "free" } };
  await api.ok("POST", "/api/v1/namespaces", { body: other });
  assert.equal((await deploy("one", 1, "free")).code, 201);
  await api.ok("DELETE", `${group}/validatingadmissionpolicies/two`);
  assert.equal((await deploy("one", 1)).code, 201);
});

// Case 29.
test("a policy's variables are made of the object and of each other", async () => {
  await policy("variables", {
    variables: [
      { name: "replicas", expression: "object.spec.replicas" },
      { name: "isOdd", expression: "variables.replicas % 2 == 1" },
    ],
    validations: [
      { expression: "variables.replicas > 1" },
      { expression: "variables.isOdd", message: "an odd number, please" },
    ],
  });
  assert.match((await deploy("few", 1)).body.message, /failed expression: variables\.replicas > 1/);
  assert.match((await deploy("even", 2)).body.message, /an odd number, please/);
  assert.equal((await deploy("odd", 3)).code, 201);
});

// Case 53.
test("a limit range fills in what pods leave out, refuses what is beyond it, and holds as it is after each change", async () => {
  const limit = {
    type: "Container",
    min: { cpu: "50m", memory: "100Mi" },
    max: { cpu: "500m", memory: "500Mi" },
    default: { cpu: "500m", memory: "500Mi" },
    defaultRequest: { cpu: "100m", memory: "200Mi" },
  };
  const ranges = `${core}/limitranges`;
  await api.ok("POST", ranges, {
    body: {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "range" },
      spec: { limits: [limit] },
    },
  });
  const pod = (name: string, requests?: object): Promise<Answered> =>
    api.ask("POST", `${core}/pods`, {
      body: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: {
          containers: [
            { name: "main", image: "web", ...(requests && { resources: { requests } }) },
          ],
        },
      },
    });
  const { body } = await pod("silent");
  assert.deepEqual(body.spec.containers[0].resources, {
    requests: { cpu: "100m", memory: "200Mi" },
    limits: { cpu: "500m", memory: "500Mi" },
  });
  const partly = await pod("partly", { cpu: "300m" });
  assert.deepEqual(partly.body.spec.containers[0].resources.requests, {
    cpu: "300m",
    memory: "200Mi",
  });
  assert.equal((await pod("small", { cpu: "10m", memory: "50Mi" })).code, 403);
  assert.equal((await pod("large", { cpu: "600m", memory: "600Mi" })).code, 403);
  const lower = { ...limit, min: { cpu: "10m", memory: "10Mi" } };
  await api.ok("PATCH", `${ranges}/range`, { body: { spec: { limits: [lower] } }, type: merge });
  assert.equal((await pod("small", { cpu: "10m", memory: "50Mi" })).code, 201);
  await api.ok("DELETE", `${ranges}/range`);
  assert.equal((await pod("large", { cpu: "600m", memory: "600Mi" })).code, 201);
});
