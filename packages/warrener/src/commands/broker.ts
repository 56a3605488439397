// `warrener broker`: the broker alone, in this process.
import { once } from "node:events";
import { join } from "node:path";
import { openAccess } from "@warrener/access";
import { startBroker } from "@warrener/messaging";
import pino from "pino";
import { messageFirst } from "../logging.ts";
import type { Settings } from "../settings.ts";
import { portTaken } from "./up.ts";

export interface BrokerCommand {
  readonly settings: Settings;
  readonly allowGuest: boolean;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

export async function broker({ settings, allowGuest, signal, print }: BrokerCommand): Promise<void> {
  const { data, brokerPort, metricsPort } = settings;
  await using access = await openAccess({ dataDir: data, shard: "broker" });
  const log = messageFirst(pino({ name: "broker", level: "warn" }, pino.destination(2)));
  const options = { dataDir: join(data, "broker"), port: brokerPort, metricsPort, guard: access };
  await using running = await startBroker({ ...options, allowGuest, log }).catch(
    async (error: NodeJS.ErrnoException & { port?: number }) => {
      if (error.code !== "EADDRINUSE" || error.port === undefined) throw error;
      throw await portTaken(error.port, error, error.port === metricsPort ? "--metrics-port" : "--port");
    },
  );
  print(`AMQP on amqp://127.0.0.1:${running.port} · metrics on http://127.0.0.1:${running.metricsPort}/metrics`);
  print(
    allowGuest
      ? "guest/guest is let in with all rights (--allow-guest), from this machine only"
      : `credentials: a name and a token as password; warrener token create NAME --data ${data}`,
  );
  if (!signal.aborted) await once(signal, "abort");
}
