import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { journeyQueue } from "../../src/index.ts";
import { type House, openHouse, openQueue, type Queue } from "./support.ts";

let house: House;
let queue: Queue;
before(async () => {
  house = await openHouse();
  queue = await openQueue(house.amqpUrl);
});
after(async () => {
  await queue[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
});

interface Journey {
  readonly revision: number;
  readonly rows: Record<string, number>;
  readonly workers: Record<string, unknown>[];
  readonly dead: Record<string, unknown>[];
  readonly results: { id: string }[];
}

/** Plays a worker: takes the rows of a file and reports on each. */
async function sendThreeRows(): Promise<{
  file: string;
  report: (row: number, outcome: string, more?: object) => object;
}> {
  const file = await house.upload("a\n1\n2\n3\n", "text/csv");
  await house.send(file, { queue: queue.name, as: "rows" });
  const messages = await queue.take(3);
  return {
    file,
    report: (row, outcome, more = {}) => ({
      file,
      queue: queue.name,
      messageId: messages[row - 1]?.id,
      row,
      rows: 1,
      outcome,
      attempt: 1,
      worker: "w1",
      at: "2026-01-01T00:00:00.000Z",
      ...more,
    }),
  };
}

const tell = (...outcomes: object[]): void =>
  queue.publish(journeyQueue, JSON.stringify({ outcomes }));

/** Events of a file's stream; the caller breaks off. */
async function* watch(
  file: string,
  lastEventId?: number,
): AsyncGenerator<{ id: string; journey: Journey }> {
  const answer = await house.call(`/api/v1/files/${file}/journey`, {
    headers: {
      accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) }),
    },
  });
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString();
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const [, id, data] = /^event: journey\nid: (.*)\ndata: (.*)$/.exec(event) ?? [];
      if (id && data) yield { id, journey: JSON.parse(data) as Journey };
    }
  }
}

async function until(file: string, is: (journey: Journey) => boolean): Promise<Journey> {
  for await (const { journey } of watch(file)) if (is(journey)) return journey;
  throw new Error("the stream ended");
}

test("a journey tells live what became of each row, and by which worker", async () => {
  const { file, report } = await sendThreeRows();
  tell(report(1, "done"), report(2, "retried", { worker: "w2" }));
  tell(report(3, "dead", { attempt: 3, error: "in the future" }));
  const journey = await until(file, ({ rows }) => rows["dead"] === 1);
  assert.deepEqual(journey.rows, {
    queued: 3,
    done: 1,
    dead: 1,
    retrying: 1,
    retries: 3,
    waiting: 1,
    rejected: 0,
  });
  assert.deepEqual(
    journey.workers.map(({ worker, done, dead }) => [worker, done, dead]),
    [
      ["w1", 1, 1],
      ["w2", 0, 0],
    ],
  );
  assert.deepEqual(
    journey.dead.map(({ row, error, attempt }) => [row, error, attempt]),
    [[3, "in the future", 3]],
  );
  const rows = await house.call(`/api/v1/files/${file}/journey/rows?outcome=dead`);
  const { items } = (await rows.json()) as { items: Record<string, unknown>[] };
  assert.deepEqual(
    items.map(({ row }) => row),
    [3],
  );
});

test("reports that come twice, late, or make no sense change nothing", async () => {
  const { file, report } = await sendThreeRows();
  tell(report(1, "retried"), report(1, "done", { attempt: 2, worker: "w2" }), report(2, "done"));
  tell(report(1, "retried"), report(1, "done", { attempt: 2, worker: "w2" }), { nonsense: true });
  queue.publish(journeyQueue, "not json");
  tell({ ...report(1, "done"), file: "unknown" }, report(3, "done"));
  const journey = await until(file, ({ rows }) => rows["done"] === 3);
  assert.deepEqual(journey.rows, {
    queued: 3,
    done: 3,
    dead: 0,
    retrying: 0,
    retries: 1,
    waiting: 0,
    rejected: 0,
  });
});

test("a client that comes back with Last-Event-ID sees only what is new", async () => {
  const { file, report } = await sendThreeRows();
  const { revision } = await until(file, ({ rows }) => rows["queued"] === 3);
  const stream = watch(file, revision);
  const next = stream.next();
  tell(report(1, "done"));
  const { value } = await next;
  assert.ok(value);
  assert.equal(value.journey.rows["done"], 1);
  assert.ok(Number(value.id) > revision);
  await stream.return(undefined);
});

test("what a worker made of a file belongs to its journey", async () => {
  const { file } = await sendThreeRows();
  const answer = await house.call("/api/v1/files?name=result.json", {
    method: "POST",
    headers: { "content-type": "application/json", "x-warrener-origin": file },
    body: "{}",
  });
  const { id, origin } = (await answer.json()) as { id: string; origin: string };
  assert.equal(origin, file);
  const journey = await until(file, ({ results }) => results.length === 1);
  assert.equal(journey.results[0]?.id, id);
  const lost = await house.call("/api/v1/files", {
    method: "POST",
    headers: { "content-type": "text/plain", "x-warrener-origin": "no such file" },
    body: "x",
  });
  assert.equal(lost.status, 404);
});

test("reports are taken in again after their queue was deleted under the gateway", async () => {
  const { file, report } = await sendThreeRows();
  await queue.deleteQueue(journeyQueue);
  while ((await house.call(`/api/v1/queues/${journeyQueue}`)).status !== 200);
  tell(report(1, "done"));
  await until(file, ({ rows }) => rows["done"] === 1);
});

test("the journey survives a restart of the gateway, and so do reports that came meanwhile", async () => {
  const { file, report } = await sendThreeRows();
  tell(report(1, "done"));
  await until(file, ({ rows }) => rows["done"] === 1);
  const restarted = house.restart();
  tell(report(2, "done"));
  await restarted;
  const journey = await until(file, ({ rows }) => rows["done"] === 2);
  assert.equal(journey.rows["waiting"], 1);
});

test("a client that goes gives its place among the streams back", async () => {
  await using narrow = await openHouse({ amqpUrl: house.amqpUrl, limits: { streamsMax: 1 } });
  const file = await narrow.upload("a\n", "text/csv");
  const open = (signal?: AbortSignal): Promise<Response> =>
    narrow.call(`/api/v1/files/${file}/journey`, {
      headers: { accept: "text/event-stream" },
      ...(signal === undefined ? {} : { signal }),
    });
  const client = new AbortController();
  assert.equal((await open(client.signal)).status, 200);
  const refused = await open();
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "10");
  client.abort();
  const last = new AbortController();
  let status = 429;
  while (status === 429) ({ status } = await open(last.signal));
  assert.equal(status, 200);
  last.abort();
});
