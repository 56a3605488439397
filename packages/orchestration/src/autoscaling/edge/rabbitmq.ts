// Asks a RabbitMQ how long a queue is: by a passive declare, or by its management API where the address is one of HTTP.
import { connect } from "amqplib";
import type { Clock } from "../../clock.ts";
import { text } from "../../controllers/pods/pod-control.ts";
import { emptyQueue, type QueueDepth, type QueueEvents, type QueueRef } from "../queue-events.ts";

const askedMsMax = 10_000;
const notFound = 404; // NOT_FOUND of AMQP 0-9-1 §1.1, and of HTTP

export interface PolledBroker {
  /** `amqp://`, `amqps://`, `http://` or `https://`, with credentials. */
  readonly url: string;
  readonly pollingIntervalMs: number;
}

/** For brokers that tell nobody of changes. */
export function polledQueueEvents(broker: PolledBroker, clock: Clock): QueueEvents {
  const ask = broker.url.startsWith("http") ? askManagement : askPassively;
  return {
    watch: (queue, { onDepth, onFailure }) => {
      let isOver = false;
      let cancel: () => void = () => undefined;
      const poll = async (): Promise<void> => {
        try {
          const depth = await ask(broker.url, queue);
          if (!isOver) onDepth(depth);
        } catch (error) {
          if (!isOver) onFailure(text(error));
        }
        if (!isOver) cancel = clock.after(broker.pollingIntervalMs, () => void poll());
      };
      void poll();
      return () => {
        isOver = true;
        cancel();
      };
    },
  };
}

/** Tells of messages that are ready, and of the number of consumers; AMQP tells no more. */
async function askPassively(url: string, { vhost, queue }: QueueRef): Promise<QueueDepth> {
  const address = new URL(url);
  if (vhost !== "/") address.pathname = `/${encodeURIComponent(vhost)}`;
  const connection = await connect(address.href, { timeout: askedMsMax });
  connection.on("error", () => undefined); // the call that is under way rejects
  try {
    const channel = await connection.createChannel();
    channel.on("error", () => undefined);
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    return { ...emptyQueue, ready: messageCount, consumerCount, consumers: undefined };
  } catch (error) {
    if ((error as { code?: unknown }).code === notFound) return emptyQueue;
    throw error;
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** `GET /api/queues/<vhost>/<queue>` */
interface ManagedQueue {
  readonly messages_ready?: number;
  readonly messages_unacknowledged?: number;
  readonly consumers?: number;
  readonly message_stats?: { readonly publish?: number; readonly ack?: number };
}

async function askManagement(url: string, { vhost, queue }: QueueRef): Promise<QueueDepth> {
  const { username, password, origin, pathname } = new URL(url);
  const base = `${origin}${pathname.replace(/\/$/, "")}`;
  const path = `/api/queues/${encodeURIComponent(vhost)}/${encodeURIComponent(queue)}`;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const response = await fetch(`${base}${path}`, {
    headers: { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` },
    signal: AbortSignal.timeout(askedMsMax),
  });
  if (response.status === notFound) return emptyQueue;
  if (!response.ok) throw new Error(`the management API answered ${response.status}`);
  const managed = (await response.json()) as ManagedQueue;
  return {
    ready: managed.messages_ready ?? 0,
    unacked: managed.messages_unacknowledged ?? 0,
    published: managed.message_stats?.publish ?? 0,
    acknowledged: managed.message_stats?.ack ?? 0,
    consumerCount: managed.consumers ?? 0,
    consumers: undefined,
  };
}
