// A client at a process, over a real WebSocket.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { exitStatus } from "../../src/server/streams/channels.ts";
import { webSocketSession } from "../../src/server/streams/edge/process-session.ts";

const protocol = "v5.channel.k8s.io";
const channels = { stdout: 1, error: 3 };

test("all that a process wrote reaches the client before it is told how the process ended", async (t) => {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: () => protocol,
  });
  await once(server, "listening");
  t.after(() => server.close());
  const accepted = once(server, "connection");
  const client = new WebSocket(
    `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    protocol,
  );
  const heard: { channel: number; bytes: number }[] = [];
  client.on("message", (data: Buffer) =>
    heard.push({ channel: data[0] ?? -1, bytes: data.length - 1 }),
  );
  const [socket] = (await accepted) as [WebSocket];
  const wanted = { stdin: false, stdout: true, stderr: false, tty: false };
  const session = webSocketSession(socket, protocol, wanted);
  const closed = once(client, "close");
  for (let i = 0; i < 50; i += 1) session.streams.stdout?.write(Buffer.alloc(20_000));
  await session.finish(exitStatus(0));
  await closed;
  const told = heard.filter(({ channel }) => channel === channels.stdout);
  assert.equal(
    told.reduce((sum, { bytes }) => sum + bytes, 0),
    1_000_000,
  );
  assert.equal(heard.at(-1)?.channel, channels.error);
});
