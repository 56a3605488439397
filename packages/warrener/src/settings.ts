// Every setting, declared once: flag, environment variable, default and help. A flag wins over the environment, that over the default.
import { InvalidArgumentError, Option } from "commander";

const port = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new InvalidArgumentError(
    "a port is a whole number from 0 to 65535, 0 for any that is free.",
  );
};

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: 86_400_000 };

/** @returns milliseconds */
const duration = (text: string): number => {
  const [, count, unit = ""] = /^([1-9]\d{0,3})([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? Number.NaN);
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidArgumentError("a time is a whole number with its unit: 30m, 1h or 7d.");
};

/** Flags of more than one command. */
export const settings = {
  data: () =>
    new Option("--data <dir>", "where everything is kept")
      .env("WARRENER_DATA")
      .default(".warrener"),
  port: () =>
    new Option("--port <port>", "front door: REST and pages")
      .env("WARRENER_PORT")
      .default(5049)
      .argParser(port),
  brokerPort: () =>
    new Option("--broker-port <port>", "AMQP 0-9-1")
      .env("WARRENER_BROKER_PORT")
      .default(5672)
      .argParser(port),
  metricsPort: () =>
    new Option("--metrics-port <port>", "the broker's /metrics for Prometheus")
      .env("WARRENER_METRICS_PORT")
      .default(15_692)
      .argParser(port),
  kubernetesPort: () =>
    new Option("--kubernetes-port <port>", "the control plane's Kubernetes API")
      .env("WARRENER_KUBERNETES_PORT")
      .default(6443)
      .argParser(port),
  isolation: () =>
    new Option("--isolation <level>", "how far pods of workers are kept apart")
      .env("WARRENER_ISOLATION")
      .choices(["auto", "process", "user-namespaces", "namespaces"])
      .default("auto"),
  json: () => new Option("--json", "JSON lines, whatever it is printed to"),
} as const;

export { duration as parseDuration, port as parsePort };
