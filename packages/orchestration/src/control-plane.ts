// The control plane in one process: store, API server, and what works on it from inside.
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Guard } from "@warrener/access";
import { builtInResources } from "./api/built-in.ts";
import { kinds } from "./api/kinds.ts";
import { metricsResources } from "./autoscaling/metrics-api.ts";
import { bootstrap, ownServiceAddress, publishOwnService } from "./bootstrap/bootstrap.ts";
import type { Client } from "./client/client.ts";
import { eventRecorder } from "./client/event-recorder.ts";
import { inProcessClient } from "./client/in-process-client.ts";
import { Informers } from "./client/informer.ts";
import { type Clock, systemClock } from "./clock.ts";
import { certificateController } from "./controllers/certificates/controller.ts";
import type { NodeLifecycleProfile } from "./controllers/node-lifecycle/profiles.ts";
import type { Controller, ControllerContext } from "./controllers/runtime/controller.ts";
import { ControllerManager } from "./controllers/runtime/controller-manager.ts";
import { customResourceDefinitionController, serveStoredDefinitions } from "./crd/controller.ts";
import type { Log } from "./log.ts";
import type { NodeStreams } from "./node/node-streams.ts";
import { kubeconfig } from "./pki/kubeconfig.ts";
import { openPki, type Pki } from "./pki/pki-folder.ts";
import { escalationAdmission } from "./server/admission/escalation.ts";
import { admissionPlugins } from "./server/admission/plugins.ts";
import { webhookAdmission } from "./server/admission/webhooks/index.ts";
import { authenticator } from "./server/auth/authenticator.ts";
import { authorizer } from "./server/auth/authorizer.ts";
import { BootstrapTokens } from "./server/auth/bootstrap-tokens.ts";
import { nodeAuthorizer } from "./server/auth/node-authorizer.ts";
import { PolicyView } from "./server/auth/policy-view.ts";
import { ServiceAccountTokens } from "./server/auth/service-account-tokens.ts";
import { ApiServer } from "./server/http/api-server.ts";
import { reviews } from "./server/http/reviews.ts";
import { VirtualResources } from "./server/http/virtual-resources.ts";
import { Watches } from "./server/http/watch-handler.ts";
import { OpenApiDocuments } from "./server/openapi.ts";
import { Registry } from "./server/registry/registry.ts";
import { type NodeStreamsOf, podConnections } from "./server/streams/edge/pod-connections.ts";
import { approvalHandler } from "./server/subresources/approval.ts";
import { bindingHandler } from "./server/subresources/binding.ts";
import { evictionHandler } from "./server/subresources/eviction.ts";
import { finalizeHandler } from "./server/subresources/finalize.ts";
import { podLogs } from "./server/subresources/pod-log.ts";
import { scaleHandler } from "./server/subresources/scale.ts";
import { tokenHandler } from "./server/subresources/service-account-token.ts";
import { Subresources } from "./server/subresources/subresources.ts";
import { openStore } from "./store/durable-store.ts";
import { NodeTunnels } from "./tunnel/index.ts";

export interface ControlPlaneOptions {
  /** Folder of its own: store, certificates. */
  readonly directory: string;
  /** Where the kubeconfig of whoever sits at this machine is written. */
  readonly kubeconfigFile: string;
  readonly host?: string;
  /** 0 for a free one. */
  readonly port: number;
  /** The one guard: who Warrener's own people are, and the access log. */
  readonly guard: Guard;
  readonly log: Log;
  readonly clock?: Clock;
  /** How long nodes may be silent; default a single site's timing. */
  readonly nodeLifecycle?: NodeLifecycleProfile;
  /** How nodes of this process are reached, for logs, exec and port-forward; others come by a tunnel. */
  readonly nodes?: NodeStreamsOf;
  /** Names of nodes of this process: nobody joins as one of them. */
  readonly ownNodes?: readonly string[];
  /** Changes that are kept for watches and for lists that go on. */
  readonly historyMax?: number;
}

/** How often certificates are looked at: they are renewed when half of their life is over. */
const renewalMs = 12 * 3600_000;

export interface ControlPlane extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly client: Client;
  readonly registry: Registry;
  /** PEM of the authority that clients trust. */
  readonly authority: string;
  /** The nodes that can be reached now. */
  readonly reachableNodes: () => readonly NodeStreams[];
  close(): Promise<void>;
}

/** Resolves once the API is served. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { directory, guard, log, clock = systemClock, host = "127.0.0.1" } = options;
  const tunnels = new NodeTunnels({ clock, log });
  const nodes: NodeStreamsOf = (name) => options.nodes?.(name) ?? tunnels.of(name);
  await using closing = new AsyncDisposableStack();
  const now = (): number => clock.nowMs();
  const own = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const names = [
    "localhost",
    ...new Set([host, ownServiceAddress(host)]),
    ...own,
    "kubernetes.default.svc.cluster.local",
  ];
  const open = (): Promise<Pki> => openPki(join(directory, "pki"), names, now());
  // At the first start another process issues certificates; this one need not wait for it.
  const [pki, opened] = await Promise.all([open(), openStore(join(directory, "store"), options)]);
  const store = closing.use(opened);
  const webhooks = webhookAdmission(() => registry, log);
  const registry: Registry = new Registry({
    store,
    resources: builtInResources(),
    admission: [
      escalationAdmission(() => ({ authorizer: decide, view })),
      ...admissionPlugins(() => registry, options.nodeLifecycle),
    ],
    remoteAdmission: webhooks,
    now,
    newUid: randomUUID,
    newSuffix,
  });
  const tokens = new ServiceAccountTokens(pki.tokenKey, now, isThere(registry));
  const logs = podLogs(registry, nodes, now);
  const subresources = new Subresources(
    {
      scale: scaleHandler(registry),
      "pods/binding": bindingHandler(registry, now),
      "pods/log": { connect: (_, request) => logs(request) },
      "pods/eviction": evictionHandler(registry, now),
      "certificatesigningrequests/approval": approvalHandler(registry),
      "namespaces/finalize": finalizeHandler(registry),
      "serviceaccounts/token": tokenHandler(registry, tokens),
    },
    registry,
  );
  const virtual = metricsResources(registry, nodes);
  for (const { resource } of virtual) registry.resources.add(resource);
  const client = inProcessClient(registry, subresources);
  await bootstrap(client);
  serveStoredDefinitions(registry);
  const { authority } = pki;
  await workOwn(closing, registry, { client, clock, log }, (context) =>
    certificateController(context, { authority, ownNodes: options.ownNodes ?? [] }),
  );
  const view = new PolicyView(registry);
  const decide = nodeAuthorizer(() => registry, authorizer(view, guard));
  const server = closing.use(
    await ApiServer.listen({
      host,
      port: options.port,
      authority: pki.authority.certificate,
      identity: pki.server,
      authenticator: authenticator(tokens, new BootstrapTokens(() => registry, now), guard),
      authorizer: decide,
      record: (event) => guard.record(event),
      resources: {
        registry,
        subresources,
        watches: new Watches(registry, clock),
        reviews: reviews({ authorizer: decide, view, tokens }),
        virtual: new VirtualResources(virtual),
        now,
      },
      paths: {
        resources: registry.resources,
        openApi: new OpenApiDocuments(registry.resources),
        tokens,
        checks: () => ({ store: store.problem }),
      },
      upgrade: tunnels.handler(decide, podConnections(registry, nodes, logs)),
      log,
    }),
  );
  const { port } = server;
  await publishOwnService(client, { host, port });
  webhooks.start();
  await writeKubeconfig(options.kubeconfigFile, pki, host, port);
  const cancel = every(clock, renewalMs, async () => {
    const renewed = await open();
    server.setIdentity(renewed.server);
    await writeKubeconfig(options.kubeconfigFile, renewed, host, port);
  });
  closing.defer(cancel);
  const owned = closing.move();
  const close = (): Promise<void> => owned.disposeAsync();
  return {
    host,
    port,
    client,
    registry,
    authority: pki.authority.certificate,
    reachableNodes: () =>
      registry
        .peekAll(registry.resources.get("", "v1", "nodes"), undefined)
        .flatMap(({ metadata }) => nodes(metadata.name ?? "") ?? []),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Definitions of kinds and certificates are the API server's own affair, also where nothing else works on it. */
async function workOwn(
  closing: AsyncDisposableStack,
  registry: Registry,
  { client, clock, log }: Pick<ControllerContext, "client" | "clock" | "log">,
  certificates: (context: ControllerContext) => Controller,
): Promise<void> {
  const informers = new Informers(client, clock);
  const recorder: ControllerContext["recorder"] = (component) =>
    eventRecorder({ client, clock, log, component });
  const context = { client, informers, clock, newSuffix, log, recorder };
  const manager = new ControllerManager(context);
  manager.start([customResourceDefinitionController(context, registry), certificates(context)]);
  closing.defer(() => manager.stop());
  closing.defer(() => informers.stop());
  await informers.start();
  // Definitions of a start that was cut short are accepted before anybody asks, since controllers list their objects at once.
  await manager.idle();
}

/** Five characters that make no words, as names of pods end in. */
export function newSuffix(): string {
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return [...randomBytes(5)].map((octet) => alphabet[octet % alphabet.length]).join("");
}

function isThere(
  registry: Registry,
): (kind: string, namespace: string, name: string, uid: string) => boolean {
  const kindsOfTokens = {
    ServiceAccount: kinds.serviceAccounts,
    Pod: kinds.pods,
    Secret: kinds.secrets,
  } as const;
  return (kind, namespace, name, uid) => {
    const { group, version, resource } = kindsOfTokens[kind as keyof typeof kindsOfTokens];
    const object = registry.peek(registry.resources.get(group, version, resource), namespace, name);
    return object?.metadata.uid === uid;
  };
}

async function writeKubeconfig(file: string, pki: Pki, host: string, port: number): Promise<void> {
  const text = kubeconfig({
    server: `https://${host}:${port}`,
    authority: pki.authority.certificate,
    user: { name: "warrener-admin", identity: pki.admin },
  });
  await writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await chmod(`${file}.tmp`, 0o600);
  await rename(`${file}.tmp`, file);
}

/** @returns a function that ends it */
function every(clock: Clock, ms: number, run: () => Promise<void>): () => void {
  let cancel = clock.after(ms, again);
  function again(): void {
    void run().finally(() => {
      cancel = clock.after(ms, again);
    });
  }
  return () => cancel();
}
