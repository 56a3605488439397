// A log over a WebSocket: each chunk a message, until the log ends or its reader is gone (apimachinery wsstream).
import { type WebSocket, WebSocketServer } from "ws";
import type { Answer, Sink } from "../../http/answer.ts";
import type { UpgradeHandler } from "../../http/api-server.ts";

/** As they are, and for clients that can take text alone. */
const binary = "binary.k8s.io";
const base64 = "base64.binary.k8s.io";

/** @param answerTo what the same request gets without a WebSocket */
export function logSession(
  answerTo: (request: Parameters<UpgradeHandler>[0]) => Promise<Answer>,
): UpgradeHandler {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [binary, base64].find((each) => offered.has(each)) ?? false,
  });
  return async (request, raw, socket, head) => {
    const answer = await answerTo(request);
    sockets.handleUpgrade(raw, socket, head, (client) => void send(answer, client));
  };
}

async function send(answer: Answer, client: WebSocket): Promise<void> {
  const gone = new AbortController();
  client.once("close", () => gone.abort());
  client.on("error", () => client.terminate());
  if (answer.kind !== "stream") return client.close();
  try {
    await answer.run(sinkOf(client), gone.signal);
  } catch (error) {
    // It has begun: there is no answer left to refuse with.
    client.close(1011, error instanceof Error ? error.message.slice(0, 100) : "failed");
  }
}

function sinkOf(client: WebSocket): Sink {
  const isText = client.protocol === base64;
  const isOpen = (): boolean => client.readyState === client.OPEN;
  let lastTaken = Promise.resolve();
  return {
    get bufferedBytes() {
      return client.bufferedAmount;
    },
    write: (chunk) => {
      if (!isOpen()) return;
      const octets = Buffer.from(chunk);
      // What is sent is taken in order, and told also when the client is gone.
      lastTaken = new Promise((resolve) =>
        client.send(isText ? octets.toString("base64") : octets, () => resolve()),
      );
    },
    drained: () => lastTaken,
    end: () => client.close(),
  };
}
