// A queue from which nobody consumes gets a message: how long until a worker is there, and until it has done it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, parseEnv } from "node:util";
import { createProducer } from "@warrener/messaging";
import amqplib from "amqplib";
import { parse } from "yaml";
import { Api } from "./api.ts";
import { row, spread } from "./table.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const root = new URL("../../", import.meta.url).pathname;
const apps = "/apis/apps/v1/namespaces/default/deployments";
const scaledObjects = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects";

interface DeploymentEvent {
  readonly object: {
    readonly spec: { readonly replicas: number };
    readonly status?: { readonly readyReplicas?: number; readonly replicas?: number };
  };
}

const data = await mkdtemp(join(tmpdir(), "warrener-bench-"));
const ports = ["--port", "--broker-port", "--metrics-port", "--kubernetes-port"];
const program = join(root, "packages/warrener/bin/warrener.js");
const up = spawn(
  process.execPath,
  [program, "up", "--data", data, ...ports.flatMap((flag) => [flag, "0"])],
  { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
);
try {
  await once(up.stdout, "data");
  const api = await Api.open(join(data, "kubeconfig"));
  const { AMQP_URL = "" } = parseEnv(await readFile(join(data, "dev.env"), "utf8"));
  await api.ask("POST", apps, await manifest("workers.yaml"));
  let look: (event: DeploymentEvent["object"]) => void = () => undefined;
  let last: DeploymentEvent["object"] | undefined;
  await api.watch(
    `${apps}?watch=true&fieldSelector=metadata.name%3Dvisits&timeoutSeconds=600`,
    (line) => {
      last = (JSON.parse(line) as DeploymentEvent).object;
      look(last);
    },
  );
  const when = (isSo: (deployment: DeploymentEvent["object"]) => boolean): Promise<number> =>
    new Promise((resolve) => {
      look = (deployment) => {
        if (isSo(deployment)) resolve(performance.now());
      };
      if (last !== undefined) look(last);
    });
  const connection = await amqplib.connect(AMQP_URL);
  await (await connection.createChannel()).assertQueue("visits");
  await connection.close();
  await api.ask("POST", scaledObjects, await manifest("scaled.yaml"));
  const asked: number[] = [];
  const ready: number[] = [];
  await using producer = createProducer({ url: AMQP_URL, queue: "visits" });
  for (let i = 0; i < Number(values.rounds); i += 1) {
    await when(({ spec, status }) => spec.replicas === 0 && (status?.replicas ?? 0) === 0);
    const sentMs = performance.now();
    await producer.send({ district: "North", children: 3 });
    asked.push((await when(({ spec }) => spec.replicas > 0)) - sentMs);
    ready.push((await when(({ status }) => (status?.readyReplicas ?? 0) > 0)) - sentMs);
  }
  row("a message for a queue that nobody reads", "here", "KEDA's default");
  row("---", "---:", "---:");
  row("until a worker is asked for", spread(asked), "polled each 30 s");
  row("until it is ready, with Node's own start", spread(ready), "");
  api.close();
} finally {
  const gone = once(up, "exit");
  up.kill("SIGTERM");
  await gone;
  await rm(data, { recursive: true, force: true });
}

async function manifest(name: string): Promise<unknown> {
  return parse(await readFile(join(root, "examples/visits", name), "utf8"));
}
