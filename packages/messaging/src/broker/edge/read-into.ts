// Reads sockets into one buffer that the caller owns. Node gives every read of a server's socket 64 KiB of new memory; under large
// messages, collecting that memory took a third of the broker's processor time.
import type { Buffer } from "node:buffer";
import { Socket } from "node:net";

/** @param isLent whether the octets are overwritten after the call */
type OnOctets = (octets: Buffer, isLent: boolean) => void;

/** Where Node's sockets keep what libuv knows them by. */
const handleOf = "_handle";

export interface Reading {
  /** The socket to use from here on. */
  readonly socket: Socket;
  readonly onOctets: (listener: OnOctets) => void;
}

/**
 * `net.Socket` takes a buffer to read into (`onread`), but a server makes its sockets without asking for one. So the connection's
 * handle moves to a socket that has it. Where a runtime has no such handle, the octets come as they always do.
 * @param accepted from a server with `pauseOnConnect`; not to be used any more
 */
export function readInto(accepted: Socket, buffer: Buffer): Reading {
  const owner = accepted as unknown as { [handleOf]?: { useUserBuffer?: unknown } | null };
  const handle = owner[handleOf];
  if (typeof handle?.useUserBuffer !== "function") {
    accepted.resume();
    return {
      socket: accepted,
      onOctets: (listener) =>
        accepted.on("data", (octets: Buffer) => listener(octets, false)) && undefined,
    };
  }
  owner[handleOf] = null;
  accepted.destroy(); // without its handle: the server counts it as gone
  let listener: OnOctets | undefined;
  const callback = (size: number): boolean => {
    listener?.(buffer.subarray(0, size), true);
    return true;
  };
  const options: unknown = { handle, onread: { buffer, callback } };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  return {
    socket,
    onOctets: (given) => {
      listener = given;
    },
  };
}
