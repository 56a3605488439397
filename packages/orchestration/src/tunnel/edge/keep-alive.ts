// Whether the other side of a WebSocket is still there: a connection whose peer has lost power never closes by itself.
import type { WebSocket } from "ws";
import type { Clock } from "../../clock.ts";

const pingMs = 5000;
/** So many pings without any answer, and the connection is given up. */
const unansweredMax = 3;

export function keepAlive(socket: WebSocket, clock: Clock): void {
  let unanswered = 0;
  let cancel = clock.after(pingMs, beat);
  function beat(): void {
    if (unanswered >= unansweredMax) return socket.terminate();
    unanswered += 1;
    socket.ping();
    cancel = clock.after(pingMs, beat);
  }
  const hears = (): void => {
    unanswered = 0;
  };
  socket.on("pong", hears);
  socket.on("message", hears);
  socket.once("close", () => cancel());
}
