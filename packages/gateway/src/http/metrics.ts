// What the gateway counts, as Prometheus text.

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: Map<string, number>;
}

const buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** Counters and gauges by name and labels. Labels come from bounded sets only: routes, methods, outcomes. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  define(name: string, type: Family["type"], help: string): void {
    this.#families.set(name, { type, help, samples: new Map() });
  }

  add(name: string, value: number, labels: Labels = {}): void {
    const { samples } = this.#family(name);
    const key = name + text(labels);
    samples.set(key, (samples.get(key) ?? 0) + value);
  }

  set(name: string, value: number, labels: Labels = {}): void {
    this.#family(name).samples.set(name + text(labels), value);
  }

  observe(name: string, value: number, labels: Labels): void {
    const { samples } = this.#family(name);
    const add = (key: string, by: number) => samples.set(key, (samples.get(key) ?? 0) + by);
    for (const bound of buckets) {
      add(`${name}_bucket${text({ ...labels, le: String(bound) })}`, value <= bound ? 1 : 0);
    }
    add(`${name}_bucket${text({ ...labels, le: "+Inf" })}`, 1);
    add(`${name}_sum${text(labels)}`, value);
    add(`${name}_count${text(labels)}`, 1);
  }

  /** The Prometheus exposition format, version 0.0.4. */
  expose(): string {
    const lines: string[] = [];
    for (const [name, { type, help, samples }] of this.#families) {
      if (samples.size === 0) continue;
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [key, value] of samples) lines.push(`${key} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }

  #family(name: string): Family {
    const family = this.#families.get(name);
    if (family === undefined) throw new Error(`no metric ${name} is defined`);
    return family;
  }
}

function text(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** The families of the gateway, each defined before it is used. */
export function gatewayMetrics(): Metrics {
  const metrics = new Metrics();
  const define = (name: string, type: Family["type"], help: string) =>
    metrics.define(name, type, help);
  define("warrener_gateway_http_requests_total", "counter", "Requests answered.");
  define("warrener_gateway_http_request_duration_seconds", "histogram", "Time to the answer.");
  define("warrener_gateway_refusals_total", "counter", "Requests refused, by reason.");
  define("warrener_gateway_upload_bytes_total", "counter", "Bytes taken in and kept.");
  define("warrener_gateway_files", "gauge", "Files kept.");
  define("warrener_gateway_file_bytes", "gauge", "Bytes of files kept.");
  define("warrener_gateway_sends_running", "gauge", "Sends under way.");
  define("warrener_gateway_sends_total", "counter", "Sends ended, by state.");
  define("warrener_gateway_messages_confirmed_total", "counter", "Messages the broker confirmed.");
  define("warrener_gateway_rows_rejected_total", "counter", "Rows that could not be sent.");
  define("warrener_gateway_outcomes_total", "counter", "Outcomes that workers reported.");
  define("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
  define("process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.");
  define("process_start_time_seconds", "gauge", "Start time since the epoch in seconds.");
  define("nodejs_heap_size_used_bytes", "gauge", "Heap in use.");
  return metrics;
}
