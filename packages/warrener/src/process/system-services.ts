// Broker and front door as Services, for pods: addresses of their own that every pod reaches, whatever ports this start has.
import { type Client, kinds, type Service, StatusError } from "@warrener/orchestration";
import type { Ready } from "./report.ts";
import { systemNamespace } from "./system-pods.ts";

/** What pods connect to, by the name of the port that each reports. */
const published = {
  broker: { amqp: 5672, metrics: 15_692 },
  gateway: { http: 5049 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;

type Published = keyof typeof published;

/**
 * Pods find them as `broker.warrener-system` and `gateway.warrener-system`, too, where names are answered.
 * @param listening where each listens on this machine
 * @returns host and first port of each, which stay from start to start
 */
export async function publishServices(
  client: Client,
  listening: Readonly<Record<Published, Ready["ports"]>>,
): Promise<Readonly<Record<Published, string>>> {
  const addressOf = async (name: Published, port: number): Promise<string> =>
    `${await publish(client, name, listening[name])}:${port}`;
  const [broker, gateway] = await Promise.all([
    addressOf("broker", published.broker.amqp),
    addressOf("gateway", published.gateway.http),
  ]);
  return { broker, gateway };
}

async function publish(client: Client, name: Published, ports: Ready["ports"]): Promise<string> {
  const wanted = serviceOf(name, ports);
  const there = await client.get(kinds.services, systemNamespace, name).catch((error: unknown) => {
    if (error instanceof StatusError && error.reason === "NotFound") return undefined;
    throw error;
  });
  const written =
    there === undefined
      ? await client.create(kinds.services, wanted)
      : await client.update(kinds.services, {
          ...there,
          spec: { ...there.spec, ports: wanted.spec?.ports ?? [] },
        });
  return written.spec?.clusterIP ?? "";
}

function serviceOf(name: Published, listening: Ready["ports"]): Service {
  const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "warrener" };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: systemNamespace, labels },
    spec: {
      selector: labels,
      ports: Object.entries(published[name]).map(([portName, port]) => ({
        name: portName,
        port,
        targetPort: listening[portName] ?? port,
      })),
    },
  };
}
