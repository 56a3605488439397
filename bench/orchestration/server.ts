// The control plane with its node in a process of its own: prints where it is once it is ready, ends with its standard input.
import { join } from "node:path";
import { openAccess } from "@warrener/access";
import { startOrchestration } from "@warrener/orchestration";

const [directory = ""] = process.argv.slice(2);
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
process.stdout.write(
  `${JSON.stringify({ port: orchestration.port, readyMs: performance.now() - startedMs })}\n`,
);
process.stdin.resume().once("end", () => {
  void orchestration.close().then(() => process.exit(0));
});
