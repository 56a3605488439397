// The producer and the worker, on the embedded broker and on a real RabbitMQ.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "amqplib";
import { z } from "zod";
import {
  createProducer,
  defineWorker,
  type HandlerContext,
  InvalidPayload,
  Reject,
  SendError,
  WorkerError,
} from "../../../src/index.ts";
import type { RunningEngine } from "../../contract/contract.ts";
import { engines } from "../../fixtures/engines.ts";
import { needs } from "../../fixtures/needs.ts";
import { startProxy } from "./proxy.ts";
import { Collected, openScene } from "./scene.ts";

const quick = { attempts: 3, firstMs: 20, factor: 2, maxMs: 1000, jitter: 0, slots: 1 };
const quickDelays = [20, 40];
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

for (const engine of engines) {
  describe(
    `the client on ${engine.name}`,
    needs(engine.missing === undefined, engine.missing ?? ""),
    () => {
      let running: RunningEngine;
      before(async () => {
        running = await engine.start();
      });
      after(async () => running[Symbol.asyncDispose]());
      const scene = (): ReturnType<typeof openScene> => openScene(running.url, quickDelays);

      test("a worker gets what a producer sends, typed by the schema, in the same trace", async () => {
        await using here = await scene();
        const { url } = running;
        const schema = z.object({ n: z.number(), at: z.iso.datetime() });
        const got = new Collected<{ n: number; context: HandlerContext }>();
        await using worker = await defineWorker({
          queue: here.queue,
          schema,
          handle: ({ n }, context) => got.push({ n, context }),
        }).start({ url });
        await using producer = createProducer({ url, queue: here.queue, schema });
        const sent = await producer.send(
          { n: 7, at: "2026-01-31T12:00:00Z" },
          { messageId: "seven", traceparent, headers: { colour: "blue" } },
        );
        const [first] = await got.reach(1);
        assert.equal(first?.n, 7);
        assert.deepEqual(sent, { messageId: "seven", traceparent });
        assert.equal(first.context.messageId, "seven");
        assert.equal(first.context.attempt, 1);
        assert.equal(first.context.headers["colour"], "blue");
        assert.match(first.context.traceparent, /^00-0af7651916cd43dd8448eb211c80319c-/);
        assert.notEqual(first.context.traceparent, traceparent);
        await worker.stop();
        assert.equal(await here.count(here.queue), 0);
      });

      test("a failing message comes back through the retry queues, then is dead with its cause", async () => {
        await using here = await scene();
        const attempts = new Collected<number>();
        await using worker = await defineWorker({
          queue: here.queue,
          retry: quick,
          handle: (_payload, { attempt }) => {
            attempts.push(attempt);
            throw new TypeError(`no luck\nat all`);
          },
        }).start({ url: running.url });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send({ n: 1 }, { messageId: "unlucky", headers: { kept: "yes" } });
        const { content, properties } = await here.next(`${here.queue}.dead`);
        assert.deepEqual(attempts.items, [1, 2, 3]);
        assert.deepEqual(JSON.parse(content.toString()), { n: 1 });
        assert.equal(properties.messageId, "unlucky");
        const headers = properties.headers as Record<string, unknown>;
        assert.equal(headers["kept"], "yes");
        assert.equal(headers["x-warrener-reason"], "exhausted");
        assert.equal(headers["x-warrener-attempt"], 3);
        assert.equal(headers["x-warrener-error-name"], "TypeError");
        assert.equal(headers["x-warrener-error-message"], "no luck\nat all");
        assert.match(String(headers["x-warrener-error-stack"]), /^at .*client\.test\.ts/);
        assert.equal(headers["x-warrener-worker"], worker.name);
        assert.equal(headers["x-warrener-queue"], here.queue);
        assert.ok(
          String(headers["x-warrener-first-at"]) < String(headers["x-warrener-last-at"]),
          "the first failure was before the last",
        );
        await worker.stop();
        assert.deepEqual(worker.counts, {
          done: 0,
          duplicate: 0,
          retried: 2,
          dead: 1,
          requeued: 0,
        });
      });

      test("a message that succeeds at the second attempt is done", async () => {
        await using here = await scene();
        const done = new Collected<number>();
        here.use(
          await defineWorker({
            queue: here.queue,
            retry: quick,
            handle: (_payload, { attempt }) => {
              if (attempt === 1) throw new Error("not yet");
              done.push(attempt);
            },
          }).start({ url: running.url }),
        );
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send("once more");
        assert.deepEqual(await done.reach(1), [2]);
        assert.equal(await here.count(`${here.queue}.dead`), 0);
      });

      test("a rejected message is dead at once", async () => {
        await using here = await scene();
        const handled = new Collected<number>();
        here.use(
          await defineWorker({
            queue: here.queue,
            retry: quick,
            handle: (_payload, context) => {
              handled.push(context.attempt);
              context.reject("visit_date is in the future");
            },
          }).start({ url: running.url }),
        );
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send({});
        const { properties } = await here.next(`${here.queue}.dead`);
        assert.deepEqual(handled.items, [1]);
        assert.equal(properties.headers?.["x-warrener-reason"], "rejected");
        assert.equal(
          properties.headers?.["x-warrener-error-message"],
          "visit_date is in the future",
        );
      });

      for (const [what, body, path] of [
        ["does not fit the schema", '{"officer":{"phones":["a",5]}}', "officer.phones[1]"],
        ["is not JSON", "{", ""],
      ] as const) {
        test(`a payload that ${what} is dead at once, with the places`, async () => {
          await using here = await scene();
          await using worker = await defineWorker({
            queue: here.queue,
            schema: z.object({ officer: z.object({ phones: z.array(z.string()) }) }),
            handle: () => assert.fail("must not be handled"),
          }).start({ url: running.url });
          here.channel.sendToQueue(here.queue, Buffer.from(body), {
            contentType: "application/json",
          });
          const { properties } = await here.next(`${here.queue}.dead`);
          assert.equal(properties.headers?.["x-warrener-reason"], "invalid");
          const issues = JSON.parse(String(properties.headers?.["x-warrener-issues"]));
          assert.equal(issues[0].path, path);
          await worker.stop();
        });
      }

      test("a producer refuses a payload that does not fit the schema", async () => {
        await using here = await scene();
        await here.channel.assertQueue(here.queue);
        await using producer = createProducer({
          url: running.url,
          queue: here.queue,
          schema: z.object({ n: z.number() }),
        });
        await assert.rejects(
          producer.send({ n: "one" } as never),
          (error: unknown) => error instanceof InvalidPayload && error.issues[0]?.path === "n",
        );
      });

      test("a message for a queue that does not exist is an error with a remedy, unless it is not mandatory", async () => {
        await using here = await scene();
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await assert.rejects(
          producer.send({}),
          (error: unknown) =>
            error instanceof SendError &&
            error.kind === "unroutable" &&
            /start its worker/.test(error.remedy),
        );
        await producer.send({}, { mandatory: false });
      });

      test("a message that comes twice is handled once", async () => {
        await using here = await scene();
        const handled = new Collected<string | undefined>();
        await using worker = await defineWorker({
          queue: here.queue,
          concurrency: 4,
          handle: (_payload, { messageId }) => handled.push(messageId),
        }).start({ url: running.url });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        for (const messageId of ["a", "a", "b", "a", "b", "last"]) {
          await producer.send({}, { messageId });
        }
        await handled.reach(3);
        await worker.stop();
        assert.deepEqual(new Set(handled.items), new Set(["a", "b", "last"]));
        assert.equal(handled.items.length, 3);
        assert.equal(worker.counts.duplicate, 3);
      });

      test("no more messages are handled at once than asked for", async () => {
        await using here = await scene();
        const handled = new Collected<number>();
        let atOnce = 0;
        here.use(
          await defineWorker({
            queue: here.queue,
            concurrency: 3,
            handle: async () => {
              atOnce += 1;
              handled.push(atOnce);
              await new Promise((soon) => setImmediate(soon));
              atOnce -= 1;
            },
          }).start({ url: running.url }),
        );
        await using producer = createProducer({
          url: running.url,
          queue: here.queue,
          inFlightMax: 5,
        });
        await Promise.all(Array.from({ length: 60 }, (_, n) => producer.send(n)));
        const seen = await handled.reach(60);
        assert.equal(Math.max(...seen), 3);
      });

      test("a worker that stops finishes what was delivered, so that nothing is redelivered", async () => {
        await using here = await scene();
        const begun = new Collected<unknown>();
        const gate = Promise.withResolvers<void>();
        const stop = new AbortController();
        const worker = await defineWorker({
          queue: here.queue,
          concurrency: 1,
          prefetch: 3,
          handle: async (payload) => {
            begun.push(payload);
            await gate.promise;
          },
        }).start({ url: running.url, signal: stop.signal });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        for (const n of [1, 2, 3, 4, 5]) await producer.send(n);
        await begun.reach(1);
        stop.abort();
        gate.resolve();
        await worker.stopped;
        const { items } = begun;
        assert.equal(worker.counts.done, items.length);
        assert.ok(items.length <= 3, "no more than were delivered ahead");
        const handled = [...items];
        while (handled.length < 5) {
          const message = await here.channel.get(here.queue, { noAck: true });
          assert.ok(message !== false && !message.fields.redelivered);
          handled.push(Number(message.content.toString()));
        }
        assert.deepEqual(handled, [1, 2, 3, 4, 5]);
      });

      test("what a handler does not finish within the grace is cut off and given back", async () => {
        await using here = await scene();
        const begun = new Collected<number>();
        const worker = await defineWorker({
          queue: here.queue,
          concurrency: 1,
          handle: async (_payload, { signal }) => {
            begun.push(1);
            const { promise, reject } = Promise.withResolvers<never>();
            signal.addEventListener("abort", () => reject(signal.reason as Error));
            await promise;
          },
        }).start({ url: running.url, graceMs: 1 });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send("slow");
        await producer.send("slower");
        await begun.reach(1);
        await worker.stop();
        assert.deepEqual(begun.items, [1]);
        for (const expected of ["slow", "slower"]) {
          const { content, properties } = await here.next(here.queue);
          assert.equal(content.toString(), JSON.stringify(expected));
          assert.equal(properties.headers?.["x-warrener-attempt"], undefined);
        }
      });

      test("a handler answers and sends on in the same trace", async () => {
        await using here = await scene();
        const { url } = running;
        await here.channel.assertQueue(`${here.queue}.dead`);
        here.use(
          await defineWorker({
            queue: here.queue,
            handle: async (payload, { reply }) => {
              await reply({ echo: payload });
            },
          }).start({ url }),
        );
        await using producer = createProducer({ url, queue: here.queue });
        await producer.send("ping", {
          messageId: "question",
          replyTo: `${here.queue}.dead`,
          traceparent,
        });
        const { content, properties } = await here.next(`${here.queue}.dead`);
        assert.equal(content.toString(), '{"echo":"ping"}');
        assert.equal(properties.correlationId, "question");
        assert.match(
          String(properties.headers?.["traceparent"]),
          /^00-0af7651916cd43dd8448eb211c80319c-/,
        );
      });

      test("what comes of a file's messages is reported ahead of its acknowledgement", async () => {
        await using here = await scene();
        const journey = "warrener.journey";
        await here.channel.assertQueue(journey);
        await here.channel.purgeQueue(journey);
        await using worker = await defineWorker({
          queue: here.queue,
          retry: { ...quick, attempts: 1 },
          handle: (payload) => {
            if (payload === 2) throw new Reject("two is too many");
          },
        }).start({ url: running.url });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        for (const row of [1, 2]) {
          const headers = { "x-warrener-file": "f1", "x-warrener-row": row, "x-warrener-rows": 1 };
          await producer.send(row, { messageId: `row-${row}`, headers });
        }
        await here.next(`${here.queue}.dead`);
        await worker.stop();
        const outcomes: Record<string, unknown>[] = [];
        while (outcomes.length < 2) {
          const { content, properties } = await here.next(journey);
          assert.equal(properties.contentType, "application/vnd.warrener.outcomes+json");
          outcomes.push(...JSON.parse(content.toString()).outcomes);
        }
        await here.channel.deleteQueue(journey);
        const common = { file: "f1", queue: here.queue, rows: 1, attempt: 1, worker: worker.name };
        assert.deepEqual(
          outcomes
            .map(({ at: _at, ...rest }) => rest)
            .toSorted((a, b) => Number(a["row"]) - Number(b["row"])),
          [
            { ...common, messageId: "row-1", row: 1, outcome: "done" },
            { ...common, messageId: "row-2", row: 2, outcome: "dead", error: "two is too many" },
          ],
        );
      });

      test("a worker whose queue is deleted makes it again and goes on", async () => {
        await using here = await scene();
        const handled = new Collected<unknown>();
        const connected = new Collected<string>();
        const log = {
          info: (message: string) => connected.push(message),
          warn: () => undefined,
          error: () => undefined,
        };
        here.use(
          await defineWorker({
            queue: here.queue,
            handle: (n) => handled.push(n),
          }).start({
            url: running.url,
            log,
          }),
        );
        await here.channel.deleteQueue(here.queue);
        await connected.reach(2);
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send("after");
        assert.deepEqual(await handled.reach(1), ["after"]);
      });

      test("worker and producer survive cut connections, and nothing confirmed is lost or done twice", async () => {
        await using here = await scene();
        await using proxy = await startProxy(running.url);
        const handled = new Collected<unknown>();
        await using worker = await defineWorker({
          queue: here.queue,
          handle: (n) => handled.push(n),
        }).start({
          url: proxy.url,
        });
        await using producer = createProducer({
          url: proxy.url,
          queue: here.queue,
          inFlightMax: 20,
        });
        const sends = Array.from({ length: 300 }, async (_, n) => {
          await producer.send(n, { messageId: `m${n}` });
          if (n % 60 === 30) proxy.cut();
        });
        await Promise.all(sends);
        await handled.reach(300);
        await worker.stop();
        assert.deepEqual(
          handled.items.toSorted((a, b) => Number(a) - Number(b)),
          Array.from({ length: 300 }, (_, n) => n),
        );
        assert.equal(await here.count(here.queue), 0);
      });

      test("a send waits out an outage, and gives up at its deadline", async () => {
        await using here = await scene();
        await here.channel.assertQueue(here.queue);
        await using proxy = await startProxy(running.url);
        await using producer = createProducer({ url: proxy.url, queue: here.queue });
        await producer.send("before");
        proxy.shut();
        await assert.rejects(
          producer.send("too late", { deadlineMs: 30 }),
          (error: unknown) => error instanceof SendError && error.kind === "deadline",
        );
        const aborted = new AbortController();
        const given = producer.send("aborted", { signal: aborted.signal });
        aborted.abort();
        await assert.rejects(given, { name: "SendError", kind: "aborted" });
        const patient = producer.send("after");
        proxy.open();
        await patient;
        const bodies = [await here.next(here.queue), await here.next(here.queue)];
        assert.deepEqual(
          bodies.map(({ content }) => content.toString()),
          ['"before"', '"after"'],
        );
      });

      test("a worker is refused for good when its queue has other arguments or its password is wrong", async () => {
        await using here = await scene();
        await here.channel.assertQueue(here.queue, {
          durable: true,
          arguments: { "x-max-length": 5 },
        });
        const worker = defineWorker({ queue: here.queue, handle: () => undefined });
        await assert.rejects(worker.start({ url: running.url }), WorkerError);
        const wrong = new URL(running.url);
        wrong.password = "wrong";
        await assert.rejects(worker.start({ url: wrong.href }), WorkerError);
      });

      test("a message that the queue's limit refuses is an error with a remedy", async () => {
        await using here = await scene();
        await here.channel.assertQueue(here.queue, {
          durable: true,
          arguments: { "x-max-length": 1, "x-overflow": "reject-publish" },
        });
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send("fits");
        await assert.rejects(
          producer.send("one too many"),
          (error: unknown) =>
            error instanceof SendError && error.kind === "refused" && /limit/.test(error.remedy),
        );
      });

      test("a message whose inbox fails comes again as the same attempt", async () => {
        await using here = await scene();
        const handled = new Collected<number>();
        let isDown = true;
        const inbox = {
          has: () => {
            if (!isDown) return false;
            isDown = false;
            throw new Error("the store is down");
          },
          add: () => undefined,
        };
        const worker = await defineWorker({
          queue: here.queue,
          inbox,
          handle: (_payload, { attempt }) => handled.push(attempt),
        }).start({ url: running.url });
        here.use(worker);
        await using producer = createProducer({ url: running.url, queue: here.queue });
        await producer.send({});
        assert.deepEqual(await handled.reach(1), [1]);
        await worker.stop();
        assert.deepEqual([worker.counts.requeued, worker.counts.done], [1, 1]);
      });

      test("a worker waits for a broker that is not there yet", async () => {
        await using here = await scene();
        await using proxy = await startProxy(running.url);
        proxy.shut();
        const starting = defineWorker({ queue: here.queue, handle: () => undefined }).start({
          url: proxy.url,
        });
        const { promise, resolve } = Promise.withResolvers<void>();
        const probe = connect(proxy.url).catch(() => resolve());
        await Promise.all([promise, probe]);
        proxy.open();
        await (await starting).stop();
      });
    },
  );
}
