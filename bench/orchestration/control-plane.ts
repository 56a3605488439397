// The API server over HTTPS: start, idle cost, creates, reads, watch fan-out, and a real pod from apply to running and from crash to running again.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Api } from "./api.ts";
import { startServer } from "./server-process.ts";
import { row, spread } from "./table.ts";

const { values } = parseArgs({
  options: {
    /** Seconds that each rate is measured. */
    seconds: { type: "string", default: "3" },
    /** Seconds for which nothing is asked, for idle cost. */
    idle: { type: "string", default: "5" },
  },
});
const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";
/** CPU time in /proc/<pid>/stat is counted in these (proc(5), USER_HZ). */
const ticksPerSecond = 100;

const directory = await mkdtemp(join(tmpdir(), "warrener-bench-"));
try {
  await using server = await startServer(directory);
  const { api } = server;
  row("measured", "here", "kube-apiserver 1.20 + etcd, quiet");
  row("---", "---:", "---:");
  row("ready after", `${server.readyMs.toFixed(0)} ms`, "6,900 ms");
  await idle(server.pid);
  await creates(api, 1, "152 to 274/s, p50 3 to 5 ms");
  await creates(api, 16, "523 to 578/s, p50 25 ms, p99 74 to 120 ms");
  await reads(api);
  await fanOut(api, 1, "p50 4.4, p99 13 ms");
  await fanOut(api, 50, "p50 7.6, p99 18 ms");
  await realPod(api);
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function idle(pid: number): Promise<void> {
  await delay(2000);
  const before = await cpuTicks(pid);
  await delay(Number(values.idle) * 1000);
  const share = ((await cpuTicks(pid)) - before) / ticksPerSecond / Number(values.idle);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const memory = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  row("memory, idle", `${memory.toFixed(0)} MiB`, "508 MB in four processes");
  row("CPU, idle, of one core", `${(share * 100).toFixed(1)} %`, "6.2 %");
}

async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function creates(api: Api, clients: number, peer: string): Promise<void> {
  const untilMs = performance.now() + Number(values.seconds) * 1000;
  const latencies: number[] = [];
  const client = async (number: number): Promise<void> => {
    for (let i = 0; performance.now() < untilMs; i += 1) {
      const sentMs = performance.now();
      const metadata = { name: `c${clients}-${number}-${i}` };
      await api.ask("POST", configMaps, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata,
        data: { a: "x".repeat(100) },
      });
      latencies.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  const rate = (latencies.length / Number(values.seconds)).toFixed(0);
  row(
    `creates, ${clients} client${clients === 1 ? "" : "s"}`,
    `${rate}/s, ${spread(latencies)}`,
    peer,
  );
}

async function reads(api: Api): Promise<void> {
  const latencies: number[] = [];
  for (let i = 0; i < 500; i += 1) {
    const sentMs = performance.now();
    await api.ask("GET", `${configMaps}/c1-0-0`);
    latencies.push(performance.now() - sentMs);
  }
  row("get one object", spread(latencies), "p50 1.9, p99 6.9 ms");
}

/** From the POST's departure to the event's arrival at each watcher. */
async function fanOut(api: Api, watchers: number, peer: string): Promise<void> {
  const sent = new Map<string, number>();
  const latencies: number[] = [];
  const rounds = 50;
  const all = Promise.withResolvers<void>();
  const { metadata } = JSON.parse(await api.ask("GET", `${configMaps}?limit=1`)) as {
    metadata: { resourceVersion: string };
  };
  const path = `${configMaps}?watch=true&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=60`;
  for (let i = 0; i < watchers; i += 1)
    await api.watch(path, (line) => {
      const { object } = JSON.parse(line) as { object: { metadata: { name: string } } };
      const sentMs = sent.get(object.metadata.name);
      if (sentMs === undefined) return;
      latencies.push(performance.now() - sentMs);
      if (latencies.length === rounds * watchers) all.resolve();
    });
  for (let i = 0; i < rounds; i += 1) {
    const name = `w${watchers}-${i}`;
    sent.set(name, performance.now());
    await api.ask("POST", configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
    await delay(20);
  }
  await all.promise;
  row(`POST to event, ${watchers} watcher${watchers === 1 ? "" : "s"}`, spread(latencies), peer);
}

interface PodEvent {
  readonly object: {
    readonly metadata: { readonly name: string };
    readonly status?: {
      readonly phase?: string;
      readonly containerStatuses?: readonly {
        readonly containerID?: string;
        readonly restartCount: number;
        readonly state?: { readonly running?: unknown };
      }[];
    };
  };
}

/** `process://<pid>-<start time>` */
function pidIn(containerId = ""): number {
  return Number(/process:\/\/(\d+)/.exec(containerId)?.[1]);
}

async function realPod(api: Api): Promise<void> {
  const toRunning: number[] = [];
  const toAgain: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    const name = `real-${i}`;
    const running = Promise.withResolvers<{ atMs: number; pid: number }>();
    const again = Promise.withResolvers<number>();
    await api.watch(`${pods}?watch=true&fieldSelector=metadata.name%3D${name}`, (line) => {
      const { status } = (JSON.parse(line) as PodEvent).object;
      const [container] = status?.containerStatuses ?? [];
      if (container?.state?.running === undefined) return;
      if (container.restartCount > 0) again.resolve(performance.now());
      else running.resolve({ atMs: performance.now(), pid: pidIn(container.containerID) });
    });
    const main = {
      name: "main",
      image: "warrener/shell",
      command: ["sleep", "100"],
    };
    const sentMs = performance.now();
    await api.ask("POST", pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 0, containers: [main] },
    });
    const { atMs, pid } = await running.promise;
    toRunning.push(atMs - sentMs);
    await delay(100);
    const killedMs = performance.now();
    process.kill(pid, "SIGKILL");
    toAgain.push((await again.promise) - killedMs);
    await api.ask("DELETE", `${pods}/${name}?gracePeriodSeconds=0`);
  }
  row(
    "a pod of one shell, POST to Running",
    spread(toRunning),
    "76 to 297 ms with a kubelet that pretends",
  );
  row("its kill -9 to Running again", spread(toAgain), "PM2 301 ms, with Node's own start");
}
