// `warrener broker`: the embedded broker alone, or as a process of `warrener up`.
import { join } from "node:path";
import { Command, Option } from "commander";
import { createLog, messageFirst } from "../log.ts";
import { portInUse } from "../ports.ts";
import { isSupervised, portsBefore, serve } from "../process/service.ts";
import { parsePort, settings } from "../settings.ts";

interface Options {
  readonly port: number;
  readonly metricsPort: number;
  readonly data: string;
  readonly allowGuest?: boolean;
}

export const brokerCommand = new Command("broker")
  .description("run the embedded AMQP broker alone")
  .addOption(
    new Option("--port <port>", "AMQP 0-9-1")
      .env("WARRENER_BROKER_PORT")
      .default(5672)
      .argParser(parsePort),
  )
  .addOption(settings.metricsPort())
  .addOption(settings.data())
  .option(
    "--allow-guest",
    "take guest/guest from this machine, with all rights; for other people's programs and test suites",
  )
  .addHelpText(
    "after",
    "\nExample:\n  warrener broker --port 5672 --data ./broker-data --allow-guest",
  )
  .action(async (options: Options) => {
    const log = messageFirst(createLog("broker"));
    // Loaded here, so that other commands start without it.
    const { openAccess } = await import("@warrener/access");
    const { startBroker } = await import("@warrener/messaging");
    await serve(async () => {
      const access = await openAccess({ dataDir: options.data, shard: "broker" });
      try {
        const { amqp, metrics } = portsBefore();
        const broker = await startBroker({
          port: options.port || (amqp ?? 0),
          metricsPort: options.metricsPort || (metrics ?? 0),
          dataDir: join(options.data, "broker"),
          guard: access,
          allowGuest: options.allowGuest ?? false,
          log,
        });
        if (!isSupervised) announce(options, broker);
        return {
          ports: { amqp: broker.port, metrics: broker.metricsPort ?? 0 },
          close: async () => {
            await broker.close();
            await access[Symbol.asyncDispose]();
          },
        };
      } catch (error) {
        await access[Symbol.asyncDispose]();
        throw named(error, options);
      }
    });
  });

function announce(
  options: Options,
  broker: { port: number; metricsPort: number | undefined },
): void {
  const who =
    options.allowGuest === true
      ? "guest/guest from this machine, with all rights: for development only"
      : `subjects of ${options.data} with a token: warrener token create --data ${options.data}`;
  process.stderr.write(
    `AMQP      amqp://127.0.0.1:${broker.port}/\nMetrics   http://127.0.0.1:${broker.metricsPort}/metrics\nWho       ${who}\n`,
  );
}

/** A taken port, with the flag that moves it. */
function named(error: unknown, { port, metricsPort }: Options): unknown {
  const { code, port: taken } = error as NodeJS.ErrnoException & { port?: number };
  if (code !== "EADDRINUSE") return error;
  const command = isSupervised ? "warrener up" : "warrener broker";
  if (taken === metricsPort) return portInUse(metricsPort, `${command} --metrics-port`);
  return portInUse(port, isSupervised ? `${command} --broker-port` : `${command} --port`);
}
