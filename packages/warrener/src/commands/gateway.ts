// `warrener gateway`: the front door as a process of `warrener up`.
import { Command, Option } from "commander";
import { CliError } from "../errors.ts";
import { createLog } from "../log.ts";
import { portInUse } from "../ports.ts";
import { isSupervised, portsBefore, portsOf, serve } from "../process/service.ts";
import { settings } from "../settings.ts";

interface Options {
  readonly port: number;
  readonly data: string;
  readonly brokerUrl: string | undefined;
}

export const gatewayCommand = new Command("gateway")
  .description("run the front door alone, on a broker that runs already")
  .addOption(settings.port())
  .addOption(settings.data())
  .addOption(
    new Option("--broker-url <url>", "AMQP broker, with credentials").env("WARRENER_BROKER_URL"),
  )
  .addHelpText(
    "after",
    "\nExample:\n  WARRENER_BROKER_URL=amqp://user:password@127.0.0.1:5672/ warrener gateway",
  )
  .action(async ({ port, data, brokerUrl }: Options) => {
    const { openAccess } = await import("@warrener/access");
    const { startGateway } = await import("@warrener/gateway");
    await serve(async (stopping) => {
      if (brokerUrl === undefined) {
        throw new CliError("the front door needs a broker", {
          remedy: "set WARRENER_BROKER_URL=amqp://user:password@host:5672/, or run warrener up",
        });
      }
      const amqpUrl = new URL(brokerUrl);
      if (isSupervised) amqpUrl.port = String((await portsOf("broker", stopping))["amqp"]);
      const access = await openAccess({ dataDir: data, shard: "gateway" });
      try {
        const gateway = await startGateway({
          dataDir: data,
          access,
          amqpUrl: amqpUrl.href,
          port: port || (portsBefore()["http"] ?? 0),
          log: createLog("gateway"),
        });
        return {
          ports: { http: gateway.port },
          close: async () => {
            await gateway[Symbol.asyncDispose]();
            await access[Symbol.asyncDispose]();
          },
        };
      } catch (error) {
        await access[Symbol.asyncDispose]();
        throw (error as NodeJS.ErrnoException).code === "EADDRINUSE"
          ? portInUse(port, `warrener ${isSupervised ? "up" : "gateway"} --port`)
          : error;
      }
    });
  });
