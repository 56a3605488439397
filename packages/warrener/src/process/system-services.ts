// Broker and front door as Services, for pods: an address of their own that every pod reaches, whatever ports this start has.
import { type Client, kinds, type Service, StatusError } from "@warrener/orchestration";
import { systemNamespace } from "./system-pods.ts";

/** Where pods find them: `broker.warrener-system:5672`, or by the address where there is no DNS. */
export interface SystemService {
  readonly name: string;
  /** What pods connect to, and where it is on this machine. */
  readonly ports: Readonly<Record<string, { readonly port: number; readonly targetPort: number }>>;
}

/** @returns the Service's address, which it keeps */
export async function publishService(client: Client, service: SystemService): Promise<string> {
  const { name } = service;
  const wanted = objectOf(service);
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

function objectOf({ name, ports }: SystemService): Service {
  const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "warrener" };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: systemNamespace, labels },
    spec: {
      selector: labels,
      ports: Object.entries(ports).map(([portName, each]) => ({ name: portName, ...each })),
    },
  };
}
