// Every setting, where it comes from, and what it means: flag before environment before default.
import { resolve } from "node:path";
import { CliError } from "./command-line/cli-error.ts";

interface Setting<T> {
  readonly flag: string;
  readonly env: string;
  readonly default: T;
  readonly help: string;
  readonly parse: (text: string) => T | undefined;
  readonly expects: string;
}

const port = (text: string): number | undefined =>
  /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
const aPort = { parse: port, expects: "a port, 0 to 65535 (0 takes any that is free)" };

export const settings = {
  data: {
    flag: "--data <folder>",
    env: "WARRENER_DATA",
    default: ".warrener",
    help: "where everything is kept",
    parse: (text: string) => (text === "" ? undefined : text),
    expects: "a folder",
  },
  port: {
    ...aPort,
    flag: "--port <port>",
    env: "WARRENER_PORT",
    default: 5049,
    help: "gateway: REST API and pages",
  },
  brokerPort: {
    ...aPort,
    flag: "--broker-port <port>",
    env: "WARRENER_BROKER_PORT",
    default: 5672,
    help: "broker: AMQP 0-9-1",
  },
  metricsPort: {
    ...aPort,
    flag: "--metrics-port <port>",
    env: "WARRENER_METRICS_PORT",
    default: 15_692,
    help: "broker: metrics in Prometheus' text format",
  },
} as const satisfies Record<string, Setting<string> | Setting<number>>;

export interface Settings {
  /** Absolute. */
  readonly data: string;
  readonly port: number;
  readonly brokerPort: number;
  readonly metricsPort: number;
}

/** Read by commands that speak to a running Warrener, and by children of ours. */
export const connectionVariables = ["WARRENER_URL", "WARRENER_TOKEN"];

type Given = { readonly [key in keyof Settings]?: string | undefined };
type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CliError naming every mistake at once */
export function readSettings(given: Given, environment: Environment): Settings {
  const mistakes = unknownVariables(environment);
  const values: Record<string, string | number> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const flagged = given[key as keyof Settings];
    const text = flagged ?? environment[setting.env];
    const value = text === undefined ? setting.default : setting.parse(text);
    if (value === undefined) {
      const name = flagged === undefined ? setting.env : setting.flag.split(" ")[0];
      mistakes.push(`${name} is "${text}", expected ${setting.expects}`);
    } else values[key] = value;
  }
  if (mistakes.length > 0) {
    throw new CliError(mistakes.join("; "), "warrener up --help", { exitCode: 2 });
  }
  const read = values as unknown as Settings;
  return { ...read, data: resolve(read.data) };
}

function unknownVariables(environment: Environment): string[] {
  const known = [...Object.values(settings).map(({ env }) => env), ...connectionVariables];
  return Object.keys(environment)
    .filter((name) => /^WARRENER_(?!TEST_|REQUIRE_|BENCH_)/.test(name) && !known.includes(name))
    .map((name) => `${name} is no setting, did you mean ${nearest(name, known)}?`);
}

/** By the number of letters to change. */
function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((other) => ({ other, away: distance(name, other) }));
  return distances.toSorted((a, b) => a.away - b.away)[0]?.other ?? "";
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
