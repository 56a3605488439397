// A node's streams through a tunnel on a real WebSocket, without a node behind them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { StatusError } from "../../src/api/status.ts";
import { systemClock } from "../../src/clock.ts";
import type { NodeStreams } from "../../src/node/node-streams.ts";
import { nodeSide } from "../../src/tunnel/edge/node-side.ts";
import { serverSide } from "../../src/tunnel/edge/server-side.ts";
import { Tunnel } from "../../src/tunnel/edge/tunnel.ts";
import { NodeTunnel } from "../../src/tunnel/index.ts";
import { textSink } from "../fixtures/node-world.ts";
import { silent } from "../fixtures/silent.ts";
import { TellingClock } from "../fixtures/telling-clock.ts";
import { TestClock } from "../fixtures/test-clock.ts";

const ref = { namespace: "default", pod: "web", container: "main" };
const figures = { atMs: 1, windowMs: 1, cpuCores: 0.5, memoryBytes: 7 };

function node(more: Partial<NodeStreams>): NodeStreams {
  const nothing = (): never => assert.fail("nobody asks for this");
  return {
    logs: nothing,
    exec: nothing,
    attach: nothing,
    portForward: nothing,
    usage: () => [],
    nodeUsage: () => figures,
    ...more,
  };
}

/** A node's streams, as the API server has them; `cut` ends the connection as a broken wire would. */
async function tunnelled(
  t: TestContext,
  streams: Partial<NodeStreams>,
): Promise<{ readonly far: NodeStreams; readonly cut: () => void }> {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const accepted = once(sockets, "connection");
  const dialled = new WebSocket(`ws://127.0.0.1:${port}`);
  dialled.once(
    "open",
    () => new Tunnel(dialled, systemClock, nodeSide(node(streams), systemClock)),
  );
  const [socket] = (await accepted) as [WebSocket];
  t.after(() => {
    socket.terminate();
    dialled.terminate();
    http.close();
  });
  const tunnel = new Tunnel(socket, systemClock, (stream) => stream.refuse(new Error("no")));
  return { far: await serverSide(tunnel), cut: () => socket.terminate() };
}

test("figures are there from the beginning", async (t) => {
  const { far } = await tunnelled(t, {});
  assert.deepEqual([far.usage(), far.nodeUsage()], [[], figures]);
});

test("a log is read no faster than its reader takes it, while others go on", async (t) => {
  const chunk = Buffer.alloc(64 * 1024);
  let made = 0;
  const stalled = Promise.withResolvers<void>();
  const { far } = await tunnelled(t, {
    async *logs({ container }) {
      for (; container === "main" && made < 1000; made += 1) {
        yield chunk;
        setImmediate(() => made < 1000 && stalled.resolve());
      }
      if (container !== "main") yield Buffer.from("quick");
    },
  });
  const { signal } = new AbortController();
  const slow = far.logs(ref, {}, signal)[Symbol.asyncIterator]();
  await slow.next();
  await stalled.promise;
  const quick = far.logs({ ...ref, container: "other" }, {}, signal);
  assert.equal(await text(quick), "quick");
  assert.ok(made < 100, `${made} chunks were read for a reader that took one`);
  let bytes = chunk.length;
  for (let step = await slow.next(); step.done !== true; step = await slow.next())
    bytes += step.value.length;
  assert.equal(bytes, 1000 * chunk.length);
});

test("a reader that leaves is told to the node", async (t) => {
  const left = Promise.withResolvers<void>();
  const { far } = await tunnelled(t, {
    async *logs(_, __, signal) {
      yield Buffer.from("line");
      await once(signal, "abort");
      left.resolve();
    },
  });
  const reader = new AbortController();
  for await (const chunk of far.logs(ref, { follow: true }, reader.signal)) {
    assert.equal(Buffer.from(chunk).toString(), "line");
    reader.abort();
  }
  await left.promise;
});

test("a refusal arrives as the node said it", async (t) => {
  const refusal = new StatusError("BadRequest", "container main has not started", { name: "web" });
  const refuse = (): never => {
    throw refusal;
  };
  const { far } = await tunnelled(t, {
    async *logs() {
      yield refuse();
    },
    exec: async () => refuse(),
    portForward: async () => refuse(),
  });
  const { signal } = new AbortController();
  const same = (error: unknown): boolean => {
    assert.ok(error instanceof StatusError);
    assert.deepEqual(error.status, refusal.status);
    return true;
  };
  await assert.rejects(text(far.logs(ref, {}, signal)), same);
  await assert.rejects(far.exec(ref, ["true"], { tty: false, signal }), same);
  await assert.rejects(far.portForward(ref, 80), same);
});

test("a process has its streams, its terminal's sizes and its exit code", async (t) => {
  const { far } = await tunnelled(t, {
    async exec(_, command, { stdin, stdout, stderr, tty, onResize }) {
      const size = await new Promise<object>((resolve) => onResize?.(resolve));
      stderr?.write(JSON.stringify({ command, tty, size }));
      assert.ok(stdin && stdout);
      for await (const chunk of stdin) if (!stdout.write(chunk)) await once(stdout, "drain");
      return 7;
    },
  });
  const stdin = new PassThrough();
  const [stdout, stderr] = [textSink(), textSink()];
  const size = { width: 80, height: 24 };
  const code = far.exec(ref, ["cat", "-"], {
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    tty: false,
    onResize: (listener) => listener(size),
    signal: new AbortController().signal,
  });
  const input = "y".repeat(1_000_000);
  stdin.end(input);
  assert.equal(await code, 7);
  assert.equal(stdout.text(), input);
  assert.deepEqual(JSON.parse(stderr.text()), { command: ["cat", "-"], tty: false, size });
});

test("a client that leaves a process is told to the node", async (t) => {
  const begun = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { far } = await tunnelled(t, {
    async attach(_, { signal }) {
      begun.resolve();
      await once(signal, "abort");
      left.resolve();
      return 0;
    },
  });
  const client = new AbortController();
  const attached = far.attach(ref, { tty: false, signal: client.signal });
  await begun.promise;
  client.abort();
  await left.promise;
  assert.equal(await attached, 0);
});

test("a forwarded port carries both directions, each to its own end", async (t) => {
  const { far } = await tunnelled(t, {
    async portForward(_, port) {
      const echo = new PassThrough();
      echo.write(`${port}:`);
      return echo;
    },
  });
  const connection: Duplex = await far.portForward(ref, 8080);
  connection.end("hello");
  assert.equal(await text(connection), "8080:hello");
});

test("when the connection breaks, everything on it fails at once, and nothing new begins", async (t) => {
  const begun = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const { far, cut } = await tunnelled(t, {
    async exec(_, __, { signal }) {
      begun.resolve();
      await once(signal, "abort");
      gone.resolve();
      return 0;
    },
  });
  const { signal } = new AbortController();
  const running = far.exec(ref, ["sleep", "9"], { tty: false, signal });
  await begun.promise;
  cut();
  await assert.rejects(running, { reason: "ServiceUnavailable" });
  await gone.promise;
  await assert.rejects(far.portForward(ref, 80), { reason: "ServiceUnavailable" });
});

test("a node opens its tunnel again when it is lost, ever more slowly while nobody answers", async (t) => {
  const clock = new TellingClock();
  const sockets = new WebSocketServer({ noServer: true });
  const http = createServer();
  let isUp = true;
  http.on("upgrade", (request, socket, head) => {
    if (isUp) sockets.handleUpgrade(request, socket, head, (it) => sockets.emit("connection", it));
    else socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const opened = once(sockets, "connection");
  const tunnel = new NodeTunnel({
    server: `http://127.0.0.1:${port}`,
    authority: "",
    credentials: { token: "t" },
    name: "afar",
    streams: node({}),
    clock,
    log: silent,
  });
  t.after(() => {
    tunnel.stop();
    http.close();
  });
  const [first] = (await opened) as [WebSocket];
  isUp = false;
  const lost = clock.waits(500);
  first.terminate();
  await lost;
  for (const ms of [500, 1000, 2000]) {
    const again = clock.waits(ms * 2);
    await clock.advance(ms);
    await again;
  }
  isUp = true;
  const reopened = once(sockets, "connection");
  await clock.advance(4000);
  const [second] = (await reopened) as [WebSocket];
  const far = await serverSide(
    new Tunnel(second, clock, (stream) => stream.refuse(new Error("no"))),
  );
  assert.deepEqual(far.nodeUsage(), figures);
});

test("a connection that has gone silent is given up", async (t) => {
  const clock = new TestClock();
  const gone = Promise.withResolvers<void>();
  const http = createServer();
  // Takes the upgrade and never answers a ping.
  http.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on("error", () => undefined);
    socket.resume().once("end", () => {
      socket.destroy();
      gone.resolve();
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  const { port } = http.address() as AddressInfo;
  const dialled = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(dialled, "open");
  const tunnel = new Tunnel(dialled, clock, () => undefined);
  await clock.advance(15_000);
  assert.equal(tunnel.signal.aborted, false);
  await clock.advance(5000);
  await gone.promise;
});
