// Watches: what changes, one JSON event a line, for as long as the client listens (API concepts, "Efficient detection of changes").
import type { KubeObject } from "../../api/object.ts";
import { apiVersionOf, type Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { Clock } from "../../clock.ts";
import type { Registry } from "../registry/registry.ts";
import type { Answer, Sink } from "./answer.ts";
import { count, flag, header, type ResourceApiRequest } from "./api-request.ts";
import { oneInForm } from "./forms.ts";
import { namespaceOf, revisionOf, selection } from "./handler-context.ts";
import { type Form, negotiate } from "./negotiation.ts";

const bookmarkMs = 60_000;
/** Without a word from the client a watch ends by itself, so that one that leaks does not stay for ever. */
const timeoutMs = 3600_000;
/** A client that has not taken this much is too slow: its watch ends, and it lists again. */
const bufferedBytesMax = 8 * 1024 * 1024;

type EventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";

export class Watches {
  readonly #registry: Registry;
  readonly #clock: Clock;
  /** The last object that was written out: of many watchers all get the same. */
  #last: { readonly object: KubeObject; readonly text: string } | undefined;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** @throws StatusError before the stream begins; what goes wrong later is an event of type ERROR */
  async start(resource: Resource, request: ResourceApiRequest): Promise<Answer> {
    const form = negotiate(header(request, "accept"));
    const matches = selection(resource, request) ?? (() => true);
    const named = onlyName(request);
    const wanted = named === undefined ? matches : bothOf(matches, named);
    const namespace = namespaceOf(resource, request.info);
    const from = revisionOf(this.#registry, request) ?? 0;
    const seconds = count(request, "timeoutSeconds") ?? 0;
    const sendsInitial = flag(request, "sendInitialEvents");
    const initial =
      from === 0 || sendsInitial
        ? await this.#registry.list(resource, namespace, { matches: wanted })
        : undefined;
    return {
      kind: "stream",
      contentType:
        form === "table" ? "application/json;as=Table;v=v1;g=meta.k8s.io" : "application/json",
      run: (sink, signal) => {
        const watch = new Watch(this.#clock, sink, (type, object) =>
          this.#line(resource, form, request, type, object),
        );
        for (const object of initial?.items ?? []) watch.tell("ADDED", object);
        const after = initial === undefined ? from : Number(initial.resourceVersion);
        const bookmark = (isInitialEnd: boolean): void =>
          watch.tell("BOOKMARK", bookmarkOf(resource, this.#registry.toldRevision, isInitialEnd));
        if (sendsInitial) bookmark(true);
        try {
          const stop = this.#registry.watch(resource, namespace, after, wanted, (event) =>
            watch.tell(event.type, event.object),
          );
          watch.begin(stop, signal, seconds > 0 ? seconds * 1000 : timeoutMs);
          if (flag(request, "allowWatchBookmarks")) watch.every(bookmarkMs, () => bookmark(false));
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
          sink.write(`${JSON.stringify({ type: "ERROR", object: error.status })}\n`);
          sink.end();
        }
      },
    };
  }

  #line(
    resource: Resource,
    form: Form,
    request: ResourceApiRequest,
    type: EventType,
    object: KubeObject,
  ): string {
    if (form !== "object")
      return line(
        type,
        JSON.stringify(oneInForm(resource, object, form, request, this.#clock.nowMs())),
      );
    if (this.#last?.object !== object) this.#last = { object, text: JSON.stringify(object) };
    return line(type, this.#last.text);
  }
}

function line(type: EventType, object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}

/** One client's watch. */
class Watch {
  readonly #clock: Clock;
  readonly #sink: Sink;
  readonly #line: (type: EventType, object: KubeObject) => string;
  readonly #ends: (() => void)[] = [];
  #isOver = false;

  constructor(clock: Clock, sink: Sink, line: (type: EventType, object: KubeObject) => string) {
    this.#clock = clock;
    this.#sink = sink;
    this.#line = line;
  }

  tell(type: EventType, object: KubeObject): void {
    if (this.#isOver) return;
    this.#sink.write(this.#line(type, object));
    if (this.#sink.bufferedBytes > bufferedBytesMax) this.#end();
  }

  begin(stop: () => void, signal: AbortSignal, timeoutMs: number): void {
    this.#ends.push(
      stop,
      this.#clock.after(timeoutMs, () => this.#end()),
    );
    if (signal.aborted || this.#isOver) this.#end();
    else signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  every(ms: number, run: () => void): void {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = this.#clock.after(ms, () => {
        run();
        again();
      });
    };
    again();
    this.#ends.push(() => cancel());
  }

  #end(): void {
    this.#isOver = true;
    for (const end of this.#ends.splice(0)) end();
    this.#sink.end();
  }
}

/** `…/configmaps/a?watch=1` is the older way to watch one object. */
function onlyName({ info }: ResourceApiRequest): ((object: KubeObject) => boolean) | undefined {
  const { name } = info;
  return name === undefined ? undefined : (object) => object.metadata.name === name;
}

function bothOf<T>(a: (value: T) => boolean, b: (value: T) => boolean): (value: T) => boolean {
  return (value) => a(value) && b(value);
}

function bookmarkOf(resource: Resource, revision: number, isInitialEnd: boolean): KubeObject {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      resourceVersion: String(revision),
      ...(isInitialEnd && { annotations: { "k8s.io/initial-events-end": "true" } }),
    },
  };
}
