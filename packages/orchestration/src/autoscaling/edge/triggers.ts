// Triggers at work: each tells its reading whenever that may have changed.
import type { Clock } from "../../clock.ts";
import { text } from "../../controllers/pods/pod-control.ts";
import { cronReading, cronWindow } from "../core/cron-window.ts";
import type { TriggerReading } from "../core/scaled-replicas.ts";
import {
  messageRate,
  type PublishedAt,
  readingOfFigure,
  type Threshold,
  thresholdOf,
} from "../core/trigger-reading.ts";
import type { QueueDepth } from "../queue-events.ts";
import type { Brokers } from "./brokers.ts";
import { askPrometheus } from "./prometheus.ts";

export interface TriggerContext {
  readonly clock: Clock;
  readonly brokers: Brokers;
  readonly pollingIntervalMs: number;
}

export interface TriggerListener {
  readonly onReading: (reading: TriggerReading) => void;
  /** A queue as it is, from triggers that know. */
  readonly onDepth: (depth: QueueDepth) => void;
}

type Parameters = Readonly<Record<string, string>>;
type Start = (
  context: TriggerContext,
  parameters: Parameters,
  listener: TriggerListener,
) => () => void;

const types: Readonly<Record<string, Start>> = {
  rabbitmq: startRabbitmq,
  prometheus: startPrometheus,
  cron: startCron,
};

/**
 * @param parameters its metadata, with what it names elsewhere filled in
 * @returns a function that ends it
 * @throws Error for what cannot be a trigger
 */
export function startTrigger(
  context: TriggerContext,
  type: string,
  parameters: Parameters,
  listener: TriggerListener,
): () => void {
  const start = types[type];
  if (start === undefined)
    throw new Error(
      `no trigger of type ${type} is known here: ${Object.keys(types).join(", ")} are`,
    );
  return start(context, parameters, listener);
}

/** Messages a second are counted over this time. */
const rateWindowMs = 10_000;

function startRabbitmq(
  { clock, brokers, pollingIntervalMs }: TriggerContext,
  parameters: Parameters,
  { onReading, onDepth }: TriggerListener,
): () => void {
  const { host, queueName: queue, vhostName, mode = "QueueLength", queueLength } = parameters;
  if (queue === undefined) throw new Error("queueName is missing");
  if (mode !== "QueueLength" && mode !== "MessageRate")
    throw new Error(`mode must be QueueLength or MessageRate, not ${mode}`);
  const threshold = thresholdOf(parameters["value"] ?? queueLength, parameters["activationValue"]);
  const figure = mode === "MessageRate" ? new Rate(clock, threshold, onReading) : undefined;
  const excludesUnacked = parameters["excludeUnacknowledged"] === "true";
  const vhost = vhostName ?? vhostIn(host);
  const stop = brokers(host, pollingIntervalMs).watch(
    { vhost, queue },
    {
      onDepth: (depth) => {
        onDepth(depth);
        if (figure !== undefined) return figure.add(depth.published);
        const length = depth.ready + (excludesUnacked ? 0 : depth.unacked);
        onReading(readingOfFigure(length, threshold));
      },
      onFailure: (failure) => onReading({ failure }),
    },
  );
  return () => {
    stop();
    figure?.stop();
  };
}

/** The path of a URL is the virtual host (AMQP URI specification). */
function vhostIn(url: string | undefined): string {
  if (url?.startsWith("amqp") !== true) return "/";
  const path = new URL(url).pathname.slice(1);
  return path === "" ? "/" : decodeURIComponent(path);
}

/** A rate falls while nothing happens: it is looked at again until it is nothing. */
class Rate {
  readonly #clock: Clock;
  readonly #threshold: Threshold;
  readonly #onReading: (reading: TriggerReading) => void;
  #samples: PublishedAt[] = [];
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, threshold: Threshold, onReading: (reading: TriggerReading) => void) {
    this.#clock = clock;
    this.#threshold = threshold;
    this.#onReading = onReading;
  }

  add(published: number | undefined): void {
    if (published === undefined)
      return this.#onReading({
        failure: "MessageRate needs the management API: host must be http",
      });
    this.#samples.push({ atMs: this.#clock.nowMs(), published });
    this.#look();
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    this.#cancel();
    const nowMs = this.#clock.nowMs();
    // One sample before the window tells what had been published when it began.
    const first = this.#samples.findLastIndex(({ atMs }) => atMs <= nowMs - rateWindowMs);
    this.#samples = this.#samples.slice(Math.max(0, first));
    const rate = messageRate(this.#samples, nowMs, rateWindowMs);
    this.#onReading(readingOfFigure(rate, this.#threshold));
    if (rate > 0) this.#cancel = this.#clock.after(1000, () => this.#look());
  }
}

function startPrometheus(
  { clock, pollingIntervalMs }: TriggerContext,
  parameters: Parameters,
  { onReading }: TriggerListener,
): () => void {
  const { serverAddress, query } = parameters;
  if (serverAddress === undefined || query === undefined)
    throw new Error("serverAddress and query are needed");
  const threshold = thresholdOf(parameters["threshold"], parameters["activationThreshold"]);
  let isOver = false;
  let cancel: () => void = () => undefined;
  const poll = async (): Promise<void> => {
    const reading = await askPrometheus(serverAddress, query).then(
      (figure) => readingOfFigure(figure, threshold),
      (error: unknown) => ({ failure: text(error) }),
    );
    if (isOver) return;
    onReading(reading);
    cancel = clock.after(pollingIntervalMs, () => void poll());
  };
  void poll();
  return () => {
    isOver = true;
    cancel();
  };
}

function startCron(
  { clock }: TriggerContext,
  parameters: Parameters,
  { onReading }: TriggerListener,
): () => void {
  const window = cronWindow(parameters);
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const { reading, nextMs } = cronReading(window, clock.nowMs());
    onReading(reading);
    // A timer cannot wait longer than this; then it is only looked at again.
    const waitMs = Math.min(nextMs - clock.nowMs(), 24 * 3600_000);
    cancel = clock.after(waitMs, look);
  };
  look();
  return () => cancel();
}
