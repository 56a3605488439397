// Reads Prometheus' text format, as far as our own endpoints write it.
import { CliError } from "./errors.ts";

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @throws CliError when nobody answers there */
export async function readMetrics(url: string): Promise<readonly MetricSample[]> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new CliError(`nobody answers at ${url}`, {
      remedy: "warrener up in another terminal",
      cause,
    });
  });
  const text = await response.text();
  return text.split("\n").flatMap((line) => {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) return [];
    const [, name = "", labels = "", value] = match;
    const pairs = labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
    return [
      {
        name,
        labels: Object.fromEntries([...pairs].map((m) => [m[1], unescaped(m[2] ?? "")])),
        value: Number(value),
      },
    ];
  });
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
}
