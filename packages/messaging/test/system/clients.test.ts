// Clients that nobody here wrote publish to every engine, and consume what another of them published.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type ConfirmChannel, connect } from "amqplib";
import { Connection } from "rabbitmq-client";
import type { RunningEngine } from "../contract/contract.ts";
import { drain, Inbox, sendAll } from "../contract/vocabulary.ts";
import { engines } from "../fixtures/engines.ts";
import { findProgram, needs } from "../fixtures/needs.ts";
import { run } from "../fixtures/run.ts";

const pikaClient = fileURLToPath(new URL("../fixtures/pika_client.py", import.meta.url));
const python = findProgram("python3") ?? "python3";
const pikaFound = spawnSync(python, ["-c", "import pika"]).status === 0;
const pika = needs(pikaFound, "no pika: apt-get install python3-pika, or run .ci/run");
const toolsFound = ["amqp-publish", "amqp-consume", "amqp-get", "amqp-declare-queue"].every(
  findProgram,
);
const tools = needs(
  toolsFound,
  "no amqp-tools (rabbitmq-c): apt-get install amqp-tools, or run .ci/run",
);

async function runPika(
  url: string,
  action: string,
  queue: string,
  count: number,
): Promise<unknown[]> {
  const { code, stdout, stderr } = await run(python, [
    pikaClient,
    `${url}/%2F`,
    action,
    queue,
    String(count),
  ]);
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

/** rabbitmq-c's tools; each must succeed. */
async function runTool(
  name: string,
  url: string,
  args: readonly string[],
  input = "",
): Promise<string> {
  const { code, stdout, stderr } = await run(name, [`--url=${url}`, ...args], { input });
  assert.equal(code, 0, `${name}: ${stderr}`);
  return stdout;
}

for (const engine of engines) {
  const present = needs(engine.missing === undefined, engine.missing ?? "");
  describe(`clients of others on ${engine.name}`, present, () => {
    let running: RunningEngine;
    let url = "";
    const queue = (label: string): string => `clients.${process.pid}.${label}`;

    before(async () => {
      running = await engine.start();
      url = running.url;
    });
    after(async () => {
      await withAmqplib(url, async (channel) => {
        for (const label of ["amqplib", "rabbitmq-client", "pika", "rabbitmq-c"]) {
          await channel.deleteQueue(queue(label));
        }
      });
      await running[Symbol.asyncDispose]();
    });

    test("amqplib publishes with confirms and consumes with acks", async () => {
      await withAmqplib(url, async (channel) => {
        await channel.assertQueue(queue("amqplib"), { durable: true });
        const bodies = Array.from({ length: 100 }, (_, index) => `amqplib ${index}`);
        await sendAll(channel, queue("amqplib"), bodies, { persistent: true });
        await channel.prefetch(10);
        const inbox = await Inbox.open(channel, queue("amqplib"));
        for (const body of bodies) {
          const message = await inbox.next();
          assert.equal(message.content.toString(), body);
          channel.ack(message);
        }
        assert.equal((await channel.checkQueue(queue("amqplib"))).messageCount, 0);
      });
    });

    test("rabbitmq-client publishes with confirms and consumes with acks", async () => {
      await using stack = new AsyncDisposableStack();
      const client = stack.adopt(new Connection(url), async (opened) => opened.close());
      const name = queue("rabbitmq-client");
      const options = { queue: name, durable: true };
      const publisher = client.createPublisher({ confirm: true, queues: [options] });
      stack.defer(async () => publisher.close());
      for (let number = 0; number < 50; number += 1) {
        await publisher.send({ routingKey: name, durable: true }, { number });
      }
      const numbers: number[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const consumer = client.createConsumer(
        { queue: name, queueOptions: options, qos: { prefetchCount: 5 }, concurrency: 1 },
        (message) => {
          numbers.push((message.body as { number: number }).number);
          if (numbers.length === 50) resolve();
        },
      );
      stack.defer(async () => consumer.close());
      consumer.on("error", reject);
      await promise;
      assert.deepEqual(
        numbers,
        Array.from({ length: 50 }, (_, index) => index),
      );
    });

    test("rabbitmq-client asks and answers by direct reply-to", async () => {
      await using stack = new AsyncDisposableStack();
      const client = stack.adopt(new Connection(url), async (opened) => opened.close());
      const server = client.createConsumer(
        { queue: queue("rabbitmq-client.rpc"), queueOptions: { autoDelete: true } },
        async (message, reply) => {
          await reply(`${String(message.body)}!`);
        },
      );
      stack.defer(async () => server.close());
      const asker = client.createRPCClient({ confirm: true });
      stack.defer(async () => asker.close());
      await once(server, "ready");
      const answer = await asker.send(queue("rabbitmq-client.rpc"), "hello");
      assert.equal(answer.body, "hello!");
    });

    test("pika publishes with confirms, and amqplib reads what pika wrote", pika, async () => {
      assert.deepEqual(await runPika(url, "publish", queue("pika"), 20), [{ confirmed: 20 }]);
      await withAmqplib(url, async (channel) => {
        const first = await channel.get(queue("pika"), { noAck: true });
        assert.ok(first);
        assert.deepEqual(
          { ...first.properties.headers },
          { number: 0, client: "pika", nested: { list: [1, "two", null, true] } },
        );
        assert.equal((await drain(channel, queue("pika"))).length, 19);
      });
    });

    test("pika consumes with acks what it published", pika, async () => {
      await runPika(url, "publish", queue("pika"), 30);
      const read = (await runPika(url, "consume", queue("pika"), 30)) as {
        body: string;
        id: string;
      }[];
      assert.deepEqual(
        read.map(({ body, id }) => [body, id]),
        Array.from({ length: 30 }, (_, index) => [`pika ${index}`, String(index)]),
      );
      await withAmqplib(url, async (channel) => {
        assert.deepEqual(await drain(channel, queue("pika")), []);
      });
    });

    test("pika understands a refusal and a return", pika, async () => {
      assert.deepEqual(await runPika(url, "errors", "-", 0), [
        { code: 404, text: "NOT_FOUND - no queue 'no such queue' in vhost '/'" },
        { returned: 1 },
      ]);
    });

    test("rabbitmq-c declares, publishes, gets and consumes", tools, async () => {
      const name = queue("rabbitmq-c");
      assert.equal((await runTool("amqp-declare-queue", url, ["-d", "-q", name])).trim(), name);
      await runTool("amqp-publish", url, ["-r", name, "-p", "-H", "kind: visit", "-b", "one"]);
      await runTool("amqp-publish", url, ["-r", name, "-p", "-l"], "two\nthree\n");
      assert.equal(await runTool("amqp-get", url, ["-q", name]), "one");
      const rest = await runTool("amqp-consume", url, ["-q", name, "-c", "2", "-p", "1", "cat"]);
      assert.deepEqual(rest.trim().split("\n"), ["two", "three"]);
      await withAmqplib(url, async (channel) => {
        assert.deepEqual(await drain(channel, name), []);
      });
    });

    test("rabbitmq-c reads what pika wrote", { ...tools, ...pika }, async () => {
      await runPika(url, "publish", queue("pika"), 1);
      assert.equal(await runTool("amqp-get", url, ["-q", queue("pika")]), "pika 0");
    });
  });
}

async function withAmqplib(
  url: string,
  act: (channel: ConfirmChannel) => Promise<void>,
): Promise<void> {
  const connection = await connect(url);
  try {
    await act(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}
