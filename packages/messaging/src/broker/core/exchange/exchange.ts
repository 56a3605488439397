// Exchanges and which destinations a routing key reaches, one matcher per exchange type (AMQP 0-9-1 §3.1.3).

import { ChannelError } from "../../../amqp/errors.ts";
import type { FieldTable, FieldValue } from "../../../amqp/field-table.ts";
import { sameTable, sameValue, textOf } from "../../../amqp/field-table.ts";
import type { Queue } from "../queue/queue.ts";
import { TopicTrie } from "./topic-trie.ts";

export type Destination = Queue | Exchange;

export interface Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

export const exchangeTypes = ["direct", "fanout", "topic", "headers"] as const;
export type ExchangeType = (typeof exchangeTypes)[number];

/** Finds destinations; `headers` is called only by matchers that look at them. */
interface Matcher {
  add(binding: Binding): void;
  remove(binding: Binding): void;
  match(routingKey: string, headers: () => FieldTable, found: Set<Destination>): void;
}

export interface ExchangeOptions {
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

export class Exchange {
  readonly kind = "exchange";
  readonly options: ExchangeOptions;
  /** Where messages go that match nothing here. */
  readonly alternate: string | undefined;
  readonly bindings = new Set<Binding>();
  /** Bindings that lead here from other exchanges. */
  readonly incoming = new Set<Binding>();
  readonly #matcher: Matcher;

  constructor(options: ExchangeOptions) {
    this.options = options;
    this.alternate = textOf(options.arguments.get("alternate-exchange"));
    this.#matcher = matchers[options.type]();
  }

  get name(): string {
    return this.options.name;
  }

  /** Whether matching looks at headers, so that a route by key alone may not be remembered. */
  get looksAtHeaders(): boolean {
    return this.options.type === "headers";
  }

  find(destination: Destination, routingKey: string, args: FieldTable): Binding | undefined {
    for (const binding of this.bindings) {
      if (binding.destination !== destination || binding.routingKey !== routingKey) continue;
      if (sameTable(binding.arguments, args)) return binding;
    }
    return undefined;
  }

  /** @throws ChannelError PRECONDITION_FAILED when the arguments make no sense to this type */
  check(args: FieldTable): void {
    if (this.options.type === "headers") matchMode(args);
  }

  add(binding: Binding): void {
    this.bindings.add(binding);
    this.#matcher.add(binding);
    binding.destination.incoming.add(binding);
  }

  remove(binding: Binding): void {
    this.bindings.delete(binding);
    this.#matcher.remove(binding);
    binding.destination.incoming.delete(binding);
  }

  match(routingKey: string, headers: () => FieldTable, found: Set<Destination>): void {
    this.#matcher.match(routingKey, headers, found);
  }
}

const matchers: Record<ExchangeType, () => Matcher> = {
  direct: () => {
    const byKey = new Map<string, Set<Binding>>();
    return {
      add: (binding) => {
        const there = byKey.get(binding.routingKey);
        if (there === undefined) byKey.set(binding.routingKey, new Set([binding]));
        else there.add(binding);
      },
      remove: (binding) => {
        const there = byKey.get(binding.routingKey);
        there?.delete(binding);
        if (there?.size === 0) byKey.delete(binding.routingKey);
      },
      match: (key, _headers, found) => {
        for (const binding of byKey.get(key) ?? []) found.add(binding.destination);
      },
    };
  },
  fanout: () => {
    const all = new Set<Binding>();
    return {
      add: (binding) => all.add(binding),
      remove: (binding) => all.delete(binding),
      match: (_key, _headers, found) => {
        for (const binding of all) found.add(binding.destination);
      },
    };
  },
  topic: () => {
    const trie = new TopicTrie<Binding>();
    return {
      add: (binding) => trie.add(binding.routingKey, binding),
      remove: (binding) => trie.remove(binding.routingKey, binding),
      match: (key, _headers, found) => trie.match(key, (binding) => found.add(binding.destination)),
    };
  },
  headers: () => {
    const all = new Set<Binding>();
    return {
      add: (binding) => all.add(binding),
      remove: (binding) => all.delete(binding),
      match: (_key, headers, found) => {
        for (const binding of all) {
          if (headersMatch(binding.arguments, headers())) found.add(binding.destination);
        }
      },
    };
  },
};

const matchModes = ["all", "any", "all-with-x", "any-with-x"] as const;

function matchMode(args: FieldTable): (typeof matchModes)[number] {
  const field = args.get("x-match");
  if (field === undefined) return "all";
  const mode = textOf(field);
  const known = matchModes.find((m) => m === mode);
  if (known !== undefined) return known;
  throw new ChannelError(
    "PRECONDITION_FAILED",
    mode === undefined
      ? `Invalid x-match field type ${field.tag}; expected longstr`
      : `Invalid x-match field value <<"${mode}">>; expected all, any, all-with-x, or any-with-x`,
  );
}

/** Whether headers satisfy a headers binding; a void value asks only for presence (§3.1.3.4). */
export function headersMatch(args: FieldTable, headers: FieldTable): boolean {
  const mode = matchMode(args);
  const withX = mode.endsWith("-with-x");
  const wanted = [...args].filter(
    ([name]) => name !== "x-match" && (withX || !name.startsWith("x-")),
  );
  const satisfied = ([name, value]: readonly [string, FieldValue]): boolean => {
    const actual = headers.get(name);
    return actual !== undefined && (value.tag === "V" || sameValue(value, actual));
  };
  return mode.startsWith("all") ? wanted.every(satisfied) : wanted.some(satisfied);
}
