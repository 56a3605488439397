// Standard input of a container that clients may attach to: a named pipe beside it, which outlives the agent.
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { ContainerSpec } from "./runtime.ts";

export interface Input {
  /** For the process. */
  readonly fd: number;
  /** Lets the process see the end of its input; only where one client is enough. */
  readonly close?: () => void;
}

export function makeStdin(folder: string, mode: ContainerSpec["stdin"]): Input | undefined {
  if (mode === "none") return undefined;
  const path = join(folder, "stdin");
  // Node has no call for it.
  execFileSync("/bin/sh", ["-c", 'mkfifo -m 600 "$0"', path]);
  const both = openSync(path, constants.O_RDWR);
  // A process that holds both ends never sees the end of its input, whoever comes and goes.
  if (mode === "open") return { fd: both };
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(both);
    isOpen = false;
  };
  return { fd: openSync(path, constants.O_RDONLY), close };
}

/** @param onEnd runs when the writer is done @throws ENXIO when nobody reads */
export function openStdin(folder: string, onEnd: (() => void) | undefined): NodeJS.WritableStream {
  const fd = openSync(join(folder, "stdin"), constants.O_WRONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: false, writable: true });
  // The process may end before the client has said everything.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => onEnd?.());
  return socket;
}
