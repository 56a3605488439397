// The gateway in a process of its own.
import { openAccess } from "@warrener/access";
import { startGateway } from "@warrener/gateway";
import pino from "pino";
import { runChild } from "./child.ts";

export interface GatewayConfig {
  readonly data: string;
  readonly port: number;
  readonly brokerPort: number;
}

const account = "gateway";

await runChild(async ({ data, port, brokerPort }: GatewayConfig) => {
  const access = await openAccess({ dataDir: data, shard: "gateway" });
  try {
    if (access.findSubject(account) === undefined) {
      access.createSubject({ kind: "serviceAccount", name: account, groups: [] }, ["worker"]);
    }
    const { secret } = access.replaceToken({ subject: account, name: "process" });
    const gateway = await startGateway({
      dataDir: data,
      access,
      amqpUrl: `amqp://${account}:${secret}@127.0.0.1:${brokerPort}`,
      port,
      log: pino({ name: "gateway" }),
    });
    return {
      facts: { port: gateway.port, url: gateway.url },
      close: async () => {
        await gateway[Symbol.asyncDispose]();
        await access[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await access[Symbol.asyncDispose]();
    throw error;
  }
});
