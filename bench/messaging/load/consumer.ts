// Takes deliveries, notes how long each was under way, and acknowledges what one read of the socket brought with one frame.
import { Frame } from "../../../packages/messaging/src/amqp/constants.generated.ts";
import { emptyTable } from "../../../packages/messaging/src/amqp/field-table.ts";
import { Client } from "./client.ts";
import { AckFrame } from "./frames.ts";
import { Samples } from "./samples.ts";
import type { Load } from "./workload.ts";

/** What all consumers of a run have received together. */
export class Received {
  readonly latencies = new Samples();
  count = 0;
  firstAtMs = 0;
  lastAtMs = 0;

  one(atMs: number): void {
    this.count += 1;
    if (this.firstAtMs === 0) this.firstAtMs = atMs;
    this.lastAtMs = atMs;
  }
}

/** Starts the consumers of a run, spread over its queues. */
export async function startConsumers(
  load: Load,
  queues: readonly string[],
  received: Received,
): Promise<void> {
  for (let i = 0; i < load.consumers; i++) {
    const client = await Client.open(load.url);
    read(client, load.prefetch > 0, received);
    await subscribe(client, queues[i % queues.length] as string, load.prefetch);
  }
}

function read(client: Client, acknowledges: boolean, received: Received): void {
  const ack = new AckFrame();
  let deliveryTag = 0;
  let acknowledged = 0;
  let bodyRest = 0;
  let isBodyStart = false;
  client.onFrame = (type, buffer, start, end) => {
    if (type === Frame.HEADER) {
      bodyRest = buffer.readUInt32BE(start + 8); // the low half of its 8 octets: no body has 4 GiB
      isBodyStart = true;
    } else if (type === Frame.BODY) {
      const now = performance.now();
      if (isBodyStart && end - start >= 8) received.latencies.add(now - buffer.readDoubleBE(start));
      isBodyStart = false;
      bodyRest -= end - start;
      if (bodyRest > 0) return;
      deliveryTag += 1;
      received.one(now);
    }
  };
  if (!acknowledges) return;
  // Behind the client's own listener, so that the frames of this chunk have been counted.
  client.socket.on("data", () => {
    if (acknowledged === deliveryTag) return;
    acknowledged = deliveryTag;
    client.socket.write(ack.upTo(deliveryTag));
  });
}

async function subscribe(client: Client, queue: string, prefetch: number): Promise<void> {
  if (prefetch > 0) {
    await client.call(
      { method: "basic.qos", prefetchSize: 0, prefetchCount: prefetch, global: false },
      "basic.qos-ok",
    );
  }
  await client.call(
    {
      method: "basic.consume",
      ticket: 0,
      queue,
      consumerTag: "",
      noLocal: false,
      noAck: prefetch === 0,
      exclusive: false,
      nowait: false,
      arguments: emptyTable,
    },
    "basic.consume-ok",
  );
}
