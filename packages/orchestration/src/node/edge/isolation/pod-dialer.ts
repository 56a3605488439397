// Connections to a port that a pod has for itself alone: a small process in the pod's network carries them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";

/** Runs inside: descriptor 3 is the connection's other end, 4 is told when it stands. */
const relay = `
const { Socket, connect } = require("node:net");
const socket = connect({ host: "127.0.0.1", port: Number(process.argv[1]) });
socket.on("connect", () => {
  require("node:fs").writeSync(4, "up");
  const outside = new Socket({ fd: 3 });
  for (const each of [outside, socket]) each.on("error", () => process.exit());
  outside.pipe(socket).pipe(outside);
});
socket.on("error", () => process.exit(1));
`;

/** @param enter words that enter the pod's network @throws Error when nobody listens there */
export async function dialInside(enter: readonly string[], port: number): Promise<Duplex> {
  const [program = "", ...words] = enter;
  const child = spawn(program, [...words, "--", process.execPath, "-e", relay, String(port)], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    env: {},
  });
  const [connection, said] = [child.stdio[3] as Duplex, child.stdio[4] as Duplex];
  connection.on("close", () => child.kill("SIGKILL"));
  const isUp = await Promise.race([
    once(said, "data").then(() => true),
    once(child, "exit").then(() => false),
  ]);
  said.destroy();
  if (isUp) return connection;
  connection.destroy();
  throw new Error(`connect ECONNREFUSED 127.0.0.1:${port} in the pod`);
}
