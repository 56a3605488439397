// The REST API as commands use it: problems become errors with their remedy.
import { type Connection, readConnection } from "./house.ts";
import { CliError } from "./command-line/cli-error.ts";

/** Where a running Warrener is: WARRENER_URL and WARRENER_TOKEN first, then the data folder. */
export function connectionOf(data: string): Connection {
  const kept = readConnection(data);
  const { WARRENER_URL: url, WARRENER_TOKEN: token, AMQP_URL: amqpUrl } = process.env;
  const connection = {
    url: url ?? kept?.url,
    token: token ?? kept?.token,
    amqpUrl: (url === undefined ? kept?.amqpUrl : amqpUrl) ?? kept?.amqpUrl,
    metricsUrl: kept?.metricsUrl,
  };
  if (connection.url === undefined || connection.token === undefined) {
    throw new CliError(
      `nothing was started with the data folder ${data}`,
      "warrener up, or give its folder with --data",
    );
  }
  return { amqpUrl: "", metricsUrl: "", ...connection } as Connection;
}

export class Api {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @throws CliError unless the answer is a success or one of `accept` */
  async call(path: string, init: RequestInit = {}, accept: readonly number[] = []): Promise<Response> {
    const { url, token } = this.#connection;
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token}`);
    let answer: Response;
    try {
      answer = await fetch(url + path, { ...init, headers });
    } catch (cause) {
      throw new CliError(`nothing answers at ${url}`, "warrener up", { cause });
    }
    if (answer.ok || accept.includes(answer.status)) return answer;
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string; remedy?: string };
    throw new CliError(
      problem.detail ?? `${init.method ?? "GET"} ${path}: ${answer.status}`,
      problem.remedy ?? `look into the log of the gateway`,
    );
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.call(path, init)).json()) as T;
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.json(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** Makes a queue unless there is one. @returns whether it was made */
  async ensureQueue(queue: string): Promise<boolean> {
    const path = `/api/v1/queues/${encodeURIComponent(queue)}`;
    const { status } = await this.call(path, {}, [404]);
    if (status !== 404) return false;
    await this.call(path, { method: "PUT" });
    return true;
  }

  /** The data of each server-sent event, until the caller has seen enough. */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const answer = await this.call(path, { headers: { accept: "text/event-stream" }, signal });
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = block.split("\n").filter((line) => line.startsWith("data: "));
        if (data.length > 0) yield JSON.parse(data.map((line) => line.slice(6)).join("\n"));
      }
    }
  }
}
