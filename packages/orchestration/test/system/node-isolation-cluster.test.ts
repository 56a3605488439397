import assert from "node:assert/strict";
import { dirname } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/types.generated.ts";
import { namespaces } from "../fixtures/isolation.ts";
import { conditionOf, pod, shared } from "../fixtures/node-world.ts";
import { type OneNodeCluster, oneNodeCluster } from "../fixtures/one-node-cluster.ts";

const { volumes, volumeMounts } = shared(dirname(process.execPath));
const metadata = { namespace: "default" };

async function ready({ cluster: { client } }: OneNodeCluster, name: string): Promise<Pod> {
  const { items, resourceVersion } = await client.list(kinds.pods);
  const isIt = (each: Pod): boolean =>
    each.metadata.name === name && conditionOf(each, "Ready") === "True";
  const found = items.find(isIt);
  if (found !== undefined) return found;
  return new Promise((resolve, reject) => {
    const stop = client.watch(
      kinds.pods,
      { resourceVersion },
      {
        onEvent: ({ object }) => {
          if (!isIt(object)) return;
          queueMicrotask(() => stop());
          resolve(object);
        },
        onEnd: () => reject(new Error("the watch has ended")),
      },
    );
  });
}

/** What a script of Node says, run beside a pod's container. */
async function run({ cluster }: OneNodeCluster, name: string, script: string): Promise<string> {
  let said = "";
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      said += chunk.toString();
      done();
    },
  });
  const { signal } = new AbortController();
  await cluster.agent.streams.exec(
    { namespace: "default", pod: name, container: "main" },
    [process.execPath, "-e", script],
    { stdout: sink, stderr: sink, tty: false, signal },
  );
  return said;
}

test("a pod with a network of its own finds Services by their names, and the API with its token", {
  skip: namespaces.skip,
}, async () => {
  await using world = await oneNodeCluster({ isolation: "namespaces" });
  const { client } = world.cluster;
  const serve = `require("node:http").createServer((_, answer) => answer.end(os.hostname())).listen(8080)`;
  const readinessProbe = { httpGet: { port: 8080 }, periodSeconds: 1 };
  const labels = { app: "web" };
  const { nodeName: _, ...web } = pod("web", [], {}).spec;
  await client.create(kinds.pods, {
    ...pod("web", [], {}, { ...metadata, labels }),
    spec: {
      ...web,
      volumes,
      containers: [
        {
          name: "main",
          image: "warrener/shell",
          command: [process.execPath, "-e", serve],
          volumeMounts,
          readinessProbe,
        },
      ],
    },
  });
  const ports = [{ port: 80, targetPort: 8080 }];
  const service = { apiVersion: "v1", kind: "Service", metadata: { ...metadata, name: "shop" } };
  await client.create(kinds.services, { ...service, spec: { selector: labels, ports } });
  const address = (await client.get(kinds.services, "default", "shop")).spec.clusterIP;
  await ready(world, "web");
  for (const host of [address, "shop", "shop.default.svc.cluster.local"]) {
    const script = `fetch("http://${host}").then((answer) => answer.text()).then(console.log, console.error)`;
    assert.equal(await run(world, "web", script), "web\n", host);
  }
  const account = "/var/run/secrets/kubernetes.io/serviceaccount";
  const ask = `
    const { readFileSync: read } = require("node:fs");
    const { KUBERNETES_SERVICE_PORT: port } = process.env;
    const headers = { authorization: "Bearer " + read("${account}/token", "utf8") };
    require("node:https").get({ host: "kubernetes.default.svc", port, path: "/version", headers, ca: read("${account}/ca.crt") },
      (answer) => { console.log(answer.statusCode); process.exit(); }).on("error", console.error);`;
  assert.equal(await run(world, "web", ask), "200\n");
  assert.match(
    await run(
      world,
      "web",
      `fetch("http://no-such.example").catch((error) => console.log(error.cause.code))`,
    ),
    /ENOTFOUND|EAI_AGAIN/,
  );
});
