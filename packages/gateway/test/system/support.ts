// A gateway on a free port with a broker of its own, and the calls that tests make on it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccess } from "@warrener/access";
import { startBroker } from "@warrener/messaging";
import { connect } from "amqplib";
import { type Gateway, type GatewayOptions, startGateway } from "../../src/index.ts";

/** Another AMQP broker may stand in for the embedded one. */
const otherBroker = process.env["WARRENER_TEST_AMQP"];

export interface House extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly token: string;
  readonly folder: string;
  readonly amqpUrl: string;
  /** A call with the administrator's token. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** A token of a new subject with these roles. */
  tokenFor(...roles: string[]): string;
  upload(body: RequestInit["body"], type: string, name?: string): Promise<string>;
  send(file: string, request: object): Promise<Record<string, unknown>>;
  restart(options?: Partial<GatewayOptions>): Promise<void>;
}

export async function openHouse(options: Partial<GatewayOptions> = {}): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), "warrener-gateway-"));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const given = options.amqpUrl ?? otherBroker;
  const amqpUrl =
    given ?? opened.use(await startBroker({ port: 0, dataDir: join(folder, "broker") })).url;
  const access = opened.use(await openAccess({ dataDir: folder, shard: "gateway" }));
  const { secret: token } = access.createToken({ subject: "admin", name: "test" });
  const start = (more: Partial<GatewayOptions> = {}) =>
    startGateway({ dataDir: folder, access, amqpUrl, port: 0, ...options, ...more });
  let gateway = await start();
  opened.defer(() => gateway[Symbol.asyncDispose]());
  const held = opened.move();
  const call: House["call"] = (path, init = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
    return fetch(gateway.url + path, { ...init, headers });
  };
  return {
    get gateway() {
      return gateway;
    },
    token,
    folder,
    amqpUrl,
    call,
    tokenFor: (...roles) => {
      const name = `s${crypto.randomUUID()}`;
      access.createSubject({ kind: "serviceAccount", name, groups: [] }, roles);
      return access.createToken({ subject: name, name: "test" }).secret;
    },
    upload: async (body, type, name = "file") => {
      const answer = await call(`/api/v1/files?name=${encodeURIComponent(name)}`, {
        method: "POST",
        headers: { "content-type": type },
        body: body ?? null,
        duplex: "half",
      });
      if (answer.status !== 201) throw new Error(await answer.text());
      return ((await answer.json()) as { id: string }).id;
    },
    send: async (file, request) => {
      const answer = await call(`/api/v1/files/${file}/send`, {
        method: "POST",
        headers: { "content-type": "application/json", prefer: "wait" },
        body: JSON.stringify(request),
      });
      return (await answer.json()) as Record<string, unknown>;
    },
    restart: async (more) => {
      await gateway[Symbol.asyncDispose]();
      gateway = await start(more);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

export interface Received {
  readonly body: string;
  readonly id: string;
  readonly type: string;
  readonly headers: Record<string, unknown>;
}

export interface Queue extends AsyncDisposable {
  readonly name: string;
  /** The next `count` messages, acknowledged. */
  take(count: number): Promise<Received[]>;
  /** Publishes to the default exchange. */
  publish(queue: string, body: string): void;
  /** Deletes a queue, this or another. */
  deleteQueue(queue: string): Promise<void>;
}

/** A durable queue of a new name with a consumer that no one here wrote. */
export async function openQueue(amqpUrl: string): Promise<Queue> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  const name = `test.${crypto.randomUUID()}`;
  await channel.assertQueue(name, { durable: true });
  const received: Received[] = [];
  let wake = Promise.withResolvers<void>();
  await channel.consume(
    name,
    (message) => {
      if (message === null) return;
      const { properties } = message;
      received.push({
        body: message.content.toString(),
        id: String(properties.messageId),
        type: String(properties.contentType),
        headers: properties.headers ?? {},
      });
      wake.resolve();
    },
    { noAck: true },
  );
  return {
    name,
    take: async (count) => {
      while (received.length < count) {
        await wake.promise;
        wake = Promise.withResolvers();
      }
      return received.splice(0, count);
    },
    publish: (queue, body) => {
      channel.sendToQueue(queue, Buffer.from(body));
    },
    deleteQueue: async (queue) => {
      await channel.deleteQueue(queue);
    },
    [Symbol.asyncDispose]: async () => {
      await channel.deleteQueue(name);
      await connection.close();
    },
  };
}
