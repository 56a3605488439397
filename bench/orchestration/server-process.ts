// The control plane in a process of its own, on a new folder, for as long as it is measured.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Api } from "./api.ts";

export interface ServerProcess extends AsyncDisposable {
  readonly api: Api;
  readonly pid: number;
  /** From the start of its work, without that of Node. */
  readonly readyMs: number;
}

/** @param pretenders nodes whose containers only pretend */
export async function startServer(directory: string, pretenders = 0): Promise<ServerProcess> {
  const program = new URL("./server.ts", import.meta.url).pathname;
  const args = ["--max-semi-space-size=4", program, directory, String(pretenders)];
  const server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(server.stdout, "data")) as [Buffer];
  const { readyMs } = JSON.parse(line.toString()) as { readyMs: number };
  const api = await Api.open(join(directory, "kubeconfig"));
  return {
    api,
    pid: server.pid ?? 0,
    readyMs,
    [Symbol.asyncDispose]: async () => {
      const gone = once(server, "exit");
      api.close();
      server.stdin.end();
      await gone;
    },
  };
}
