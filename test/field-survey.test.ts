// The survey from end to end, on a broker and a gateway as they are, and with a broker that goes away in between.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openAccess } from "@warrener/access";
import { startGateway } from "@warrener/gateway";
import { type Broker, startBroker } from "@warrener/messaging";

const program = fileURLToPath(new URL("../examples/field-survey/run.ts", import.meta.url));

interface House extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  restartBroker(): Promise<void>;
}

async function openHouse(): Promise<House> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "field-survey-"));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const access = opened.use(await openAccess({ dataDir, shard: "gateway" }));
  const { secret: token } = access.createToken({ subject: "admin", name: "test" });
  const start = (port: number): Promise<Broker> =>
    startBroker({ port, dataDir: join(dataDir, "broker"), guard: access });
  let broker = await start(0);
  const { port } = broker;
  opened.defer(() => broker.close());
  const amqpUrl = `amqp://admin:${token}@127.0.0.1:${port}`;
  const gateway = opened.use(await startGateway({ dataDir, access, amqpUrl, port: 0 }));
  const held = opened.move();
  return {
    environment: { WARRENER_URL: gateway.url, WARRENER_TOKEN: token, AMQP_URL: amqpUrl },
    restartBroker: async () => {
      await broker.close();
      broker = await start(port);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function runSurvey(house: House, onSent: () => Promise<void>): Promise<string> {
  const child = spawn(process.execPath, [program, "--rows", "3000"], {
    env: { ...process.env, ...house.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let sent: Promise<void> | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.includes("row by row")) sent ??= onSent();
  });
  const [code] = (await once(child, "close")) as [number | null];
  await sent;
  assert.equal(code, 0, output);
  return output;
}

async function checkResult({ environment }: House, output: string): Promise<void> {
  // 13, 500, 987, 1474, 1961, 2448, 2935
  assert.match(output, / {2}2,993 rows done, 7 dead, /);
  assert.match(output, /row 987 is in field-visits\.dead: latitude: /);
  const [, result] = /Result\s+(\S+)/.exec(output) ?? [];
  const headers = { authorization: `Bearer ${environment["WARRENER_TOKEN"]}` };
  const csv = await (await fetch(String(result), { headers })).text();
  const counts = csv
    .trimEnd()
    .split("\r\n")
    .slice(1)
    .map((line) => Number(line.split(",")[1]));
  assert.equal(counts.length, 8);
  assert.equal(
    counts.reduce((total, count) => total + count, 0),
    2993,
  );
  const [, journey] = /Journey\s+(\S+)/.exec(output) ?? [];
  const { results } = (await (await fetch(String(journey), { headers })).json()) as {
    results: { name: string }[];
  };
  assert.deepEqual(
    results.map(({ name }) => name),
    ["visits-by-district.csv"],
  );
}

test("a survey's rows are done or dead with a reason, and its result is linked to it", async () => {
  await using house = await openHouse();
  await checkResult(house, await runSurvey(house, () => Promise.resolve()));
});

test("a survey ends well although the broker goes away in the middle of it", async () => {
  await using house = await openHouse();
  await checkResult(house, await runSurvey(house, () => house.restartBroker()));
});
