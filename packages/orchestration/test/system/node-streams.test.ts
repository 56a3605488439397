import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import {
  conditionOf,
  containerOf,
  NodeWorld,
  sh,
  shared,
  textSink,
} from "../fixtures/node-world.ts";

test("logs can be cut to their last lines, to a number of bytes, and told with times", async () => {
  await using world = await NodeWorld.start();
  await world.run("lines", [sh("echo one; echo two >&2; echo three; printf four")], {
    restartPolicy: "Never",
  });
  await world.phase("lines", "Succeeded");
  assert.equal(await world.logs("lines"), "one\ntwo\nthree\nfour");
  assert.equal(await world.logs("lines", { tailLines: 2 }), "three\nfour");
  assert.equal(await world.logs("lines", { tailLines: 0 }), "");
  assert.equal(await world.logs("lines", { limitBytes: 5 }), "one\nt");
  const timed = (await world.logs("lines", { timestamps: true })).split("\n");
  assert.match(timed[2] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three$/);
  assert.equal(await world.logs("lines", { sinceMs: Date.now() + 60_000 }), "");
  assert.equal(await world.logs("lines", { sinceMs: 0 }), "one\ntwo\nthree\nfour");
});

test("logs are followed until the container ends", async () => {
  await using world = await NodeWorld.start();
  const script = "echo first; while ! test -e go; do sleep 0.05; done; echo last";
  const { volumes, volumeMounts } = shared(world.directory);
  await world.run("follow", [sh(script, { workingDir: world.directory, volumeMounts })], {
    volumes,
    restartPolicy: "Never",
  });
  await world.phase("follow", "Running");
  const ref = { namespace: "default", pod: "follow", container: "main" };
  let text = "";
  for await (const chunk of world.agent.streams.logs(
    ref,
    { follow: true },
    new AbortController().signal,
  )) {
    text += Buffer.from(chunk).toString();
    if (text === "first\n") await writeFile(join(world.directory, "go"), "");
  }
  assert.equal(text, "first\nlast\n");
});

test("logs that nobody reads any more stop following", async () => {
  await using world = await NodeWorld.start();
  await world.run("endless", [sh("echo up; sleep 60")]);
  await world.phase("endless", "Running");
  const ref = { namespace: "default", pod: "endless", container: "main" };
  const reader = new AbortController();
  let text = "";
  for await (const chunk of world.agent.streams.logs(ref, { follow: true }, reader.signal)) {
    text += Buffer.from(chunk).toString();
    reader.abort();
  }
  assert.equal(text, "up\n");
});

test("the log of the instance before the last restart is kept", async () => {
  await using world = await NodeWorld.start();
  const script =
    "if test -e second; then echo two; sleep 60; else touch second; echo one; exit 1; fi";
  const { volumes, volumeMounts } = shared(world.directory);
  const main = sh(script, { workingDir: world.directory, volumeMounts });
  await world.run("twice", [main], { volumes });
  await world.podUntil(
    "twice",
    (pod) => containerOf(pod)?.restartCount === 1 && conditionOf(pod, "Ready") === "True",
  );
  assert.equal(await world.logs("twice", { previous: true }), "one\n");
});

test("asking for an instance that never was is a bad request", async () => {
  await using world = await NodeWorld.start();
  await world.run("young", [sh("sleep 60")]);
  await world.phase("young", "Running");
  await assert.rejects(world.logs("young", { previous: true }), {
    reason: "BadRequest",
    message: 'previous terminated container "main" in pod "young" not found',
  });
  await assert.rejects(world.logs("stranger"), { reason: "NotFound" });
  await assert.rejects(world.logs("young", {}, "other"), { reason: "BadRequest" });
});

test("a log that has grown too long is rotated, and read as one", async () => {
  await using world = await NodeWorld.start({ logLimits: { fileBytesMax: 1000, files: 100 } });
  const script = "for i in 1 2 3 4 5 6 7 8 9; do printf '%0300d\\n' $i; sleep 0.1; done";
  await world.run("chatty", [sh(script)], { restartPolicy: "Never" });
  await world.phase("chatty", "Succeeded");
  const lines = (await world.logs("chatty")).trim().split("\n").map(Number);
  assert.deepEqual(lines, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(Number(await world.logs("chatty", { tailLines: 1 })), 9);
});

test("a command runs beside the container, with its environment, and its exit code is told", async () => {
  await using world = await NodeWorld.start();
  await world.run("host", [sh("sleep 60", { env: [{ name: "COLOR", value: "green" }] })]);
  await world.phase("host", "Running");
  const { code, stdout, stderr } = await world.exec("host", [
    "sh",
    "-c",
    "echo $COLOR; echo oh >&2; exit 4",
  ]);
  assert.deepEqual({ code, stdout, stderr }, { code: 4, stdout: "green\n", stderr: "oh\n" });
  await assert.rejects(
    world.exec("host", ["no-such-program"]),
    /executable file not found in \$PATH/,
  );
});

test("a command gets what its client writes, and a terminal where it asks for one", async () => {
  await using world = await NodeWorld.start();
  await world.run("host", [sh("sleep 60")]);
  await world.phase("host", "Running");
  const stdin = new PassThrough();
  const stdout = textSink();
  const ref = { namespace: "default", pod: "host", container: "main" };
  const { signal } = new AbortController();
  const code = world.agent.streams.exec(ref, ["cat"], {
    stdin,
    stdout: stdout.stream,
    tty: false,
    signal,
  });
  stdin.end("through and through");
  assert.equal(await code, 0);
  assert.equal(stdout.text(), "through and through");
  const terminal = await world.exec(
    "host",
    ["sh", "-c", "test -t 0 && echo terminal; exit 3"],
    true,
  );
  assert.deepEqual([terminal.code, terminal.stdout.trim()], [3, "terminal"]);
});

test("a client that goes takes its command with it", async () => {
  await using world = await NodeWorld.start();
  await world.run("host", [sh("sleep 60")]);
  await world.phase("host", "Running");
  const client = new AbortController();
  const stdout = new PassThrough();
  const ref = { namespace: "default", pod: "host", container: "main" };
  const streams = { stdout, tty: false, signal: client.signal };
  const code = world.agent.streams.exec(ref, ["sh", "-c", "echo up; sleep 60"], streams);
  await once(stdout, "data");
  client.abort();
  assert.equal(await code, 137);
});

test("a client that attaches talks to the process itself", async () => {
  await using world = await NodeWorld.start();
  const script = "read -r line; echo got $line; exit 6";
  await world.run("listener", [sh(script, { stdin: true })], { restartPolicy: "Never" });
  await world.phase("listener", "Running");
  const stdin = new PassThrough();
  const stdout = textSink();
  const ref = { namespace: "default", pod: "listener", container: "main" };
  const { signal } = new AbortController();
  const code = world.agent.streams.attach(ref, {
    stdin,
    stdout: stdout.stream,
    tty: false,
    signal,
  });
  stdin.write("carrots\n");
  assert.equal(await code, 6);
  assert.equal(stdout.text(), "got carrots\n");
});

test("a process that reads once sees the end of its input when its client leaves", async () => {
  await using world = await NodeWorld.start();
  await world.run("once", [{ command: ["cat"], stdin: true, stdinOnce: true }], {
    restartPolicy: "Never",
  });
  await world.phase("once", "Running");
  const stdin = new PassThrough();
  const ref = { namespace: "default", pod: "once", container: "main" };
  const { signal } = new AbortController();
  const code = world.agent.streams.attach(ref, { stdin, tty: false, signal });
  stdin.end("all of it\n");
  assert.equal(await code, 0);
  assert.equal(await world.logs("once"), "all of it\n");
});

test("a port that a pod listens on for itself is reached, until nobody listens there", async () => {
  await using world = await NodeWorld.start();
  const script = `const server = require("node:net").createServer((socket) => { socket.end("welcome"); server.close(); });
    server.listen(0, "127.0.0.1", () => console.log(server.address().port, "listens"));
    server.once("close", () => console.log("closed"));
    setInterval(() => undefined, 60_000);`;
  const { volumes, volumeMounts } = shared(dirname(process.execPath));
  await world.run("server", [{ command: [process.execPath, "-e", script], volumeMounts }], {
    volumes,
  });
  const [, port] = /^(\d+) listens$/m.exec(await world.said("server", "listens")) ?? [];
  const ref = { namespace: "default", pod: "server" };
  const connection = await world.agent.streams.portForward(ref, Number(port));
  const [chunk] = (await once(connection, "data")) as [Buffer];
  assert.equal(chunk.toString(), "welcome");
  connection.destroy();
  await world.said("server", "closed");
  await assert.rejects(world.agent.streams.portForward(ref, Number(port)), /ECONNREFUSED/);
});

test("what a container uses is measured", async () => {
  await using world = await NodeWorld.start();
  await world.run("busy", [
    sh("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; sleep 60"),
  ]);
  await world.phase("busy", "Running");
  const ref = { namespace: "default", pod: "busy", container: "main" };
  for await (const _ of world.agent.streams.logs(
    ref,
    { follow: true },
    new AbortController().signal,
  ))
    break;
  const [usage] = world.agent.streams.usage();
  assert.equal(usage?.pod, "busy");
  assert.ok((usage?.containers[0]?.cpuCores ?? 0) > 0);
  assert.ok((usage?.containers[0]?.memoryBytes ?? 0) > 100_000);
  assert.ok(world.agent.streams.nodeUsage().memoryBytes > 0);
});
