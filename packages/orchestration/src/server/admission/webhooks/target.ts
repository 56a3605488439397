// Where a webhook is: at a URL, or behind a Service (admissionregistration.k8s.io/v1 WebhookClientConfig).
import type { EndpointSlice, Service, WebhookClientConfig } from "../../../api/types.generated.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Target {
  /** As it is told in errors; its host is what the server's certificate must be for. */
  readonly url: URL;
  /** Where to connect to, in the order of trying. */
  readonly addresses: readonly Address[];
  /** PEM; undefined for the authorities that the system trusts. */
  readonly authority: string | undefined;
}

/** What is known of Services. */
export interface Services {
  readonly service: (namespace: string, name: string) => Service | undefined;
  readonly slices: (namespace: string, service: string) => readonly EndpointSlice[];
}

/** @throws Error when nobody can be reached there */
export function targetOf(
  { url, service, caBundle = "" }: WebhookClientConfig,
  timeoutSeconds: number,
  services: Services,
): Target {
  const authority = caBundle === "" ? undefined : Buffer.from(caBundle, "base64").toString();
  const query = `?timeout=${timeoutSeconds}s`;
  if (service === undefined) {
    const full = new URL(query, url);
    return { url: full, addresses: [{ host: hostOf(full), port: portOf(full) }], authority };
  }
  const { namespace, name, path = "/", port = 443 } = service;
  const full = new URL(`https://${name}.${namespace}.svc:${port}${path}${query}`);
  return { url: full, addresses: addressesOf({ namespace, name, port }, services), authority };
}

function addressesOf(
  {
    namespace,
    name,
    port,
  }: { readonly namespace: string; readonly name: string; readonly port: number },
  { service, slices }: Services,
): readonly Address[] {
  const found = service(namespace, name);
  if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const { ports = [], type, externalName = "" } = found.spec;
  if (type === "ExternalName") return [{ host: externalName, port }];
  const servicePort = ports.find((each) => each.port === port);
  if (servicePort === undefined)
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const addresses = slices(namespace, name).flatMap((slice) => {
    const { port: number } =
      (slice.ports ?? []).find((each) => (each.name ?? "") === (servicePort.name ?? "")) ?? {};
    if (number === undefined) return [];
    return (slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap((endpoint) => endpoint.addresses.map((host) => ({ host, port: number })));
  });
  if (addresses.length === 0)
    throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return addresses;
}

function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

function portOf({ port }: URL): number {
  return port === "" ? 443 : Number(port);
}
