import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod } from "../../../src/api/types.generated.ts";
import { containerEnv } from "../../../src/node/core/env.ts";
import { expand } from "../../../src/node/core/expansion.ts";
import { fieldValue, type PodFacts, resourceValue } from "../../../src/node/core/field-ref.ts";
import { commandLine, imageOf } from "../../../src/node/core/image.ts";
import { addressRange, nextAddress } from "../../../src/node/core/pod-address.ts";
import { qosClass } from "../../../src/node/core/qos.ts";
import { projectionsOf, volumeFiles } from "../../../src/node/core/volume-files.ts";

const container: Container = { name: "main", image: "example.com:5000/shop:2" };
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "u1", labels: { b: "2", a: "1" } },
  spec: { containers: [container], nodeName: "burrow" },
};
const facts: PodFacts = {
  pod,
  podIp: "127.64.0.1",
  hostIp: "127.0.0.1",
  allocatable: { cpu: "4" },
};

for (const { text, want } of [
  { text: "$(A)/$(B)", want: "1/$(B)" },
  { text: "$$(A)", want: "$(A)" },
  { text: "$$$(A)", want: "$1" },
  { text: "$A $(", want: "$A $(" },
])
  test(`${text} expands to ${want}`, () => {
    assert.equal(expand(text, { A: "1" }), want);
  });

test("fields of the pod are told, and unknown ones are not", () => {
  assert.equal(fieldValue(facts, "metadata.labels"), 'a="1"\nb="2"');
  assert.equal(fieldValue(facts, "metadata.labels['b']"), "2");
  assert.equal(fieldValue(facts, "status.podIP"), "127.64.0.1");
  assert.equal(fieldValue(facts, "spec.hostname"), undefined);
});

test("a limit that is not set is what the node has", () => {
  assert.equal(resourceValue(facts, container, { resource: "limits.cpu" }), "4");
  assert.equal(resourceValue(facts, container, { resource: "requests.memory" }), "0");
});

test("a resource is told in the unit that is asked for, rounded up", () => {
  const limits = { cpu: "250m", memory: "100Mi" };
  const limited: Container = { ...container, resources: { limits } };
  const of = (resource: string, divisor?: string): string | undefined =>
    resourceValue(facts, limited, { resource, ...(divisor && { divisor }) });
  assert.equal(of("limits.cpu"), "1");
  assert.equal(of("limits.cpu", "1m"), "250");
  assert.equal(of("requests.memory"), "104857600");
  assert.equal(of("limits.memory", "1Mi"), "100");
  assert.equal(of("limits.memory", "1M"), "105");
});

test("what an environment needs and is not there is an error, unless it is optional", () => {
  const ref = { configMapKeyRef: { name: "colors", key: "sky" } };
  const reading = (optional: boolean): Container => ({
    ...container,
    env: [{ name: "SKY", valueFrom: { configMapKeyRef: { ...ref.configMapKeyRef, optional } } }],
  });
  assert.throws(() => containerEnv(reading(false), facts, () => undefined, {}), {
    message: 'configmap "colors" not found',
  });
  assert.throws(() => containerEnv(reading(false), facts, () => ({}), {}), {
    message: "couldn't find key sky in ConfigMap default/colors",
  });
  assert.deepEqual(
    containerEnv(reading(true), facts, () => undefined, {}),
    {},
  );
});

test("an image is found with its tag, without it, by annotation, or not at all", () => {
  const spec = { command: ["shop"] };
  assert.equal(imageOf(pod, container, { "example.com:5000/shop:2": spec }), spec);
  assert.equal(imageOf(pod, container, { "example.com:5000/shop": spec }), spec);
  const annotations = { "warrener.dev/image-command": "node shop.js" };
  const annotated = { ...pod, metadata: { ...pod.metadata, annotations } };
  assert.deepEqual(imageOf(annotated, container, {}).command, ["node", "shop.js"]);
  assert.throws(() => imageOf(pod, container, {}), /stands for no program/);
});

for (const { does, command, args, want } of [
  { does: "alone", want: ["shop", "open"] },
  { does: "with args", args: ["close"], want: ["shop", "close"] },
  { does: "with a command", command: ["sh"], want: ["sh"] },
  { does: "with both", command: ["sh"], args: ["-x"], want: ["sh", "-x"] },
])
  test(`an image ${does} runs ${want.join(" ")}`, () => {
    const given = { ...container, ...(command && { command }), ...(args && { args }) };
    assert.deepEqual(commandLine(given, { command: ["shop"], args: ["open"] }), want);
  });

test("the quality of service follows requests and limits", () => {
  const of = (resources: Container["resources"] = {}): string =>
    qosClass({ containers: [{ ...container, resources }] });
  assert.equal(of(), "BestEffort");
  assert.equal(of({ requests: { cpu: "1" } }), "Burstable");
  assert.equal(
    of({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1000m", memory: "1Gi" } }),
    "Guaranteed",
  );
  assert.equal(of({ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }), "Burstable");
});

test("addresses go round, and leave out the network's own and the broadcast address", () => {
  const range = addressRange("127.64.0.8/30");
  assert.equal(nextAddress(range, new Set(), undefined), "127.64.0.9");
  assert.equal(nextAddress(range, new Set(), "127.64.0.9"), "127.64.0.10");
  assert.equal(nextAddress(range, new Set(), "127.64.0.10"), "127.64.0.9");
  assert.equal(nextAddress(range, new Set(["127.64.0.9", "127.64.0.10"]), undefined), undefined);
  assert.throws(() => addressRange("127.64.0.0"), RangeError);
});

test("a volume has the files that are asked for, and none that leaves it", () => {
  const data = () => ({ index: Buffer.from("hello") });
  const files = (path: string): unknown => {
    const volume = { name: "site", configMap: { name: "pages", items: [{ key: "index", path }] } };
    return volumeFiles(projectionsOf(volume) ?? [], { facts, data, tokens: {} });
  };
  assert.deepEqual(files("html/index"), [
    { path: "html/index", content: Buffer.from("hello"), mode: 0o644 },
  ]);
  assert.throws(() => files("../index"), /invalid path/);
  assert.throws(() => files("/index"), /invalid path/);
});
