// The REST API as the commands use it.
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { DevEnvironment } from "./data-folder.ts";
import { CliError } from "./errors.ts";

/** What of a problem (RFC 9457) a person is told. */
interface ProblemBody {
  readonly detail?: string;
  readonly title?: string;
  readonly remedy?: string;
}

export class Api {
  /** Where the front door is. */
  readonly url: string;
  readonly #token: string;

  constructor({ WARRENER_URL, WARRENER_TOKEN }: DevEnvironment) {
    this.url = WARRENER_URL;
    this.#token = WARRENER_TOKEN;
  }

  /** @throws CliError with the problem's detail and remedy, or when nobody answers */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, { ...init, headers });
    } catch (cause) {
      throw new CliError(`nobody answers at ${this.url}`, {
        remedy: "warrener up in another terminal",
        cause,
      });
    }
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as ProblemBody;
    throw new CliError(problem.detail ?? problem.title ?? `${path} answered ${response.status}`, {
      ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
    });
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.request(path, init)).json()) as T;
  }

  postJson<T>(path: string, body: unknown): Promise<T> {
    return this.json<T>(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** Server-sent events: the data of each, as JSON. Ends when the server or the caller does. */
  async *events<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    const response = await this.request(path, { headers: { accept: "text/event-stream" }, signal });
    const events = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const event of events) if (event.event !== "gone") yield JSON.parse(event.data) as T;
  }
}
