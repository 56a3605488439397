import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "amqplib";
import { startBroker } from "../../src/index.ts";

const needsDevFull = existsSync("/dev/full") ? {} : { skip: "no /dev/full here" };

test(
  "on a full disk nothing is confirmed, publishers are told why, and consumers go on",
  needsDevFull,
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "warrener-full-"));
    const errors: string[] = [];
    const log = {
      info: () => undefined,
      warn: () => undefined,
      error: (message: string) => errors.push(message),
    };
    {
      await using broker = await startBroker({
        port: 0,
        allowGuest: true,
        dataDir,
        log,
        metricsPort: 0,
      });
      // The first segment will be a device on which every write fails with ENOSPC.
      symlinkSync("/dev/full", join(dataDir, "0000000001.log"));
      const connection = await connect(broker.url);
      const channel = await connection.createConfirmChannel();
      await channel.assertQueue("q", { durable: true });
      const blocked = once(connection, "blocked");
      let confirmed = false;
      channel.publish("", "q", Buffer.from("kept nowhere"), { persistent: true }, (error) => {
        confirmed = error === null;
      });
      const [reason] = (await blocked) as [string];
      assert.match(reason, /disk cannot be written: ENOSPC/);
      assert.equal(confirmed, false);
      assert.deepEqual(errors, ["message log cannot be written, retrying"]);
      const other = await connection.createChannel();
      await other.assertQueue("transient", { durable: false });
      other.sendToQueue("transient", Buffer.from("goes on"));
      const got = Promise.withResolvers<string>();
      await other.consume("transient", (message) => got.resolve(message?.content.toString() ?? ""));
      assert.equal(await got.promise, "goes on");
      const metrics = await (await fetch(`http://127.0.0.1:${broker.metricsPort}/metrics`)).text();
      assert.match(metrics, /^rabbitmq_alarms_free_disk_space_watermark 1$/m);
      await connection.close();
    }
    rmSync(dataDir, { recursive: true });
  },
);
