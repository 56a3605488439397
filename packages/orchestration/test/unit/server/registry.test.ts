import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../src/api/built-in.ts";
import type { KubeObject, ObjectMeta } from "../../../src/api/object.ts";
import type { Resource } from "../../../src/api/resource.ts";
import { StatusError } from "../../../src/api/status.ts";
import { Registry, type WatchEvent } from "../../../src/server/registry/registry.ts";
import { MvccStore } from "../../../src/store/mvcc.ts";

const resources = builtInResources();
const start = Date.UTC(2026, 0, 1);

interface World {
  readonly registry: Registry;
  readonly configMaps: Resource;
  readonly deployments: Resource;
  readonly namespaces: Resource;
}

async function world(): Promise<World> {
  let uid = 0;
  const registry = new Registry({
    store: new MvccStore(),
    resources,
    now: () => start,
    newUid: () => `uid-${++uid}`,
    newSuffix: () => "x7k2p",
  });
  const namespaces = registry.resources.get("", "v1", "namespaces");
  await registry.create(namespaces, undefined, object("v1", "Namespace", { name: "default" }));
  return {
    registry,
    namespaces,
    configMaps: registry.resources.get("", "v1", "configmaps"),
    deployments: registry.resources.get("apps", "v1", "deployments"),
  };
}

function object(
  apiVersion: string,
  kind: string,
  metadata: ObjectMeta,
  fields: object = {},
): KubeObject {
  return { apiVersion, kind, metadata, ...fields };
}

function configMap(
  name: string,
  data: Record<string, string> = {},
  more: ObjectMeta = {},
): KubeObject {
  return object("v1", "ConfigMap", { name, ...more }, { data });
}

function deployment(replicas = 1): KubeObject {
  const template = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "web", image: "web:1" }] },
  };
  const spec = { replicas, selector: { matchLabels: { app: "web" } }, template };
  return object("apps/v1", "Deployment", { name: "web" }, { spec, status: { replicas: 9 } });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "it was accepted",
    (cause: unknown) => cause,
  );
  return error instanceof StatusError
    ? `${error.code} ${error.reason}: ${error.message}`
    : String(error);
}

test("a created object has what the server adds, and not the status that the client sent", async () => {
  const { registry, deployments } = await world();
  const { metadata, status } = (await registry.create(
    deployments,
    "default",
    deployment(),
  )) as KubeObject & {
    status?: unknown;
  };
  assert.deepEqual(metadata, {
    name: "web",
    namespace: "default",
    uid: "uid-2",
    creationTimestamp: "2026-01-01T00:00:00Z",
    generation: 1,
    resourceVersion: "2",
  });
  assert.equal(status, undefined);
});

test("generateName is completed by five characters", async () => {
  const { registry, configMaps } = await world();
  const given = object("v1", "ConfigMap", { generateName: "run-" });
  const { metadata } = await registry.create(configMaps, "default", given);
  assert.equal(metadata.name, "run-x7k2p");
});

test("refusals are worded as Kubernetes words them", async () => {
  const { registry, configMaps, deployments } = await world();
  await registry.create(configMaps, "default", configMap("a"));
  const cases: readonly (readonly [Promise<unknown>, string])[] = [
    [registry.get(configMaps, "default", "b"), '404 NotFound: configmaps "b" not found'],
    [registry.get(deployments, "default", "b"), '404 NotFound: deployments.apps "b" not found'],
    [
      registry.create(configMaps, "default", configMap("a")),
      '409 AlreadyExists: configmaps "a" already exists',
    ],
    [
      registry.create(configMaps, "nowhere", configMap("a")),
      '404 NotFound: namespaces "nowhere" not found',
    ],
    [
      registry.create(
        configMaps,
        "default",
        object("v1", "ConfigMap", { name: "b" }, { dato: {} }),
      ),
      '400 BadRequest: ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dato"',
    ],
    [
      registry.update(configMaps, "default", "a", configMap("a", {}, { resourceVersion: "1" })),
      '409 Conflict: Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    ],
  ];
  for (const [work, expected] of cases) assert.equal(await refusal(work), expected);
  assert.match(
    await refusal(registry.create(configMaps, "default", configMap("A_b"))),
    /^422 Invalid: ConfigMap "A_b" is invalid: metadata\.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain/,
  );
});

test("what was refused has changed nothing", async () => {
  const { registry, configMaps } = await world();
  const before = registry.revision;
  await refusal(registry.create(configMaps, "default", configMap("A_b")));
  await refusal(registry.update(configMaps, "default", "missing", configMap("missing")));
  assert.equal(registry.revision, before);
});

test("unknown fields are told as warnings where the client asks for that, and go", async () => {
  const { registry, configMaps } = await world();
  const warnings: string[] = [];
  const given = object("v1", "ConfigMap", { name: "a" }, { dato: {} });
  const made = await registry.create(configMaps, "default", given, {
    fieldValidation: "Warn",
    warn: (text) => warnings.push(text),
  });
  assert.deepEqual(warnings, ['unknown field "dato"']);
  assert.equal("dato" in made, false);
});

test("a dry run answers as if, and stores nothing", async () => {
  const { registry, configMaps } = await world();
  const { metadata } = await registry.create(configMaps, "default", configMap("a"), {
    dryRun: true,
  });
  assert.equal(metadata.name, "a");
  assert.equal(
    await refusal(registry.get(configMaps, "default", "a")),
    '404 NotFound: configmaps "a" not found',
  );
});

test("generation counts changes of the spec, and neither those of the status nor of labels", async () => {
  const { registry, deployments } = await world();
  await registry.create(deployments, "default", deployment());
  const generation = async (work: Promise<KubeObject>): Promise<number | undefined> =>
    (await work).metadata.generation;
  const change = (
    edit: (current: KubeObject) => KubeObject,
    subresource?: "status",
  ): Promise<KubeObject> =>
    registry.change(
      deployments,
      "default",
      "web",
      edit,
      subresource === undefined ? {} : { subresource },
    );
  const withReplicas = (current: KubeObject): KubeObject => ({
    ...current,
    spec: { ...(current["spec"] as object), replicas: 3 },
  });
  assert.equal(
    await generation(change((it) => ({ ...it, metadata: { ...it.metadata, labels: { a: "b" } } }))),
    1,
  );
  assert.equal(await generation(change((it) => ({ ...it, status: { replicas: 1 } }), "status")), 1);
  assert.equal(await generation(change(withReplicas)), 2);
});

test("status and spec are written through their own doors only", async () => {
  const { registry, deployments } = await world();
  await registry.create(deployments, "default", deployment());
  const both = (current: KubeObject): KubeObject => ({
    ...current,
    spec: { ...(current["spec"] as object), replicas: 5 },
    status: { replicas: 4 },
  });
  const viaMain = await registry.change(deployments, "default", "web", both);
  assert.deepEqual(
    [(viaMain["spec"] as { replicas: number }).replicas, viaMain["status"]],
    [5, undefined],
  );
  const viaStatus = await registry.change(
    deployments,
    "default",
    "web",
    (it) => ({ ...both(it), spec: {} }),
    { subresource: "status" },
  );
  assert.deepEqual(
    [(viaStatus["spec"] as { replicas: number }).replicas, viaStatus["status"]],
    [5, { replicas: 4 }],
  );
});

test("a write that changes nothing takes no revision", async () => {
  const { registry, configMaps } = await world();
  const created = await registry.create(configMaps, "default", configMap("a", { x: "1" }));
  const same = await registry.change(configMaps, "default", "a", (current) => current);
  assert.equal(same.metadata.resourceVersion, created.metadata.resourceVersion);
});

test("an object with finalizers is marked, and goes when the last one is taken away", async () => {
  const { registry, configMaps } = await world();
  await registry.create(
    configMaps,
    "default",
    configMap("a", {}, { finalizers: ["example.com/hold"] }),
  );
  const marked = await registry.delete(configMaps, "default", "a");
  assert.equal(marked.isGone, false);
  assert.equal(marked.object.metadata.deletionTimestamp, "2026-01-01T00:00:00Z");
  const released = (it: KubeObject): KubeObject => ({
    ...it,
    metadata: { ...it.metadata, finalizers: [] },
  });
  await registry.change(configMaps, "default", "a", released);
  assert.match(await refusal(registry.get(configMaps, "default", "a")), /^404/);
});

test("foreground and orphan deletion wait for the garbage collector", async () => {
  const { registry, deployments } = await world();
  await registry.create(deployments, "default", deployment());
  const { object: marked } = await registry.delete(deployments, "default", "web", {
    propagationPolicy: "Foreground",
  });
  assert.deepEqual(marked.metadata.finalizers, ["foregroundDeletion"]);
});

test("a deletion may be bound to a uid or a revision", async () => {
  const { registry, configMaps } = await world();
  await registry.create(configMaps, "default", configMap("a"));
  const wrong = registry.delete(configMaps, "default", "a", { preconditions: { uid: "other" } });
  assert.match(
    await refusal(wrong),
    /^409 Conflict: .*Precondition failed: UID in precondition: other, UID in object meta: uid-2/,
  );
});

test("nothing new begins in a namespace that is going", async () => {
  const { registry, configMaps, namespaces } = await world();
  const held = object("v1", "Namespace", { name: "old", finalizers: ["example.com/hold"] });
  await registry.create(namespaces, undefined, held);
  await registry.delete(namespaces, undefined, "old");
  assert.match(
    await refusal(registry.create(configMaps, "old", configMap("a"))),
    /^403 Forbidden: configmaps is forbidden: unable to create new content in namespace old because it is being terminated/,
  );
});

test("a list in pages shows one revision, with what remains", async () => {
  const { registry, configMaps } = await world();
  for (const name of ["a", "b", "c", "d", "e"])
    await registry.create(configMaps, "default", configMap(name));
  const first = await registry.list(configMaps, "default", { limit: 2 });
  assert.equal(first.remainingItemCount, 3);
  await registry.create(configMaps, "default", configMap("aa"));
  await registry.delete(configMaps, "default", "d");
  const names: (string | undefined)[] = first.items.map((item) => item.metadata.name);
  for (let token = first.continue; token !== undefined; ) {
    const page = await registry.list(configMaps, "default", { limit: 2, continue: token });
    assert.equal(page.resourceVersion, first.resourceVersion);
    names.push(...page.items.map((item) => item.metadata.name));
    token = page.continue;
  }
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  assert.equal(
    await refusal(registry.list(configMaps, "default", { continue: "nonsense" })),
    "400 BadRequest: continue key is not valid",
  );
});

test("a page is filled with what a selector picks", async () => {
  const { registry, configMaps } = await world();
  for (const name of ["a", "b", "c", "d", "e"])
    await registry.create(
      configMaps,
      "default",
      configMap(name, { odd: String("ace".includes(name)) }),
    );
  const matches = (it: KubeObject): boolean => (it["data"] as { odd: string }).odd === "true";
  const first = await registry.list(configMaps, "default", { limit: 2, matches });
  assert.deepEqual(
    first.items.map((item) => item.metadata.name),
    ["a", "c"],
  );
  assert.equal(first.remainingItemCount, undefined);
  const rest = await registry.list(configMaps, "default", {
    limit: 2,
    matches,
    continue: first.continue as string,
  });
  assert.deepEqual(
    [rest.items.map((item) => item.metadata.name), rest.continue],
    [["e"], undefined],
  );
});

test("a watcher sees an object come and go as it begins and stops to match", async () => {
  const { registry, configMaps } = await world();
  const events: string[] = [];
  const isLabelled = (it: KubeObject): boolean => it.metadata.labels?.["watch"] === "yes";
  const tell = ({ type, object: it }: WatchEvent): void => {
    events.push(`${type} ${it.metadata.name} ${it.metadata.resourceVersion}`);
  };
  const stop = registry.watch(configMaps, "default", registry.revision, isLabelled, tell);
  const labelled = (value: string) => (it: KubeObject) => ({
    ...it,
    metadata: { ...it.metadata, labels: { watch: value } },
  });
  await registry.create(configMaps, "default", configMap("a"));
  for (const value of ["yes", "no", "yes"])
    await registry.change(configMaps, "default", "a", labelled(value));
  await registry.change(configMaps, "default", "a", (it) => ({ ...it, data: { x: "1" } }));
  await registry.delete(configMaps, "default", "a");
  stop();
  assert.deepEqual(events, [
    "ADDED a 3",
    "DELETED a 4",
    "ADDED a 5",
    "MODIFIED a 6",
    "DELETED a 7",
  ]);
});

test("a writer without a resourceVersion tries again when another was quicker", async () => {
  const { registry, configMaps } = await world();
  await registry.create(configMaps, "default", configMap("a"));
  const add = (key: string) => (it: KubeObject) => {
    const { resourceVersion: _, ...metadata } = it.metadata;
    return { ...it, metadata, data: { ...(it["data"] as object), [key]: "1" } };
  };
  await Promise.all(
    ["x", "y", "z"].map((key) => registry.change(configMaps, "default", "a", add(key))),
  );
  const { data } = (await registry.get(configMaps, "default", "a")) as KubeObject & {
    data: object;
  };
  assert.deepEqual(Object.keys(data).toSorted(), ["x", "y", "z"]);
});

test("scheduling gates are taken off a pod one by one, and none is added", async () => {
  const { registry } = await world();
  const pods = registry.resources.get("", "v1", "pods");
  const gated = (...names: readonly string[]): KubeObject =>
    object(
      "v1",
      "Pod",
      { name: "p" },
      {
        spec: {
          containers: [{ name: "main", image: "web:1" }],
          schedulingGates: names.map((name) => ({ name })),
        },
      },
    );
  await registry.create(pods, "default", gated("a", "b"));
  await registry.update(pods, "default", "p", gated("b"));
  assert.match(
    await refusal(registry.update(pods, "default", "p", gated("b", "c"))),
    /^422 Invalid: .*only deletion is allowed, but found new scheduling gate/,
  );
});

test("a new pod waits, and has its class of service", async () => {
  const { registry } = await world();
  const pods = registry.resources.get("", "v1", "pods");
  const resources = { limits: { cpu: "1", memory: "1Gi" } };
  const spec = { containers: [{ name: "main", image: "web:1", resources }] };
  const pod = await registry.create(
    pods,
    "default",
    object("v1", "Pod", { name: "p" }, { spec, status: { phase: "Running" } }),
  );
  assert.deepEqual(pod["status"], { phase: "Pending", qosClass: "Guaranteed" });
});

test("a pod with a node is given its grace before it goes, and a deletion can be made shorter", async () => {
  const { registry } = await world();
  const pods = registry.resources.get("", "v1", "pods");
  const spec = { nodeName: "n", containers: [{ name: "main", image: "web:1" }] };
  await registry.create(pods, "default", object("v1", "Pod", { name: "p" }, { spec }));
  const marked = await registry.delete(pods, "default", "p");
  assert.equal(marked.isGone, false);
  assert.equal(marked.object.metadata.deletionGracePeriodSeconds, 30);
  const longer = await registry.delete(pods, "default", "p", { gracePeriodSeconds: 60 });
  assert.equal(longer.object.metadata.deletionGracePeriodSeconds, 30);
  assert.equal(
    (await registry.delete(pods, "default", "p", { gracePeriodSeconds: 0 })).isGone,
    true,
  );
});
