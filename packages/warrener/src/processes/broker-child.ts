// The broker in a process of its own.
import { join } from "node:path";
import { openAccess } from "@warrener/access";
import { startBroker } from "@warrener/messaging";
import pino from "pino";
import { messageFirst } from "../logging.ts";
import { runChild } from "./child.ts";

export interface BrokerConfig {
  readonly data: string;
  readonly port: number;
  readonly metricsPort: number;
}

await runChild(async ({ data, port, metricsPort }: BrokerConfig) => {
  const access = await openAccess({ dataDir: data, shard: "broker" });
  try {
    const log = messageFirst(pino({ name: "broker" }));
    const dataDir = join(data, "broker");
    const broker = await startBroker({ dataDir, port, metricsPort, guard: access, log });
    return {
      facts: { port: broker.port, metricsPort: broker.metricsPort ?? 0 },
      close: async () => {
        await broker.close();
        await access[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await access[Symbol.asyncDispose]();
    throw error;
  }
});
