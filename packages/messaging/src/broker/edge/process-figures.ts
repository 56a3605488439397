// What this process is using, as Prometheus' conventions name it (process_*, nodejs_*).
import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import type { Family } from "../core/metrics/metrics-text.ts";

const startSeconds = Date.now() / 1000 - process.uptime();
const eventLoopDelay = monitorEventLoopDelay({ resolution: 20 });
eventLoopDelay.enable();

export function processFigures(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  const spaces = getHeapSpaceStatistics();
  const lag = {
    mean: eventLoopDelay.mean / 1e9,
    max: eventLoopDelay.max / 1e9,
    p99: eventLoopDelay.percentile(99) / 1e9,
  };
  eventLoopDelay.reset();
  return [
    one(
      "process_cpu_seconds_total",
      "counter",
      "Processor time used, user and system, in seconds",
      (user + system) / 1e6,
    ),
    one("process_resident_memory_bytes", "gauge", "Resident memory size in bytes", rss),
    one(
      "process_start_time_seconds",
      "gauge",
      "Start time of the process since unix epoch in seconds",
      startSeconds,
    ),
    ...openFiles(),
    one("nodejs_heap_size_used_bytes", "gauge", "V8 heap in use", heapUsed),
    one("nodejs_heap_size_total_bytes", "gauge", "V8 heap reserved", heapTotal),
    one(
      "nodejs_heap_size_limit_bytes",
      "gauge",
      "V8 heap at most",
      getHeapStatistics().heap_size_limit,
    ),
    one(
      "nodejs_external_memory_bytes",
      "gauge",
      "Memory outside of the V8 heap that its objects hold",
      external,
    ),
    one("nodejs_array_buffer_bytes", "gauge", "Memory of array buffers", arrayBuffers),
    {
      name: "nodejs_heap_space_size_used_bytes",
      type: "gauge",
      help: "V8 heap in use, by space",
      samples: spaces.map((s) => ({ labels: { space: s.space_name }, value: s.space_used_size })),
    },
    one(
      "nodejs_eventloop_lag_mean_seconds",
      "gauge",
      "Mean delay of the event loop since the last scrape",
      finite(lag.mean),
    ),
    one(
      "nodejs_eventloop_lag_max_seconds",
      "gauge",
      "Longest delay of the event loop since the last scrape",
      finite(lag.max),
    ),
    one(
      "nodejs_eventloop_lag_p99_seconds",
      "gauge",
      "99th percentile of the event loop's delay since the last scrape",
      finite(lag.p99),
    ),
    {
      name: "nodejs_version_info",
      type: "gauge",
      help: "Version of Node.js",
      samples: [{ labels: { version: process.version }, value: 1 }],
    },
  ];
}

/** Counted where the system shows them (Linux). */
function openFiles(): Family[] {
  try {
    const open = readdirSync("/proc/self/fd").length;
    const limit = /Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    const families = [one("process_open_fds", "gauge", "Open file descriptors", open)];
    if (limit !== undefined)
      families.push(
        one("process_max_fds", "gauge", "Open file descriptors at most", Number(limit)),
      );
    return families;
  } catch {
    return [];
  }
}

function one(name: string, type: Family["type"], help: string, value: number): Family {
  return { name, type, help, samples: [{ value }] };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
