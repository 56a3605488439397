// The control plane with its node in a process of its own: prints where it is once it is ready, ends with its standard input.
// A number as second argument adds that many nodes whose containers only pretend.
import { join } from "node:path";
import { openAccess } from "@warrener/access";
import { startOrchestration } from "@warrener/orchestration";
import { systemClock } from "../../packages/orchestration/src/clock.ts";
import { startNodeAgent } from "../../packages/orchestration/src/node/edge/node-agent.ts";
import { fakeRuntime } from "../../packages/orchestration/src/node/fake-runtime.ts";

const [directory = "", pretending = "0"] = process.argv.slice(2);
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const startedMs = performance.now();
const access = await openAccess({ dataDir: directory, shard: "control-plane" });
const orchestration = await startOrchestration({
  directory: join(directory, "control-plane"),
  nodeDirectory: join(directory, "node"),
  nodeName: "bench",
  kubeconfigFile: join(directory, "kubeconfig"),
  port: 0,
  guard: access,
  images: {},
  log: quiet,
});
const readyMs = performance.now() - startedMs;
for (let i = 0; i < Number(pretending); i += 1) await startPretender(i);
process.stdout.write(`${JSON.stringify({ port: orchestration.port, readyMs })}\n`);
process.stdin.resume().once("end", () => {
  void orchestration.close().then(() => process.exit(0));
});

async function startPretender(number: number): Promise<void> {
  await startNodeAgent({
    client: orchestration.client,
    clock: systemClock,
    log: quiet,
    name: `pretender-${number}`,
    directory: join(directory, "pretenders", String(number)),
    images: {},
    labels: { "warrener.dev/pretender": "true" },
    capacity: { cpu: "8", memory: "16Gi", pods: "110" },
    podAddresses: `127.${70 + Math.floor(number / 256)}.${number % 256}.0/24`,
    runtime: fakeRuntime(systemClock),
  });
}
