// The client of those that live elsewhere: the API's verbs over HTTPS.

import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import { apiVersionOf } from "../api/resource.ts";
import type { Clock } from "../clock.ts";
import { objectOf } from "./answer.ts";
import type { Client, ClientEvent, Selection, WatchHandlers } from "./client.ts";
import { authorizationOf, type Credentials, certificateOf } from "./credentials.ts";
import { LineReader } from "./lines.ts";

export type HttpsClientOptions = Credentials & {
  /** `https://192.0.2.7:6443` */
  readonly server: string;
  /** PEM of the authority that the server's certificate must be signed by. */
  readonly authority: string;
  readonly clock: Clock;
};

/** A request that is not answered by then has failed. */
const answerMs = 30_000;
/** A watch that says nothing for so long is dead: the server sends bookmarks every minute. */
const silenceMs = 150_000;
/** A watch that is refused is over after this long, lest whoever watches lists in a tight loop. */
const refusedMs = 1000;
/** Objects are made by code that the compiler holds to their types. */
const trusted = { fieldValidation: "Ignore" };

type Query = Readonly<Record<string, string | undefined>>;

/** Watches reconnect by nothing: whoever watches is told by `onEnd`, and lists again. */
export function httpsClient(options: HttpsClientOptions): Client & Disposable {
  const wire = new Wire(options);
  const one = async (
    method: string,
    path: string,
    query: Query,
    body?: unknown,
  ): Promise<unknown> => wire.ask(method, withQuery(path, query), body);

  return {
    async get<T extends KubeObject>(kind: Kind<T>, namespace: string | undefined, name: string) {
      return (await one("GET", pathOf(kind, namespace, name), {})) as T;
    },
    async list<T extends KubeObject>(kind: Kind<T>, namespace?: string, selection?: Selection) {
      const list = (await one("GET", pathOf(kind, namespace), { ...selection })) as List<T>;
      const items = list.items.map((item) => ({ ...typeOf(kind), ...item }));
      return { items, resourceVersion: list.metadata.resourceVersion };
    },
    async create<T extends KubeObject>(kind: Kind<T>, object: T) {
      return (await one("POST", pathOf(kind, object.metadata.namespace), trusted, object)) as T;
    },
    async update<T extends KubeObject>(kind: Kind<T>, object: T) {
      return (await one("PUT", ownPath(kind, object), trusted, object)) as T;
    },
    async updateStatus<T extends KubeObject>(kind: Kind<T>, object: T) {
      return (await one("PUT", ownPath(kind, object, "status"), trusted, object)) as T;
    },
    async getSubresource(kind, namespace, name, subresource) {
      return (await one("GET", pathOf(kind, namespace, name, subresource), {})) as KubeObject;
    },
    async updateSubresource(kind, object, subresource) {
      return (await one("PUT", ownPath(kind, object, subresource), trusted, object)) as KubeObject;
    },
    async delete(kind, namespace, name, request) {
      const body = { apiVersion: "v1", kind: "DeleteOptions", ...request };
      await one("DELETE", pathOf(kind, namespace, name), {}, body);
    },
    async createSubresource(kind, namespace, name, subresource, body) {
      const path = pathOf(kind, namespace, name, subresource);
      return (await one("POST", path, trusted, body)) as KubeObject;
    },
    watch(kind, from, handlers) {
      const query = { ...from, watch: "true", allowWatchBookmarks: "true" };
      return wire.watch(withQuery(pathOf(kind, undefined), query), handlers);
    },
    [Symbol.dispose]: () => wire.close(),
  };
}

interface List<T> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly T[];
}

function typeOf(kind: Kind): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind };
}

function pathOf(
  { group, version, resource, namespaced }: Kind,
  namespace: string | undefined,
  ...rest: readonly string[]
): string {
  const root = group === "" ? ["api", version] : ["apis", group, version];
  const inside = namespaced && namespace !== undefined ? ["namespaces", namespace] : [];
  return `/${[...root, ...inside, resource, ...rest].map(encodeURIComponent).join("/")}`;
}

function ownPath<T extends KubeObject>(kind: Kind<T>, { metadata }: T, ...rest: string[]): string {
  return pathOf(kind, metadata.namespace, metadata.name ?? "", ...rest);
}

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value] as [string, string]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

type WireEvent<T extends KubeObject> =
  | ClientEvent<T>
  | { readonly type: "BOOKMARK" }
  | { readonly type: "ERROR" };

/** What is no event of a watch is an error of it. */
function eventsOf<T extends KubeObject>(lines: LineReader, bytes: Buffer): readonly WireEvent<T>[] {
  try {
    return lines.receive(bytes).map((line) => JSON.parse(line) as WireEvent<T>);
  } catch {
    return [{ type: "ERROR" }];
  }
}

/** Requests and their answers, over connections that are kept. */
class Wire {
  readonly #options: HttpsClientOptions;
  readonly #agent: Agent;

  constructor(options: HttpsClientOptions) {
    this.#options = options;
    const { authority: ca } = options;
    this.#agent = new Agent({ keepAlive: true, ca });
  }

  /** @throws StatusError when the server refuses, another Error when it cannot be reached */
  async ask(method: string, path: string, body: unknown): Promise<unknown> {
    const { clock } = this.#options;
    const gone = new AbortController();
    const cancel = clock.after(answerMs, () =>
      gone.abort(new Error(`no answer to ${method} ${path} within ${answerMs / 1000} s`)),
    );
    try {
      const response = await this.#send(method, path, body, gone.signal);
      return objectOf(response.statusCode ?? 0, await text(response));
    } finally {
      cancel();
    }
  }

  watch<T extends KubeObject>(path: string, { onEvent, onEnd }: WatchHandlers<T>): () => void {
    const gone = new AbortController();
    const lines = new LineReader();
    let cancel: () => void = () => undefined;
    const end = (): void => {
      cancel();
      if (gone.signal.aborted) return;
      gone.abort();
      onEnd();
    };
    const hears = (): void => {
      cancel();
      cancel = this.#options.clock.after(silenceMs, end);
    };
    const receive = (bytes: Buffer): void => {
      hears();
      for (const event of eventsOf<T>(lines, bytes)) {
        if (gone.signal.aborted) return;
        if (event.type === "ERROR") return end();
        if (event.type !== "BOOKMARK") onEvent(event);
      }
    };
    const listen = (response: IncomingMessage): void => {
      response.on("error", () => undefined); // it is closed then
      if (response.statusCode === 200) {
        response.on("data", receive).once("close", end);
        return;
      }
      response.resume();
      cancel();
      cancel = this.#options.clock.after(refusedMs, end);
    };
    hears();
    this.#send("GET", path, undefined, gone.signal).then(listen, end);
    return () => {
      cancel();
      gone.abort();
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { server } = this.#options;
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const request = httpsRequest(new URL(path, server), {
      method,
      agent: this.#agent, // which keeps connections of one certificate apart from those of the next
      ...certificateOf(this.#options),
      signal,
      headers: {
        accept: "application/json",
        "user-agent": "warrener",
        // The length as well: Node sends a DELETE with neither it nor chunks.
        ...(content && { "content-type": "application/json", "content-length": content.length }),
        ...authorizationOf(this.#options),
      },
    });
    request.on("response", resolve);
    request.on("error", reject);
    request.end(content);
    return promise;
  }
}
