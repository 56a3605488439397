// Which programs the images of Warrener's own stand for on this machine.
import { join } from "node:path";
import type { Images } from "@warrener/orchestration";
import type { DataFolder } from "../data-folder.ts";

const program = new URL("../../bin/warrener.js", import.meta.url).pathname;

/** A small young generation, which is collected more often: less memory, the same throughput. */
const node = [process.execPath, "--max-semi-space-size=4"];
/** Few arenas of malloc (glibc), since buffers come and go on several threads. */
const env = { MALLOC_ARENA_MAX: "2" };

/** Credentials are in files of the data folder, so that no pod shows them. */
export function systemImages(data: DataFolder): Images {
  const secrets = (name: string): string =>
    `--env-file-if-exists=${join(data.absolutePath, "run", name)}`;
  return {
    "warrener/broker": { command: [...node, program, "broker"], env },
    "warrener/gateway": { command: [...node, secrets("gateway.env"), program, "gateway"], env },
    // Relative paths of modules are those of the folder in which Warrener was started.
    "warrener/worker": {
      command: [process.execPath, secrets("worker.env")],
      workingDir: process.cwd(),
    },
  };
}
