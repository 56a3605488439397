// A client of the API as kubectl's kubeconfig gives access to it, with as little in the way as Node allows.
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { parse } from "yaml";

interface Kubeconfig {
  readonly clusters: readonly {
    cluster: { server: string; "certificate-authority-data": string };
  }[];
  readonly users: readonly {
    user: { "client-certificate-data": string; "client-key-data": string };
  }[];
}

export class Api {
  readonly #agent: Agent;
  readonly #port: number;

  private constructor(agent: Agent, port: number) {
    this.#agent = agent;
    this.#port = port;
  }

  static async open(kubeconfigFile: string): Promise<Api> {
    const { clusters, users } = parse(await readFile(kubeconfigFile, "utf8")) as Kubeconfig;
    const [{ cluster }, { user }] = [
      clusters[0] as Kubeconfig["clusters"][number],
      users[0] as Kubeconfig["users"][number],
    ];
    const decoded = (text: string): Buffer => Buffer.from(text, "base64");
    const agent = new Agent({
      keepAlive: true,
      maxSockets: 128,
      ca: decoded(cluster["certificate-authority-data"]),
      cert: decoded(user["client-certificate-data"]),
      key: decoded(user["client-key-data"]),
    });
    return new Api(agent, Number(new URL(cluster.server).port));
  }

  /** @returns the body @throws Error unless the answer is a success */
  ask(method: string, path: string, body?: unknown): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port: this.#port,
          method,
          path,
          headers: { "content-type": "application/json" },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          answer.once("end", () => {
            if ((answer.statusCode ?? 0) < 300) resolve(text);
            else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
          });
        },
      );
      sent.once("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** @param onLine each event of a watch, as it arrives @returns once the server has answered */
  watch(path: string, onLine: (line: string) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { agent: this.#agent, host: "127.0.0.1", port: this.#port, path },
        (answer) => {
          let rest = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => {
            const lines = (rest + chunk).split("\n");
            rest = lines.pop() ?? "";
            for (const line of lines) onLine(line);
          });
          resolve();
        },
      );
      sent.once("error", reject);
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
