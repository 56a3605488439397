// Measures the front door: start, upload and download of a CSV, rows sent with confirms, CPU and memory of the gateway's process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openAccess } from "@warrener/access";
import { startBroker } from "@warrener/messaging";

const { values } = parseArgs({
  options: { rows: { type: "string", default: "200000" }, batch: { type: "string" } },
});
const rows = Number(values.rows);
const script = new URL(
  "../../packages/gateway/test/system/support/gateway-process.ts",
  import.meta.url,
).pathname;

const folder = await mkdtemp(join(tmpdir(), "warrener-bench-"));
const broker = await startBroker({ port: 0 });
const access = await openAccess({ dataDir: folder, shard: "cli" });
const { secret } = access.createToken({ subject: "admin", name: "bench" });
const authorization = `Bearer ${secret}`;

const startedAt = performance.now();
const child = spawn(process.execPath, [script, folder, broker.url], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = (await once(child.stdout, "data")) as [Buffer];
const url = line.toString().trim();
const figures: Record<string, string> = {
  "start (ms)": (performance.now() - startedAt).toFixed(),
  "idle memory (MiB)": memoryMiB().toFixed(),
};

function memoryMiB(): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Runs `work` and notes its rate, its CPU and the highest memory meanwhile. */
async function measure(name: string, unit: string, work: () => Promise<number>): Promise<void> {
  const cpu = cpuSeconds();
  const begun = performance.now();
  let highest = 0;
  const timer = setInterval(() => {
    highest = Math.max(highest, memoryMiB());
  }, 20);
  const amount = await work();
  clearInterval(timer);
  const seconds = (performance.now() - begun) / 1000;
  figures[`${name} (${unit}/s)`] = (amount / seconds).toFixed();
  figures[`${name}, CPU (s)`] = (cpuSeconds() - cpu).toFixed(2);
  figures[`${name}, memory (MiB)`] = highest.toFixed();
}

const header = `${Array.from({ length: 12 }, (_, at) => `column_${at}`).join(",")}\n`;
const row = `${Array.from({ length: 12 }, (_, at) => `value ${at}`).join(",")}\n`;
const block = Buffer.from(row.repeat(1000));
const body = new ReadableStream<Uint8Array>({
  start(controller) {
    controller.enqueue(Buffer.from(header));
    for (let at = 0; at < rows; at += 1000) controller.enqueue(block);
    controller.close();
  },
});

let id = "";
await measure("upload", "MB", async () => {
  const answer = await fetch(`${url}/api/v1/files?name=bench.csv`, {
    method: "POST",
    headers: { authorization },
    body,
    duplex: "half",
  });
  const file = (await answer.json()) as { id: string; bytes: number };
  id = file.id;
  return file.bytes / 1e6;
});
await measure("download", "MB", async () => {
  const answer = await fetch(`${url}/api/v1/files/${id}`, { headers: { authorization } });
  let bytes = 0;
  for await (const chunk of answer.body ?? []) bytes += (chunk as Uint8Array).length;
  return bytes / 1e6;
});
await fetch(`${url}/api/v1/queues/bench`, { method: "PUT", headers: { authorization } });
await measure("send", "rows", async () => {
  const answer = await fetch(`${url}/api/v1/files/${id}/send`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", prefer: "wait" },
    body: JSON.stringify({
      queue: "bench",
      as: "rows",
      ...(values.batch === undefined ? {} : { batch: Number(values.batch) }),
    }),
  });
  const send = (await answer.json()) as { state: string; rowsConfirmed: number };
  if (send.state !== "done" || send.rowsConfirmed !== rows) throw new Error(JSON.stringify(send));
  return send.rowsConfirmed;
});

child.kill("SIGKILL");
await once(child, "close");
await access[Symbol.asyncDispose]();
await broker.close();
await rm(folder, { recursive: true, force: true });
console.table(figures);
