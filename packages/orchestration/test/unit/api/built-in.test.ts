import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../src/api/built-in.ts";
import type { KubeObject } from "../../../src/api/object.ts";
import type { Resource } from "../../../src/api/resource.ts";

const resources = builtInResources();

function resource(name: string): Resource {
  return resources.find((each) => each.resource === name) as Resource;
}

function defaulted(name: string, fields: object): Record<string, unknown> {
  const { strategy, kind, version } = resource(name);
  const object = { apiVersion: version, kind, metadata: { name: "a" }, ...fields } as KubeObject;
  return strategy.defaults?.(object) ?? object;
}

function refusals(name: string, fields: object, old?: object): string[] {
  const { strategy, kind, version } = resource(name);
  const whole = (given: object): KubeObject => ({
    apiVersion: version,
    kind,
    metadata: { name: "a" },
    ...given,
  });
  const causes =
    old === undefined
      ? strategy.validate?.(whole(fields))
      : strategy.validateUpdate?.(whole(fields), whole(old));
  return (causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

test("every built-in resource has a schema", () => {
  for (const each of resources) assert.ok(each.definition, `${each.group} ${each.resource}`);
});

test("a Deployment is filled in as Kubernetes does", () => {
  const template = {
    metadata: { labels: { app: "a" } },
    spec: { containers: [{ name: "a", image: "a:1" }] },
  };
  const { spec } = defaulted("deployments", {
    spec: { selector: { matchLabels: { app: "a" } }, template },
  });
  assert.deepEqual(spec, {
    progressDeadlineSeconds: 600,
    replicas: 1,
    revisionHistoryLimit: 10,
    selector: { matchLabels: { app: "a" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    template: {
      metadata: { creationTimestamp: null, labels: { app: "a" } },
      spec: {
        containers: [
          {
            image: "a:1",
            imagePullPolicy: "IfNotPresent",
            name: "a",
            resources: {},
            terminationMessagePath: "/dev/termination-log",
            terminationMessagePolicy: "File",
          },
        ],
        dnsPolicy: "ClusterFirst",
        restartPolicy: "Always",
        schedulerName: "default-scheduler",
        securityContext: {},
        terminationGracePeriodSeconds: 30,
      },
    },
  });
});

test("an image without a tag, or tagged latest, is always pulled", () => {
  const policyOf = (image: string): unknown => {
    const { spec } = defaulted("pods", { spec: { containers: [{ name: "a", image }] } });
    return (spec as { containers: { imagePullPolicy: string }[] }).containers[0]?.imagePullPolicy;
  };
  for (const image of ["a", "a:latest", "host:5000/a"])
    assert.equal(policyOf(image), "Always", image);
  for (const image of ["a:1", "host:5000/a:1", "a@sha256:00"])
    assert.equal(policyOf(image), "IfNotPresent", image);
});

test("a limit without a request asks for as much", () => {
  const resourcesOf = { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m" } };
  const { spec } = defaulted("pods", {
    spec: { containers: [{ name: "a", image: "a", resources: resourcesOf }] },
  });
  const [container] = (spec as { containers: { resources: unknown }[] }).containers;
  assert.deepEqual(container?.resources, {
    limits: { cpu: "1", memory: "1Gi" },
    requests: { cpu: "100m", memory: "1Gi" },
  });
});

test("a port of a Service leads to the same port of its pods", () => {
  const { spec } = defaulted("services", { spec: { ports: [{ port: 80 }] } });
  const { ports, type } = spec as { ports: unknown; type: string };
  assert.deepEqual(ports, [{ port: 80, protocol: "TCP", targetPort: 80 }]);
  assert.equal(type, "ClusterIP");
});

test("what a Secret is given as text is kept as base64", () => {
  const { data, stringData, type } = defaulted("secrets", {
    stringData: { a: "text" },
    data: { b: "eA==" },
  });
  assert.deepEqual(
    { data, stringData, type },
    {
      data: { a: "dGV4dA==", b: "eA==" },
      stringData: undefined,
      type: "Opaque",
    },
  );
});

test("what is there already is not defaulted again", () => {
  const once = defaulted("cronjobs", {
    spec: {
      schedule: "* * * * *",
      jobTemplate: { spec: { template: { spec: { containers: [] } } } },
    },
  });
  assert.deepEqual(defaulted("cronjobs", { spec: once["spec"] })["spec"], once["spec"]);
});

test("a workload must select the pods of its own template", () => {
  const template = { metadata: { labels: { app: "b" } } };
  assert.match(
    refusals("deployments", { spec: { selector: { matchLabels: { app: "a" } }, template } })[0] ??
      "",
    /spec\.template\.metadata\.labels: .*`selector` does not match template `labels`/,
  );
});

test("a workload's selector may not change", () => {
  const spec = (app: string): object => ({ spec: { selector: { matchLabels: { app } } } });
  assert.deepEqual(refusals("deployments", spec("b"), spec("a")), [
    "spec.selector: Invalid value: field is immutable",
  ]);
});

test("of a pod's spec only images, deadlines and tolerations may change", () => {
  const pod = (fields: object, more: object = {}): object => ({
    spec: { containers: [{ name: "a", image: "a", ...fields }], ...more },
  });
  assert.deepEqual(
    refusals("pods", pod({ image: "b" }, { activeDeadlineSeconds: 5 }), pod({})),
    [],
  );
  assert.match(
    refusals("pods", pod({ command: ["b"] }), pod({}))[0] ?? "",
    /^spec: Forbidden: pod updates/,
  );
});

test("what is immutable keeps its data and stays immutable", () => {
  const old = { immutable: true, data: { a: "1" } };
  assert.deepEqual(refusals("configmaps", old, old), []);
  assert.equal(refusals("configmaps", { immutable: true, data: { a: "2" } }, old).length, 1);
  assert.equal(refusals("configmaps", { data: { a: "1" } }, old).length, 1);
});

test("two containers of a pod have two names", () => {
  const containers = [
    { name: "a", image: "a" },
    { name: "a", image: "b" },
  ];
  assert.deepEqual(refusals("pods", { spec: { containers } }), [
    'spec.containers[1].name: Duplicate value: "a"',
  ]);
});
