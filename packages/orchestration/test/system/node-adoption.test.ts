import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Pod } from "../../src/api/types.generated.ts";
import { openStore } from "../../src/store/durable-store.ts";
import { containerOf, NodeWorld, pod, sh, shared, silent } from "../fixtures/node-world.ts";

const agentProcess = join(import.meta.dirname, "../fixtures/agent-process.ts");

async function agentWith(directory: string, pods: readonly Pod[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [agentProcess, directory, JSON.stringify(pods)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(text.toString(), "running\n");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Runs `use` over what an agent left that was killed while these pods ran. */
async function afterKill(
  pods: readonly Pod[],
  use: (world: NodeWorld, directory: string) => Promise<void>,
  meanwhile: (directory: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "node-adoption-"));
  try {
    await kill(await agentWith(directory, pods));
    await meanwhile(directory);
    await using store = await openStore(join(directory, "store"), { log: silent });
    await using world = await NodeWorld.start({ store, directory: join(directory, "node") });
    await use(world, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes a line for each line that `go` gets, and ends when told to. */
const worker = (directory: string): string =>
  `echo up; while ! test -e ${directory}/go; do sleep 0.05; done; echo went on; exit 9`;

test("a pod goes on while its agent is dead, and the next one takes it over and sees how it ends", async () => {
  const flag = await mkdtemp(join(tmpdir(), "node-flag-"));
  const { volumes, volumeMounts } = shared(flag);
  const main = sh(worker(flag), { volumeMounts });
  const pods = [pod("survivor", [main], { restartPolicy: "Never", volumes })];
  await afterKill(pods, async (world) => {
    const running = await world.podUntil(
      "survivor",
      (each) => containerOf(each)?.state?.running !== undefined,
    );
    const id = containerOf(running)?.containerID;
    await writeFile(join(flag, "go"), "");
    const ended = containerOf(await world.phase("survivor", "Failed"));
    assert.equal(ended?.state?.terminated?.exitCode, 9);
    assert.equal(ended?.state?.terminated?.containerID, id);
    assert.equal(ended?.restartCount, 0);
    assert.equal(await world.logs("survivor"), "up\nwent on\n");
  });
  await rm(flag, { recursive: true });
});

test("what ended while no agent was there is told with its exit code", async () => {
  const flag = await mkdtemp(join(tmpdir(), "node-flag-"));
  const { volumes, volumeMounts } = shared(flag);
  const main = sh(worker(flag), { volumeMounts });
  const pods = [pod("unseen", [main], { restartPolicy: "Never", volumes })];
  await afterKill(
    pods,
    async (world) => {
      const ended = containerOf(await world.phase("unseen", "Failed"));
      assert.equal(ended?.state?.terminated?.exitCode, 9);
    },
    async (directory) => {
      await writeFile(join(flag, "go"), "");
      await exitWritten(join(directory, "node", "pods"));
    },
  );
  await rm(flag, { recursive: true });
});

test("a pid that now means another process is not taken over", async () => {
  const pods = [pod("recycled", [sh("sleep 60")])];
  await afterKill(
    pods,
    async (world) => {
      const again = containerOf(
        await world.podUntil("recycled", (each) => containerOf(each)?.restartCount === 1),
      );
      assert.equal(again?.lastState?.terminated?.reason, "ContainerStatusUnknown");
    },
    async (directory) => {
      const instance = await instanceFolder(join(directory, "node", "pods"));
      const stat = await readFile(join(instance, "pid"), "latin1");
      const pid = Number.parseInt(stat, 10);
      const fields = stat.trim().split(" ");
      await killSupervisor(instance);
      process.kill(-Number(fields[4]), "SIGKILL");
      // The same number with another start time: this test's own process.
      fields[0] = String(process.pid);
      await writeFile(join(instance, "pid"), `${fields.join(" ")}\n`);
      assert.notEqual(pid, process.pid);
    },
  );
});

test("a pod that was deleted while no agent was there is ended", async () => {
  const pods = [pod("orphan", [sh("sleep 60")])];
  await afterKill(
    pods,
    async (world, directory) => {
      await until(join(directory, "node", "pods"), (names) => names.length === 0);
      await assert.rejects(world.logs("orphan"), /not found/);
    },
    async (directory) => {
      // The API forgets the pod, the node's folder does not.
      await rm(join(directory, "store"), { recursive: true });
    },
  );
});

test("an agent that leaves its pods finds them again", async () => {
  await using world = await NodeWorld.start();
  await world.run("steady", [sh("sleep 60")]);
  const before = await world.phase("steady", "Running");
  await world.agent.stop({ pods: "leave" });
  await world.startAgent();
  assert.equal((await world.exec("steady", ["true"])).code, 0);
  const after = await world.phase("steady", "Running");
  assert.equal(containerOf(after)?.containerID, containerOf(before)?.containerID);
  assert.equal(after.status?.podIP, before.status?.podIP);
});

test("an agent that ends its pods begins them again when it is back", async () => {
  await using world = await NodeWorld.start();
  await world.run("again", [sh("sleep 60")]);
  await world.phase("again", "Running");
  await world.agent.stop({ pods: "terminate" });
  await world.startAgent();
  const pod = await world.podUntil("again", (each) => containerOf(each)?.restartCount === 1);
  assert.equal(containerOf(pod)?.lastState?.terminated?.exitCode, 143);
});

async function instanceFolder(pods: string): Promise<string> {
  const [uid = ""] = await readdir(pods);
  return join(pods, uid, "containers", "main", "0");
}

/** Where it leads no group of its own, as it does beside bare processes. */
async function killSupervisor(instance: string): Promise<void> {
  const text = await readFile(join(instance, "supervisor"), "utf8").catch(() => undefined);
  if (text !== undefined) process.kill((JSON.parse(text) as { pid: number }).pid, "SIGKILL");
}

async function exitWritten(pods: string): Promise<void> {
  const instance = await instanceFolder(pods);
  await until(instance, (names) => names.includes("exit"));
}

/** Looks again at each change of a folder, which another process makes. */
async function until(folder: string, holds: (names: readonly string[]) => boolean): Promise<void> {
  let changed = Promise.withResolvers<void>();
  const watcher = watch(folder, () => changed.resolve());
  try {
    while (!holds(await readdir(folder))) {
      await changed.promise;
      changed = Promise.withResolvers<void>();
    }
  } finally {
    watcher.close();
  }
}
