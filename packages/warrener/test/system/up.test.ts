import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { anyPorts, Running, warrener } from "../fixtures/warrener.ts";

const up = (dataDir?: string): Promise<Running> =>
  Running.start(["up", ...anyPorts], /Next /, dataDir);
const isLinux = process.platform === "linux" ? {} : { skip: "needs /proc" };

/** Process ids of the children of a process. */
function childrenOf(pid: number): { readonly pid: number; readonly command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        if (parent !== pid) return [];
        return [
          {
            pid: Number(name),
            command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " "),
          },
        ];
      } catch {
        return [];
      }
    });
}

test("a first start says where everything is and how to sign in, a second one is short", async () => {
  await using first = await up();
  assert.match(first.stdout, /\/hello#[0-9A-Z]{4}-/);
  assert.ok(
    first.stdout.trim().split("\n").length <= 11,
    "no more than ten lines and an empty one",
  );
  const { mode } = await stat(join(first.dataDir, "dev.env"));
  assert.equal(mode & 0o777, 0o600, "the token is for its owner alone");
  assert.equal(await first.stop(), 0);
  const second = await up(first.dataDir);
  assert.equal(second.stdout.trim().split("\n").length, 3);
  assert.doesNotMatch(second.stdout, /hello#/);
  assert.equal(await second.stop(), 0);
});

test("a first start that failed takes nothing from the next", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-cli-"));
  const taken = ["up", "--port", "0", "--broker-port", String(port), "--metrics-port", "0"];
  assert.equal((await warrener([...taken, "--data", dataDir])).code, 1);
  server.close();
  await using running = await up(dataDir);
  assert.match(running.stdout, /\/hello#[0-9A-Z]{4}-/);
});

test("a service that ends again and again without a word is told, and not waited for", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-cli-"));
  await mkdir(join(dataDir, "run", "broker.json.tmp"), { recursive: true }); // where it would say that it is ready
  const { code, stderr } = await warrener(["up", ...anyPorts, "--data", dataDir]);
  assert.equal(code, 1);
  assert.match(stderr, /broker ended twice and did not say why/);
  assert.match(stderr, /kubectl logs -n warrener-system broker-/);
});

test("a message that is published is listed, and consumed as JSON when piped", async () => {
  await using running = await up();
  const data = ["--data", running.dataDir];
  assert.match((await warrener(["publish", "hello", '{"n":1}', ...data])).stdout, /^confirmed: /);
  const [queue] = (await warrener(["queues", "--json", ...data])).stdout.split("\n");
  assert.deepEqual(JSON.parse(queue as string), {
    queue: "hello",
    ready: 1,
    unacked: 0,
    consumers: 0,
  });
  const consumed = await warrener(["consume", "hello", "--count", "1", ...data]);
  assert.deepEqual((JSON.parse(consumed.stdout) as { body: unknown }).body, { n: 1 });
  assert.match((await warrener(["status", ...data])).stdout, /gateway .*answers\nbroker .*answers/);
});

test("a CSV goes up and leaves as rows, with a summary", async () => {
  await using running = await up();
  const file = join(running.dataDir, "visits.csv");
  await writeFile(file, "district,children\nNorth,3\nSouth,4\nbroken\n");
  const sent = await warrener(["send", file, "--queue", "visits", "--data", running.dataDir]);
  assert.match(
    sent.stdout,
    /visits\.csv → visits: 2 messages confirmed\n {2}1 row could not be sent\n {4}row 3: .*\n {2}journey: http:\/\/127\.0\.0\.1:\d+\/api\/v1\/files\/\S+\/journey\n/,
  );
  const got = await warrener(["consume", "visits", "--count", "2", "--data", running.dataDir]);
  const bodies = got.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { body: unknown }).body);
  assert.deepEqual(bodies, [
    { district: "North", children: "3" },
    { district: "South", children: "4" },
  ]);
});

test("a send that is followed says so where nobody works, and ends when the rows are done", async () => {
  await using running = await up();
  const file = join(running.dataDir, "visits.csv");
  await writeFile(file, "district,children\nNorth,3\nSouth,4\n");
  const send = ["send", file, "--queue", "visits", "--follow"];
  const following = await Running.start(
    send,
    /no worker consumes visits yet: .*\n/,
    running.dataDir,
  );
  const data = ["--data", running.dataDir];
  const [got] = await Promise.all([
    warrener(["consume", "visits", "--count", "2", ...data]),
    following.says(/2 done, 0 dead\n/),
  ]);
  assert.equal(got.code, 0);
});

test("a sign-in link can be opened as it is printed, once", async () => {
  await using running = await up();
  const { stdout } = await warrener(["token", "link", "--data", running.dataDir]);
  const { WARRENER_URL } = await running.environment();
  const link = new URL(stdout.trim());
  assert.equal(`${link.origin}${link.pathname}`, `${WARRENER_URL}/hello`);
  const open = async (): Promise<number> => {
    const body = new URLSearchParams({ code: link.hash.slice(1) });
    return (await fetch(link, { method: "POST", body, redirect: "manual" })).status;
  };
  assert.equal(await open(), 303);
  assert.equal(await open(), 401);
});

/** The process of a service, as it reports itself. */
function servicePid({ dataDir }: Running, name: string): number {
  const report = readFileSync(join(dataDir, "run", `${name}.json`), "utf8");
  return (JSON.parse(report) as { pid: number }).pid;
}

test("a broker that dies is back on its port with what it had confirmed", async () => {
  await using running = await up();
  const data = ["--data", running.dataDir];
  await warrener(["publish", "hello", "kept", ...data]);
  const before = await running.environment();
  process.kill(servicePid(running, "broker"), "SIGKILL");
  await running.says(/broker is back/);
  assert.deepEqual(await running.environment(), before);
  const got = await warrener(["consume", "hello", "--count", "1", ...data]);
  assert.equal((JSON.parse(got.stdout) as { body: unknown }).body, "kept");
});

test(
  "a control plane that is killed leaves its pods running, and the next start takes them over",
  isLinux,
  async () => {
    const first = await up();
    const services = ["broker", "gateway"];
    const pids = services.map((name) => servicePid(first, name));
    const before = await first.environment();
    await warrener(["publish", "hello", "kept", "--data", first.dataDir]);
    await first.kill();
    for (const pid of pids) process.kill(pid, 0);
    await using second = await up(first.dataDir);
    assert.deepEqual(
      services.map((name) => servicePid(second, name)),
      pids,
    );
    assert.deepEqual(await second.environment(), before);
    const got = await warrener(["consume", "hello", "--count", "1", "--data", second.dataDir]);
    assert.equal((JSON.parse(got.stdout) as { body: unknown }).body, "kept");
    assert.equal(await second.stop(), 0);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  },
);

test("Ctrl-C leaves nothing running", isLinux, async () => {
  await using running = await up();
  const children = childrenOf(running.pid);
  assert.equal(children.length, 2);
  assert.equal(await running.stop(), 0);
  for (const { pid } of children) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a token is taken at the doors until it is revoked", async () => {
  await using running = await up();
  const { WARRENER_URL } = await running.environment();
  const data = ["--data", running.dataDir];
  const made = await warrener([
    "token",
    "create",
    "--subject",
    "ci",
    "--role",
    "viewer",
    "--name",
    "build",
    ...data,
  ]);
  const token = made.stdout.trim();
  const ask = (): Promise<Response> =>
    fetch(`${WARRENER_URL}/api/v1/files`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await ask()).status, 200);
  assert.doesNotMatch((await warrener(["token", "list", ...data])).stdout, new RegExp(token));
  const id = /token (\S+) of ci/.exec(made.stderr)?.[1] as string;
  assert.equal((await warrener(["token", "revoke", id, ...data])).stdout, "revoked\n");
  assert.equal((await ask()).status, 401);
});

test("a taken port is named with its holder and the flag that moves it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  try {
    await assert.rejects(
      Running.start(
        ["up", "--port", "0", "--broker-port", String(port), "--metrics-port", "0"],
        /Next /,
      ),
      new RegExp(
        `error: port ${port} is in use(?: by node \\(pid ${process.pid}\\))?\ntry: warrener up --broker-port ${port + 1}`,
      ),
    );
  } finally {
    server.close();
  }
});

test("a folder that is in use is refused", async () => {
  await using running = await up();
  const second = await warrener(["up", ...anyPorts, "--data", running.dataDir]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /error: Warrener runs on .* already \(pid \d+\)\ntry: /);
});

test("the broker alone takes guest only where it was told to", async () => {
  const args = ["broker", "--port", "0", "--metrics-port", "0"];
  await using open = await Running.start([...args, "--allow-guest"], /Who .*guest\/guest/);
  const port = /amqp:\/\/127\.0\.0\.1:(\d+)/.exec(open.stdout)?.[1];
  const { connect } = await import("amqplib");
  await (await connect(`amqp://guest:guest@127.0.0.1:${port}`)).close();
  await using closed = await Running.start(args, /Who /);
  const other = /amqp:\/\/127\.0\.0\.1:(\d+)/.exec(closed.stdout)?.[1];
  await assert.rejects(connect(`amqp://guest:guest@127.0.0.1:${other}`), /ACCESS_REFUSED|403/);
});

for (const { does, args, code, stderr } of [
  {
    does: "an unknown command",
    args: ["publsh"],
    code: 2,
    stderr: /error: unknown command 'publsh'\ntry: publish/,
  },
  {
    does: "an unknown option",
    args: ["up", "--prt", "1"],
    code: 2,
    stderr: /error: unknown option '--prt'\ntry: --port/,
  },
  {
    does: "a port that is none",
    args: ["up", "--port", "x"],
    code: 2,
    stderr: /error: .*'x' is invalid.*whole number\S*/,
  },
  {
    does: "a file that is not there",
    args: ["send", "nope.csv", "--queue", "q"],
    code: 1,
    stderr: /error: there is no file nope.csv\ntry: /,
  },
  {
    does: "a data folder that cannot be made",
    args: ["up", "--data", "/dev/null/x"],
    code: 1,
    stderr: /error: the data folder .* cannot be made: .*\ntry: choose a folder .*--data DIR/,
  },
  {
    does: "a missing argument",
    args: ["consume"],
    code: 2,
    stderr: /error: missing required argument 'queue'\ntry: warrener consume --help/,
  },
  {
    does: "a folder where nothing runs",
    args: ["status", "--data", "/nonexistent"],
    code: 1,
    stderr: /error: no Warrener .*\ntry: warrener up/,
  },
]) {
  test(`${does} ends with what is wrong and what to try`, async () => {
    const ran = await warrener(args);
    assert.equal(ran.code, code);
    assert.match(ran.stderr, stderr);
  });
}

test("consuming from elsewhere without an AMQP address says what is missing", async () => {
  const env = { WARRENER_URL: "http://127.0.0.1:1", WARRENER_TOKEN: "wrn_x", AMQP_URL: "" };
  const ran = await warrener(["consume", "q"], [], env);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /error: .*AMQP_URL is not set\ntry: set AMQP_URL=/);
});

test("an environment variable that is no setting is refused, with those that are", async () => {
  const ran = await warrener(["status"], [], { WARRENER_PROT: "1" });
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /error: WARRENER_PROT means nothing to Warrener\ntry: .*WARRENER_PORT/);
});

test("an older Node.js gets one clear sentence", async () => {
  const older = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})`;
  const ran = await warrener(["--version"], ["--import", older]);
  assert.equal(ran.code, 1);
  assert.match(
    ran.stderr,
    /^error: Warrener needs Node.js 24.12 or newer, and this is 20.20.2\ntry: /,
  );
});

test("every command has help with an example", async () => {
  const commands = [
    ["up"],
    ["send"],
    ["publish"],
    ["consume"],
    ["queues"],
    ["status"],
    ["broker"],
    ["gateway"],
    ["node"],
    ["node", "token"],
  ];
  const token = ["create", "list", "revoke", "link"].map((sub) => ["token", sub]);
  for (const command of [...commands, ...token]) {
    const { code, stdout } = await warrener([...command, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /Examples?:\n {2}(\w+=\S+ )?warrener /);
  }
});
