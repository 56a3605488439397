import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, watch } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { kinds } from "../../../src/api/kinds.ts";
import type { Node, Pod, ServiceAccount } from "../../../src/api/types.generated.ts";
import { timestamp } from "../../../src/clock.ts";
import { withUnknownConditions } from "../../../src/controllers/node-lifecycle/health.ts";
import { type FakeRuntime, fakeRuntime } from "../../../src/node/fake-runtime.ts";
import { conditionOf, containerOf, NodeWorld, nodeName } from "../../fixtures/node-world.ts";
import { TestClock } from "../../fixtures/test-clock.ts";

interface Hollow {
  readonly clock: TestClock;
  readonly runtime: FakeRuntime;
  readonly world: NodeWorld;
}

/** An agent whose containers only pretend, at a time that stands still. */
async function hollow(
  use: (hollow: Hollow) => Promise<void>,
  altered: (runtime: FakeRuntime) => Partial<FakeRuntime> = () => ({}),
): Promise<void> {
  const clock = new TestClock();
  const pretending = fakeRuntime(clock);
  const runtime = { ...pretending, ...altered(pretending) };
  const directory = await mkdtemp(join(tmpdir(), "node-hollow-"));
  {
    await using world = await NodeWorld.start({ clock, runtime, directory });
    await use({ clock, runtime, world });
  }
  await rm(directory, { recursive: true, force: true });
}

const keyOf = (pod: Pod): string =>
  `${pod.metadata.uid}/main/${containerOf(pod)?.restartCount ?? 0}`;

test("back-off waits as long as it says, and not a moment less", () =>
  hollow(async ({ clock, runtime, world }) => {
    const running = (restartCount: number) =>
      world.podUntil("loop", (pod) => {
        const status = containerOf(pod);
        return status?.restartCount === restartCount && status.state?.running !== undefined;
      });
    await world.run("loop", [{}]);
    runtime.end(keyOf(await running(0)), 1);
    runtime.end(keyOf(await running(1)), 1);
    await world.podUntil(
      "loop",
      (pod) => containerOf(pod)?.state?.waiting?.reason === "CrashLoopBackOff",
    );
    await clock.advance(999);
    assert.equal(runtime.running.size, 0);
    await clock.advance(1);
    await running(2);
    assert.equal(runtime.running.size, 1);
  }));

test("the lease is renewed every three seconds", () =>
  hollow(async ({ clock, world }) => {
    const renewed = async (): Promise<string | undefined> =>
      (await world.client.get(kinds.leases, "kube-node-lease", nodeName)).spec.renewTime;
    assert.equal(await renewed(), "2026-01-01T00:00:00.000000Z");
    await clock.advance(3000);
    await nextTurn();
    assert.equal(await renewed(), "2026-01-01T00:00:03.000000Z");
  }));

test("a pod that has ended in another life of its node is not run again", () =>
  hollow(async ({ runtime, world }) => {
    await world.agent.stop({ pods: "leave" });
    const ended = await world.run("ended", [{}]);
    await world.client.updateStatus(kinds.pods, { ...ended, status: { phase: "Succeeded" } });
    await world.startAgent();
    await world.run("other", [{}]);
    await world.phase("other", "Running");
    assert.equal(runtime.running.size, 1);
  }));

const ready = ({ status }: Node): string | undefined =>
  status?.conditions?.find(({ type }) => type === "Ready")?.status;

test("a node that was taken for lost is ready again with its next beat", () =>
  hollow(async ({ clock, world }) => {
    const node = await world.client.get(kinds.nodes, undefined, nodeName);
    const lost = withUnknownConditions(node, timestamp(clock.nowMs()));
    assert.equal(ready(await world.client.updateStatus(kinds.nodes, lost)), "Unknown");
    await clock.advance(2999);
    assert.equal(ready(await world.client.get(kinds.nodes, undefined, nodeName)), "Unknown");
    await clock.advance(1);
    const back = await world.until(kinds.nodes, nodeName, (each) => ready(each) === "True");
    const transition = back.status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(transition?.lastTransitionTime, "2026-01-01T00:00:03Z");
  }));

test("a node that was deleted is registered again with its next beat, and its lease with it", () =>
  hollow(async ({ clock, world }) => {
    const before = await world.client.get(kinds.nodes, undefined, nodeName);
    await world.client.delete(kinds.nodes, undefined, nodeName);
    await world.client.delete(kinds.leases, "kube-node-lease", nodeName);
    await clock.advance(3000);
    const after = await world.until(kinds.nodes, nodeName, (each) => ready(each) === "True");
    assert.notEqual(after.metadata.uid, before.metadata.uid);
    await clock.advance(3000);
    const lease = await world.until(kinds.leases, nodeName, () => true);
    assert.equal(lease.metadata.ownerReferences?.[0]?.uid, after.metadata.uid);
  }));

test("a healthy node's status is not written again for five minutes", () =>
  hollow(async ({ clock, world }) => {
    const version = async (): Promise<string | undefined> =>
      (await world.client.get(kinds.nodes, undefined, nodeName)).metadata.resourceVersion;
    const before = await version();
    await clock.advance(297_000);
    await nextTurn();
    assert.equal(await version(), before);
    await clock.advance(3000);
    await nextTurn();
    assert.notEqual(await version(), before);
  }));

/** What the node lifecycle controller writes when a node is lost. */
async function markNotReady(world: NodeWorld, pod: Pod): Promise<void> {
  const conditions = (pod.status?.conditions ?? []).map((each) =>
    each.type === "Ready" ? { ...each, status: "False" } : each,
  );
  await world.client.updateStatus(kinds.pods, { ...pod, status: { ...pod.status, conditions } });
}

const isPodReady = (pod: Pod): boolean => conditionOf(pod, "Ready") === "True";

test("a pod that was marked as not ready because its node was lost is ready again", () =>
  hollow(async ({ world }) => {
    await world.run("web", [{}]);
    await markNotReady(world, await world.podUntil("web", isPodReady));
    await world.podUntil("web", isPodReady);
  }));

test("a pod that was marked as not ready while its agent was away is ready when the agent is back", () =>
  hollow(async ({ runtime, world }) => {
    await world.run("web", [{}]);
    const pod = await world.podUntil("web", isPodReady);
    const spec = [...runtime.running.values()];
    assert.equal(spec.length, 1);
    await world.agent.stop({ pods: "leave" });
    await markNotReady(world, pod);
    assert.equal(isPodReady(await world.client.get(kinds.pods, "default", "web")), false);
    await world.startAgent();
    await world.podUntil("web", isPodReady);
  }));

test("a pod whose record cannot be written starts nothing and says why, until it can", () =>
  hollow(async ({ clock, runtime, world }) => {
    await world.run("loop", [{}]);
    const pod = await world.phase("loop", "Running");
    const record = join(world.directory, "pods", pod.metadata.uid ?? "", "pod.jsonl");
    await rm(record);
    for (const blocked of [record, `${record}.new`]) await symlink("/dev/full", blocked);
    runtime.end(keyOf(pod), 1);
    const stuck = await world.podUntil("loop", ({ status }) => status?.reason !== undefined);
    assert.equal(stuck.status?.reason, "NodeWriteFailed");
    assert.match(stuck.status?.message ?? "", /ENOSPC/);
    await clock.advance(1000);
    assert.equal(runtime.running.size, 0);
    await rm(`${record}.new`);
    await clock.advance(1000);
    const after = await world.podUntil("loop", (each) => containerOf(each)?.restartCount === 1);
    assert.equal(after.status?.reason, undefined);
  }));

test("what a pod is told of its limits is said once, whatever agents come and go", () =>
  hollow(async ({ clock, world }) => {
    await world.run("web", [{ resources: { limits: { cpu: "1" } } }]);
    const said = await world.event("web", "LimitsNotEnforced");
    await world.agent.stop({ pods: "leave" });
    await world.startAgent();
    const { metadata } = await world.podUntil("web", isPodReady);
    await world.client.update(kinds.pods, {
      ...(await world.client.get(kinds.pods, "default", "web")),
      metadata: { ...metadata, labels: { changed: "yes" } },
    });
    await clock.advance(1000);
    const { items } = await world.client.list(kinds.events, "default");
    const all = items.filter(({ reason }) => reason === "LimitsNotEnforced");
    assert.deepEqual(
      all.map(({ metadata: { uid }, count }) => [uid, count]),
      [[said.metadata.uid, 1]],
    );
  }));

test("a start that the machine refuses is told as an event, and tried again", () => {
  let refusals = 2;
  const refusing = (runtime: FakeRuntime): Partial<FakeRuntime> => ({
    start: (spec) => {
      refusals -= 1;
      return refusals < 0
        ? runtime.start(spec)
        : Promise.reject(new Error("no more processes (EAGAIN)"));
    },
  });
  return hollow(async ({ clock, world }) => {
    await world.run("web", [{}]);
    const waits = (count: number) => (pod: Pod) =>
      containerOf(pod)?.state?.waiting?.reason === "RunContainerError" && refusals === count;
    const waiting = await world.podUntil("web", waits(1));
    assert.equal(containerOf(waiting)?.state?.waiting?.message, "no more processes (EAGAIN)");
    const { message } = await world.event("web", "Failed");
    assert.equal(message, "Error: no more processes (EAGAIN)");
    await clock.advance(1000);
    assert.equal(refusals, 0);
    await clock.advance(2000);
    const running = await world.phase("web", "Running");
    assert.equal(containerOf(running)?.restartCount, 0);
  }, refusing);
});

test("a container whose image stands for no program starts once its pod says which", () =>
  hollow(async ({ clock, world }) => {
    const pod = await world.run("web", [{ image: "example.com/shop:2" }]);
    const waits = (reason: string) => (each: Pod) =>
      containerOf(each)?.state?.waiting?.reason === reason;
    await world.podUntil("web", waits("ErrImagePull"));
    await clock.advance(1000);
    await world.podUntil("web", waits("ImagePullBackOff"));
    const current = await world.client.get(kinds.pods, "default", "web");
    const annotations = { "warrener.dev/image-command": "sleep 60" };
    const metadata = { ...current.metadata, annotations };
    await world.client.update(kinds.pods, { ...current, metadata });
    await clock.advance(2000);
    const { metadata: after } = await world.phase("web", "Running");
    assert.equal(after.uid, pod.metadata.uid);
  }));

test("a preStop hook that sleeps holds back the end for just as long", () =>
  hollow(async ({ clock, runtime, world }) => {
    const lifecycle = { preStop: { sleep: { seconds: 5 } } };
    await world.run("web", [{ lifecycle }], { terminationGracePeriodSeconds: 30 });
    await world.phase("web", "Running");
    const gone = world.gone("web");
    await world.client.delete(kinds.pods, "default", "web");
    await clock.advance(4999);
    assert.equal(runtime.running.size, 1);
    await clock.advance(1);
    assert.equal(containerOf(await gone)?.state?.terminated?.signal, 15);
  }));

const account: ServiceAccount = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "default", namespace: "default" },
};

/** Of a pod whose token is good for 1000 s. */
async function folderOfToken(world: NodeWorld): Promise<string> {
  await world.client.create(kinds.serviceAccounts, account);
  const serviceAccountToken = { path: "token", expirationSeconds: 1000 };
  const volumes = [{ name: "access", projected: { sources: [{ serviceAccountToken }] } }];
  await world.run("web", [{}], { volumes });
  const { metadata } = await world.phase("web", "Running");
  return join(world.directory, "pods", metadata.uid ?? "", "volumes/access");
}

/** Resolves with the token that takes the place of this one. */
async function otherThan(before: string, folder: string): Promise<string> {
  for await (const _ of watch(folder)) {
    const token = await readFile(join(folder, "token"), "utf8");
    if (token !== before) return token;
  }
  return before;
}

test("a service account's token is a file that the API server accepts, and is renewed before it expires", () =>
  hollow(async ({ clock, world }) => {
    const folder = await folderOfToken(world);
    const token = await readFile(join(folder, "token"), "utf8");
    const user = await world.tokens.verify(token);
    assert.equal(user?.username, "system:serviceaccount:default:default");

    const renewal = otherThan(token, folder);
    await clock.advance(799_999);
    assert.equal(await readFile(join(folder, "token"), "utf8"), token);
    await clock.advance(1);
    const renewed = await renewal;
    await clock.advance(200_001);
    assert.equal(await world.tokens.verify(token), undefined);
    assert.ok(await world.tokens.verify(renewed));
  }));

test("a token that cannot be renewed is asked for again and again", () =>
  hollow(async ({ clock, world }) => {
    const folder = await folderOfToken(world);
    const token = await readFile(join(folder, "token"), "utf8");
    await world.client.delete(kinds.serviceAccounts, "default", "default");
    await clock.advance(800_000);
    assert.match((await world.event("web", "FailedMount")).message ?? "", /"default" not found/);
    await world.client.create(kinds.serviceAccounts, account);
    const renewal = otherThan(token, folder);
    await clock.advance(1000);
    assert.ok(await world.tokens.verify(await renewal));
  }));
