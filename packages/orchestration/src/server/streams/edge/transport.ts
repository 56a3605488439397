// What carries a session's octets: the upgraded socket itself, or a WebSocket's binary messages.
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

export interface Transport {
  /** @param sent called once the octets are on their way: whoever waits for it is only as fast as the client */
  send(bytes: Uint8Array, sent: () => void): void;
  pause(): void;
  resume(): void;
  close(): void;
  /** @param onClose once, however it ends */
  open(onData: (bytes: Uint8Array) => void, onClose: () => void): void;
}

/** @param head what had already been read of the socket */
export function socketTransport(socket: Duplex, head: Buffer): Transport {
  return {
    send: (bytes, sent) => {
      socket.write(bytes, sent);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.end(),
    open: (onData, onClose) => {
      socket.on("data", onData);
      socket.once("close", onClose);
      socket.on("error", () => socket.destroy());
      if (head.length > 0) onData(head);
    },
  };
}

export function webSocketTransport(socket: WebSocket): Transport {
  return {
    send: (bytes, sent) => socket.send(bytes, sent),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(1000),
    open: (onData, onClose) => {
      socket.on("message", (data: Buffer) => onData(data));
      socket.once("close", onClose);
      socket.on("error", () => socket.terminate());
    },
  };
}
