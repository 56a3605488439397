// Environment variables that tell a pod where its namespace's services are (Kubernetes "Discovering services").
import type { Service } from "../../api/types.generated.ts";

/** @param services of the pod's namespace, and `kubernetes` of `default` */
export function serviceEnv(services: readonly Service[]): Readonly<Record<string, string>> {
  return Object.fromEntries(services.flatMap(variables));
}

function variables({ metadata, spec }: Service): readonly (readonly [string, string])[] {
  const { clusterIP: host, ports = [] } = spec;
  const [first] = ports;
  if (host === undefined || host === "" || host === "None" || first === undefined) return [];
  const prefix = upper(metadata.name ?? "");
  const named = ports.flatMap(({ name, port }) =>
    name === undefined ? [] : [[`${prefix}_SERVICE_PORT_${upper(name)}`, String(port)] as const],
  );
  const links = ports.flatMap(({ port, protocol = "TCP" }) => {
    const link = `${prefix}_PORT_${port}_${protocol}`;
    const url = `${protocol.toLowerCase()}://${host}:${port}`;
    return [
      [link, url],
      [`${link}_PROTO`, protocol.toLowerCase()],
      [`${link}_PORT`, String(port)],
      [`${link}_ADDR`, host],
    ] as const;
  });
  return [
    [`${prefix}_SERVICE_HOST`, host],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...named,
    [`${prefix}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${host}:${first.port}`],
    ...links,
  ];
}

function upper(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
