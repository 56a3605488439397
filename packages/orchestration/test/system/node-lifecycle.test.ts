import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import {
  conditionOf,
  containerOf,
  NodeWorld,
  nodeName,
  sh,
  shared,
} from "../fixtures/node-world.ts";

test("the node registers itself and holds a lease", async () => {
  await using world = await NodeWorld.start({ labels: { zone: "a" }, capacity: { cpu: "3" } });
  const node = await world.client.get(kinds.nodes, undefined, nodeName);
  assert.equal(node.metadata.labels?.["kubernetes.io/hostname"], nodeName);
  assert.equal(node.metadata.labels?.["zone"], "a");
  assert.equal(node.status?.allocatable?.["cpu"], "3");
  assert.equal(node.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
  const lease = await world.client.get(kinds.leases, "kube-node-lease", nodeName);
  assert.equal(lease.spec.holderIdentity, nodeName);
});

test("a pod runs to completion", async () => {
  await using world = await NodeWorld.start();
  await world.run("once", [sh("echo done")], { restartPolicy: "Never" });
  const pod = await world.phase("once", "Succeeded");
  const { state, restartCount, ready } = containerOf(pod) ?? {};
  assert.equal(state?.terminated?.exitCode, 0);
  assert.equal(state?.terminated?.reason, "Completed");
  assert.match(state?.terminated?.containerID ?? "", /^process:\/\/\d+-\d+$/);
  assert.deepEqual([restartCount, ready, conditionOf(pod, "Ready")], [0, false, "False"]);
  assert.equal(await world.logs("once"), "done\n");
});

test("a running pod has an address of its own, and is ready", async () => {
  await using world = await NodeWorld.start();
  await world.run("one", [sh("sleep 60")]);
  await world.run("two", [sh("sleep 60")]);
  const isReady = (pod: Parameters<typeof conditionOf>[0]): boolean =>
    conditionOf(pod, "Ready") === "True";
  const one = await world.podUntil("one", isReady);
  const two = await world.podUntil("two", isReady);
  assert.equal(one.status?.phase, "Running");
  assert.match(one.status?.podIP ?? "", /^127\.64\./);
  assert.notEqual(one.status?.podIP, two.status?.podIP);
  assert.equal(one.status?.qosClass, "BestEffort");
});

test("a container that keeps ending is started again and again, and says why it waits and until when", async () => {
  await using world = await NodeWorld.start();
  const annotations = { "warrener.dev/restart-backoff": "100ms,60s" };
  await world.run("loop", [sh("echo no luck; exit 7")], {}, { annotations });
  const isWaiting = (restarts: number) => (pod: Parameters<typeof containerOf>[0]) => {
    const status = containerOf(pod);
    return (
      status?.state?.waiting?.reason === "CrashLoopBackOff" && status.restartCount === restarts
    );
  };
  const pod = await world.podUntil("loop", isWaiting(2));
  const status = containerOf(pod);
  assert.match(
    status?.state?.waiting?.message ?? "",
    /^exited 3 times, last with exit code 7 "no luck"; next start at \d\d:\d\d:\d\d \(in 0\.2 s\)$/,
  );
  assert.equal(status?.lastState?.terminated?.exitCode, 7);
  assert.equal(pod.status?.phase, "Running");
  await world.podUntil("loop", isWaiting(3));
  assert.match(
    (await world.event("loop", "BackOff")).message ?? "",
    /^Back-off restarting failed container main in pod loop_default/,
  );
});

test("a failed liveness probe restarts the container and is told as an event", async () => {
  await using world = await NodeWorld.start();
  const livenessProbe = {
    exec: { command: ["/bin/sh", "-c", "exit 1"] },
    periodSeconds: 1,
    failureThreshold: 1,
  };
  await world.run("sick", [sh("sleep 60", { livenessProbe })]);
  const pod = await world.podUntil("sick", (each) => containerOf(each)?.restartCount === 1);
  assert.equal(containerOf(pod)?.lastState?.terminated?.exitCode, 143);
  assert.match((await world.event("sick", "Unhealthy")).message ?? "", /^Liveness probe failed/);
  assert.equal(
    (await world.event("sick", "Killing")).message,
    "Container main failed liveness probe, will be restarted",
  );
});

test("a pod is ready once its readiness probe has succeeded", async () => {
  await using world = await NodeWorld.start();
  const readinessProbe = { exec: { command: ["test", "-e", "ready"] }, periodSeconds: 1 };
  const { volumes, volumeMounts } = shared(world.directory);
  const more = { readinessProbe, workingDir: world.directory, volumeMounts };
  await world.run("slow", [sh("sleep 60", more)], { volumes });
  await world.event("slow", "Unhealthy");
  assert.equal(conditionOf(await world.phase("slow", "Running"), "Ready"), "False");
  await world.exec("slow", ["touch", "ready"]);
  await world.podUntil("slow", (pod) => conditionOf(pod, "Ready") === "True");
});

test("init containers run one after the other, before the others", async () => {
  await using world = await NodeWorld.start();
  const volumes = [{ name: "work", emptyDir: {} }];
  const add = (name: string) => ({ ...sh(`echo ${name} >> $VOLUME_WORK/order`), name });
  const initContainers = [add("first"), add("second")].map((each) => ({
    ...each,
    image: "warrener/shell",
  }));
  await world.run("staged", [sh("cat $VOLUME_WORK/order")], {
    initContainers,
    volumes,
    restartPolicy: "Never",
  });
  const pod = await world.phase("staged", "Succeeded");
  assert.equal(await world.logs("staged"), "first\nsecond\n");
  assert.deepEqual(
    pod.status?.initContainerStatuses?.map(({ ready }) => ready),
    [true, true],
  );
});

test("an init container that fails for good fails the pod", async () => {
  await using world = await NodeWorld.start();
  const initContainers = [{ name: "setup", image: "warrener/shell", command: ["false"] }];
  await world.run("broken", [sh("echo never")], { initContainers, restartPolicy: "Never" });
  const pod = await world.phase("broken", "Failed");
  assert.equal(containerOf(pod, "setup")?.state?.terminated?.exitCode, 1);
  assert.equal(containerOf(pod)?.state?.waiting?.reason, "PodInitializing");
});

test("a sidecar starts before the containers and is ended after them", async () => {
  await using world = await NodeWorld.start();
  const volumes = [{ name: "work", emptyDir: {} }];
  const sidecar = {
    name: "proxy",
    image: "warrener/shell",
    restartPolicy: "Always",
    command: ["/bin/sh", "-c", "touch $VOLUME_WORK/up; sleep 60"],
    startupProbe: {
      exec: { command: ["/bin/sh", "-c", "test -e $VOLUME_WORK/up"] },
      periodSeconds: 1,
    },
  };
  const spec = { initContainers: [sidecar], volumes, restartPolicy: "Never" };
  await world.run("paired", [sh("test -e $VOLUME_WORK/up && echo it is up")], spec);
  const pod = await world.phase("paired", "Succeeded");
  assert.equal(await world.logs("paired"), "it is up\n");
  assert.equal(containerOf(pod, "proxy")?.state?.terminated?.exitCode, 143);
});

test("a deleted pod gets its grace period, then SIGKILL, then its object goes", async () => {
  await using world = await NodeWorld.start();
  await world.run("deaf", [sh("trap '' TERM; echo up; while :; do sleep 1; done")]);
  await world.said("deaf", "up");
  const gone = world.gone("deaf");
  await world.client.delete(kinds.pods, "default", "deaf");
  const last = containerOf(await gone)?.state?.terminated;
  assert.deepEqual([last?.exitCode, last?.signal], [137, 9]);
});

test("a preStop hook runs before SIGTERM", async () => {
  await using world = await NodeWorld.start();
  const preStop = { exec: { command: ["/bin/sh", "-c", "echo farewell > $WORK/hook"] } };
  const script = "trap 'test -e $WORK/hook && exit 5' TERM; echo up; while :; do sleep 0.1; done";
  const env = [{ name: "WORK", value: world.directory }];
  const { volumes, volumeMounts } = shared(world.directory);
  await world.run("polite", [sh(script, { env, lifecycle: { preStop }, volumeMounts })], {
    volumes,
    terminationGracePeriodSeconds: 10,
  });
  await world.said("polite", "up");
  const gone = world.gone("polite");
  await world.client.delete(kinds.pods, "default", "polite");
  assert.equal(containerOf(await gone)?.state?.terminated?.exitCode, 5);
});

test("a pod that runs longer than its deadline is ended and has failed", async () => {
  await using world = await NodeWorld.start();
  await world.run("late", [sh("sleep 60")], { activeDeadlineSeconds: 1, restartPolicy: "Never" });
  const pod = await world.phase("late", "Failed");
  assert.equal(pod.status?.reason, "DeadlineExceeded");
  assert.equal(containerOf(pod)?.state?.terminated?.exitCode, 143);
});

test("a container may say why it ended", async () => {
  await using world = await NodeWorld.start();
  const script = "echo out of carrots > $TERMINATION_LOG; exit 1";
  await world.run("file", [sh(script)], { restartPolicy: "Never" });
  await world.run(
    "log",
    [sh("echo lost; exit 1", { terminationMessagePolicy: "FallbackToLogsOnError" })],
    { restartPolicy: "Never" },
  );
  const message = async (name: string) =>
    containerOf(await world.phase(name, "Failed"))?.state?.terminated?.message;
  assert.equal(await message("file"), "out of carrots\n");
  assert.equal(await message("log"), "lost");
});

test("an image that stands for no program says what to do about it", async () => {
  await using world = await NodeWorld.start();
  await world.run("unknown", [{ image: "example.com/shop:2" }]);
  const pod = await world.podUntil(
    "unknown",
    (each) => containerOf(each)?.state?.waiting?.reason === "ErrImagePull",
  );
  assert.match(containerOf(pod)?.state?.waiting?.message ?? "", /map it under "images:"/);
});

test("an image is the program that it is mapped to, with or without its tag", async () => {
  await using world = await NodeWorld.start({
    images: { "example.com/shop": { command: ["echo", "shop"], args: ["open"] } },
  });
  await world.run("mapped", [{ image: "example.com/shop:2" }], { restartPolicy: "Never" });
  await world.phase("mapped", "Succeeded");
  assert.equal(await world.logs("mapped"), "shop open\n");
});

test("a program that is not there is a start error", async () => {
  await using world = await NodeWorld.start();
  await world.run("missing", [{ command: ["no-such-program"] }], { restartPolicy: "Never" });
  const { terminated } = containerOf(await world.phase("missing", "Failed"))?.state ?? {};
  assert.equal(terminated?.reason, "StartError");
  assert.equal(terminated?.message, 'exec: "no-such-program": executable file not found in $PATH');
});
