import assert from "node:assert/strict";
import { test } from "node:test";
import { defineWorker, Reject } from "@warrener/messaging";
import { openHouse } from "./support.ts";

interface Journey {
  readonly rows: Record<string, number>;
  readonly workers: { worker: string; done: number; dead: number }[];
  readonly dead: { row: number; error: string; attempt: number }[];
}

test("rows that a worker handles, retries and rejects are told in the journey of their file", async () => {
  await using house = await openHouse();
  const count = 500;
  const handled: number[] = [];
  const failedOnce = new Set<number>();
  const worker = defineWorker<never>({
    queue: "visits",
    retry: { attempts: 3, firstMs: 10, maxMs: 20 },
    handle: (payload) => {
      const number = Number((payload as { n: string }).n);
      if (number % 100 === 7) throw new Reject("seven is not a visit");
      if (number % 100 === 8 && !failedOnce.has(number)) {
        failedOnce.add(number);
        throw new Error("try again");
      }
      handled.push(number);
    },
  });
  await using running = await worker.start({ url: house.amqpUrl });
  const rows = Array.from({ length: count }, (_, row) => row + 1);
  const file = await house.upload(`n\n${rows.join("\n")}\nragged,row\n`, "text/csv", "visits.csv");
  const send = await house.send(file, { queue: "visits", as: "rows" });
  assert.equal(send["rowsConfirmed"], count);

  const read = async (): Promise<Journey> =>
    (await (await house.call(`/api/v1/files/${file}/journey`)).json()) as Journey;
  let journey = await read();
  while (journey.rows["waiting"] !== 0) journey = await read();
  assert.deepEqual(journey.rows, {
    queued: count,
    done: count - 5,
    dead: 5,
    retrying: 0,
    retries: 5,
    waiting: 0,
    rejected: 1,
  });
  assert.deepEqual(handled.length, count - 5);
  assert.deepEqual(
    journey.workers.map(({ worker, done, dead }) => [worker, done, dead]),
    [[running.name, count - 5, 5]],
  );
  assert.deepEqual(
    journey.dead.map(({ row }) => row).toSorted((a, b) => a - b),
    [7, 107, 207, 307, 407],
  );
  assert.match(journey.dead[0]?.error ?? "", /seven is not a visit/);
});
