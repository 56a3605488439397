// Which programs the images of Warrener's own stand for on this machine: all of them where the control plane is, that of workers on every node.
import { dirname, join } from "node:path";
import type { Images } from "@warrener/orchestration";
import type { DataFolder } from "../data-folder.ts";

const installation = new URL("../../../../", import.meta.url).pathname;
const program = join(installation, "packages/warrener/bin/warrener.js");

/** A small young generation, which is collected more often: less memory, the same throughput. */
const node = [process.execPath, "--max-semi-space-size=4"];
/** Few arenas of malloc (glibc), since buffers come and go on several threads. */
const env = { MALLOC_ARENA_MAX: "2" };

/** Credentials are in files of the data folder, so that no pod shows them. */
export function systemImages(data: DataFolder): Images {
  return {
    ...workerImages(data),
    "warrener/broker": { command: [...node, program, "broker"], env },
    "warrener/gateway": {
      command: [...node, secrets(data, "gateway.env"), program, "gateway"],
      env,
    },
  };
}

/** What pods of workers are made of; `warrener/shell` every node has by itself. */
export function workerImages(data: DataFolder): Images {
  return {
    // Relative paths of modules are those of the folder in which Warrener was started.
    "warrener/worker": {
      command: [process.execPath, secrets(data, workerSecrets)],
      workingDir: process.cwd(),
      reads: [installation, dirname(process.execPath), data.secretsFile(workerSecrets)],
    },
  };
}

/** In `run/` of the data folder: where broker and front door are, and the token of workers. */
export const workerSecrets = "worker.env";

function secrets(data: DataFolder, name: string): string {
  return `--env-file-if-exists=${data.secretsFile(name)}`;
}
