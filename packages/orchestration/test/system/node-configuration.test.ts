import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap, Pod, Secret } from "../../src/api/types.generated.ts";
import {
  conditionOf,
  containerOf,
  isolationOfTests,
  NodeWorld,
  sh,
  shared,
} from "../fixtures/node-world.ts";

function configMap(name: string, data: Record<string, string>): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

function secret(name: string, text: Record<string, string>): Secret {
  const data = Object.fromEntries(
    Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, data };
}

const waitsFor = (reason: string) => (pod: Pod) =>
  containerOf(pod)?.state?.waiting?.reason === reason;

test("a container gets its environment from literals, fields, config maps, secrets and services", async () => {
  await using world = await NodeWorld.start();
  await world.client.create(kinds.configMaps, configMap("colors", { sky: "blue" }));
  await world.client.create(kinds.secrets, secret("safe", { code: "1234" }));
  const ports = [{ port: 5672, name: "amqp" }];
  await world.client.create(kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "my-broker", namespace: "default" },
    spec: { clusterIP: "127.65.0.9", ports },
  });
  await world.until(kinds.services, "my-broker", () => true);
  const env = [
    { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "CODE", valueFrom: { secretKeyRef: { name: "safe", key: "code" } } },
    { name: "TEXT", value: "$(POD)-$(CODE)-$(NOBODY)-$$(POD)" },
    { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
  ];
  const envFrom = [{ prefix: "C_", configMapRef: { name: "colors" } }];
  const resources = { limits: { cpu: "500m" } };
  const command = [
    "/bin/sh",
    "-c",
    'echo "$0 $TEXT $C_sky $CPU $MY_BROKER_SERVICE_HOST:$MY_BROKER_SERVICE_PORT $HOSTNAME"',
    "$(C_sky)",
  ];
  await world.run("env", [{ command, env, envFrom, resources }], {
    restartPolicy: "Never",
    enableServiceLinks: true,
  });
  await world.phase("env", "Succeeded");
  assert.equal(
    await world.logs("env"),
    "blue env-1234-$(NOBODY)-$(POD) blue 500 127.65.0.9:5672 env\n",
  );
});

test("a container whose config map is missing says so, and starts once it is there", async () => {
  await using world = await NodeWorld.start();
  const env = [{ name: "SKY", valueFrom: { configMapKeyRef: { name: "colors", key: "sky" } } }];
  await world.run("later", [sh("echo $SKY", { env })], { restartPolicy: "Never" });
  const pod = await world.podUntil("later", waitsFor("CreateContainerConfigError"));
  assert.equal(containerOf(pod)?.state?.waiting?.message, 'configmap "colors" not found');
  await world.client.create(kinds.configMaps, configMap("colors", { sky: "grey" }));
  await world.phase("later", "Succeeded");
  assert.equal(await world.logs("later"), "grey\n");
});

test("volumes are folders that the environment names, and follow their config map", async () => {
  await using world = await NodeWorld.start();
  await world.client.create(kinds.configMaps, configMap("pages", { index: "old", other: "x" }));
  await world.client.create(kinds.secrets, secret("safe", { code: "1234" }));
  const labels = { app: "web" };
  const volumes = [
    {
      name: "site",
      configMap: { name: "pages", items: [{ key: "index", path: "html/index.txt", mode: 0o600 }] },
    },
    {
      name: "all",
      projected: {
        sources: [
          { secret: { name: "safe" } },
          {
            downwardAPI: {
              items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }],
            },
          },
        ],
      },
    },
  ];
  const volumeMounts = [{ name: "site", mountPath: "/site" }];
  const script =
    "cat $VOLUME_SITE/html/index.txt $VOLUME_ALL/code $VOLUME_ALL/labels; ls -l $VOLUME_SITE/html/index.txt; while ! grep -q new $VOLUME_SITE/html/index.txt; do sleep 0.05; done";
  await world.run(
    "web",
    [sh(script, { volumeMounts })],
    { volumes, restartPolicy: "Never" },
    { labels },
  );
  await world.said("web", "index.txt");
  if (isolationOfTests === "process")
    assert.match(
      (await world.event("web", "VolumesNotMounted")).message ?? "",
      /\/site is at .*\/volumes\/site/,
    );
  await world.client.update(kinds.configMaps, configMap("pages", { index: "new" }));
  await world.phase("web", "Succeeded");
  assert.match(await world.logs("web"), /^old1234app="web"-rw-------/);
});

test("a container is given the part of a volume that its mount names", async () => {
  await using world = await NodeWorld.start();
  const volumes = [{ name: "data", emptyDir: {} }];
  const env = [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }];
  const mount = { name: "data", mountPath: "/data" };
  const whole = {
    ...sh("cat $VOLUME_DATA/logs/split/file", { volumeMounts: [mount] }),
    name: "main",
    image: "warrener/shell",
  };
  const part = {
    ...sh("echo written > $VOLUME_DATA/file", {
      env,
      volumeMounts: [{ ...mount, subPathExpr: "logs/$(POD)" }],
    }),
    name: "setup",
    image: "warrener/shell",
  };
  const spec = { volumes, restartPolicy: "Never", initContainers: [part] };
  await world.run("split", [whole], spec);
  await world.phase("split", "Succeeded");
  assert.equal(await world.logs("split"), "written\n");
});

test("a volume of the downward API follows the labels of its pod", async () => {
  await using world = await NodeWorld.start();
  const items = [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }];
  const volumes = [{ name: "self", downwardAPI: { items } }];
  const script = "echo up; while ! grep -q green $VOLUME_SELF/labels; do sleep 0.05; done";
  const spec = { volumes, restartPolicy: "Never" };
  await world.run("web", [sh(script)], spec, { labels: { color: "red" } });
  await world.said("web", "up");
  const pod = await world.client.get(kinds.pods, "default", "web");
  const metadata = { ...pod.metadata, labels: { color: "green" } };
  await world.client.update(kinds.pods, { ...pod, metadata });
  await world.phase("web", "Succeeded");
});

test("a pod waits for the config map of its volume", async () => {
  await using world = await NodeWorld.start();
  const volumes = [{ name: "site", configMap: { name: "pages" } }];
  await world.run("web", [sh("cat $VOLUME_SITE/index")], { volumes, restartPolicy: "Never" });
  const { message } = await world.event("web", "FailedMount");
  assert.equal(message, 'MountVolume.SetUp failed for volume "site" : configmap "pages" not found');
  await world.client.create(kinds.configMaps, configMap("pages", { index: "here" }));
  await world.phase("web", "Succeeded");
});

test("a claim's folder outlives its pods", async () => {
  await using world = await NodeWorld.start();
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "store" } }];
  const spec = { volumes, restartPolicy: "Never" };
  await world.run("writer", [sh("echo kept > $VOLUME_DATA/file")], spec);
  await world.phase("writer", "Succeeded");
  const gone = world.gone("writer");
  await world.client.delete(kinds.pods, "default", "writer");
  await gone;
  await world.run("reader", [sh("cat $VOLUME_DATA/file")], spec);
  await world.phase("reader", "Succeeded");
  assert.equal(await world.logs("reader"), "kept\n");
  assert.equal(
    await readFile(join(world.directory, "volumes/default/store/file"), "utf8"),
    "kept\n",
  );
});

test("a pod is ready as its HTTP server says", async () => {
  await using world = await NodeWorld.start();
  let status = 503;
  const server = createServer((_, response) => response.writeHead(status).end()).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const readinessProbe = { httpGet: { host: "127.0.0.1", port, path: "/ready" }, periodSeconds: 1 };
  await world.run("web", [sh("sleep 60", { readinessProbe })]);
  assert.equal(
    (await world.event("web", "Unhealthy")).message,
    "Readiness probe failed: HTTP probe failed with statuscode: 503",
  );
  status = 204;
  await world.podUntil("web", (pod) => conditionOf(pod, "Ready") === "True");
  server.close();
});

test("a container over its memory limit is ended and says so", {
  skip: process.getuid?.() !== 0 && "only root may make control groups here",
}, async () => {
  await using world = await NodeWorld.start();
  const script = "const all = []; for (;;) all.push(Buffer.alloc(10_000_000, 1));";
  const resources = { limits: { memory: "96Mi" } };
  const { volumes, volumeMounts } = shared(dirname(process.execPath));
  const command = [process.execPath, "-e", script];
  await world.run("greedy", [{ command, resources, volumeMounts }], {
    volumes,
    restartPolicy: "Never",
  });
  const pod = await world.phase("greedy", "Failed");
  assert.equal(containerOf(pod)?.state?.terminated?.reason, "OOMKilled");
  assert.equal(containerOf(pod)?.state?.terminated?.exitCode, 137);
});

test("a container runs as the user that its manifest asks for", {
  skip: process.getuid?.() !== 0 && "only root may run processes as somebody else",
}, async () => {
  await using world = await NodeWorld.start();
  // Somebody else must be able to pass through the node's folder.
  await chmod(world.directory, 0o711);
  await world.run(
    "user",
    [sh("id -u", { workingDir: "/", securityContext: { runAsUser: 65534 } })],
    { restartPolicy: "Never" },
  );
  await world.run("root", [sh("id -u", { securityContext: { runAsNonRoot: true } })], {
    restartPolicy: "Never",
  });
  await world.podUntil("root", waitsFor("CreateContainerConfigError"));
  await world.phase("user", "Succeeded");
  assert.equal(await world.logs("user"), "65534\n");
});
