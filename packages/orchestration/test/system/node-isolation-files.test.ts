import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap, Secret } from "../../src/api/types.generated.ts";
import { namespaces, userNamespaces } from "../fixtures/isolation.ts";
import { containerOf, isolationOfTests, NodeWorld, sh } from "../fixtures/node-world.ts";

const isRoot = process.getuid?.() === 0;
const { wish, skip } = isRoot ? namespaces : userNamespaces;
const isolation = isolationOfTests === "process" ? wish : isolationOfTests;

/** What a pod of one container says that runs a script to its end. */
async function said(
  world: NodeWorld,
  script: string,
  more: Parameters<typeof sh>[1] = {},
  spec: Parameters<NodeWorld["run"]>[2] = {},
): Promise<string> {
  await world.run("script", [sh(script, more)], { restartPolicy: "Never", ...spec });
  await world.podUntil("script", ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ""));
  return world.logs("script");
}

describe("a container with files of its own", { skip }, () => {
  test("finds every kind of volume where it mounts it, and cannot write what comes from the API", async () => {
    await using world = await NodeWorld.start({ isolation });
    const configMap: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "pages", namespace: "default" },
      data: { index: "page", other: "second" },
    };
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "safe", namespace: "default" },
      data: { code: Buffer.from("1234").toString("base64") },
    };
    await world.client.create(kinds.configMaps, configMap);
    await world.client.create(kinds.secrets, secret);
    await world.client.create(kinds.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default", namespace: "default" },
    });
    const token = { serviceAccountToken: { path: "token" } };
    const name = { path: "name", fieldRef: { fieldPath: "metadata.name" } };
    const volumes = [
      { name: "pages", configMap: { name: "pages" } },
      { name: "safe", secret: { secretName: "safe" } },
      { name: "self", downwardAPI: { items: [name] } },
      { name: "access", projected: { sources: [token] } },
      { name: "scratch", emptyDir: {} },
    ];
    const volumeMounts = [
      { name: "pages", mountPath: "/usr/share/shop/html" },
      { name: "pages", mountPath: "/etc/shop.conf", subPath: "other" },
      { name: "safe", mountPath: "/safe" },
      { name: "self", mountPath: "/run/self" },
      { name: "access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
      { name: "scratch", mountPath: "/scratch" },
      { name: "scratch", mountPath: "/frozen", readOnly: true },
    ];
    const script = `
      cat /usr/share/shop/html/index /etc/shop.conf /safe/code /run/self/name; echo
      cut -c1-2 /var/run/secrets/kubernetes.io/serviceaccount/token
      echo $VOLUME_PAGES $VOLUME_SCRATCH; ls /usr/share | wc -l
      for each in /usr/share/shop/html /safe /run/self /scratch /frozen; do touch $each/x 2>/dev/null && echo $each; done`;
    const lines = (await said(world, script, { volumeMounts }, { volumes })).trim().split("\n");
    assert.deepEqual(lines.slice(0, 3), [
      "pagesecond1234script",
      "ey",
      "/usr/share/shop/html /scratch",
    ]);
    assert.ok(Number(lines[3]) > 1, "the machine's own files are there beside it");
    assert.deepEqual(lines.slice(4), ["/scratch"]);
  });

  test("sees a config map change, and mounts one volume inside another", async () => {
    await using world = await NodeWorld.start({ isolation });
    const configMap = (text: string): ConfigMap => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "pages", namespace: "default" },
      data: { index: text },
    });
    await world.client.create(kinds.configMaps, configMap("old"));
    const volumes = [
      { name: "pages", configMap: { name: "pages" } },
      { name: "work", emptyDir: {} },
    ];
    const volumeMounts = [
      { name: "pages", mountPath: "/work/pages" },
      { name: "work", mountPath: "/work" },
    ];
    const script =
      "cat /work/pages/index; echo; until grep -q new /work/pages/index; do sleep 0.05; done; touch /work/x && echo seen";
    await world.run("web", [sh(script, { volumeMounts })], { volumes, restartPolicy: "Never" });
    await world.said("web", "old");
    await world.client.update(kinds.configMaps, configMap("new"));
    await world.phase("web", "Succeeded");
    assert.equal(await world.logs("web"), "old\nseen\n");
  });

  test("writes what it wants to, and the machine's files stay as they are", async () => {
    await using world = await NodeWorld.start({ isolation });
    const folder = await mkdtemp(join(tmpdir(), "node-files-"));
    const script = `echo x >/tmp/own && echo x >/opt/own && cat /tmp/own /opt/own; ls ${folder} 2>/dev/null || echo another /tmp`;
    assert.equal(await said(world, script), "x\nx\nanother /tmp\n");
    assert.ok(!(await readdir("/opt")).includes("own"));
    await rm(folder, { recursive: true });
  });

  test("writes nowhere but in its volumes where its root is read-only", async () => {
    await using world = await NodeWorld.start({ isolation });
    const securityContext = { readOnlyRootFilesystem: true };
    const volumes = [{ name: "tmp", emptyDir: {} }];
    const volumeMounts = [{ name: "tmp", mountPath: "/tmp" }];
    const script =
      "for each in / /opt /etc /run /tmp; do touch $each/own 2>/dev/null && echo $each; done; true";
    const more = { securityContext, volumeMounts };
    assert.equal(await said(world, script, more, { volumes }), "/tmp\n");
  });

  test("sees its own processes, its own name, and whom the pod knows by name", async () => {
    await using world = await NodeWorld.start({ isolation });
    const hostAliases = [{ ip: "127.9.9.9", hostnames: ["elsewhere"] }];
    const script =
      "hostname; grep -c . /proc/1/comm; ls -d /proc/[0-9]* | wc -l; grep elsewhere /etc/hosts; cat /etc/hostname";
    const [name, , count, alias, file] = (await said(world, script, {}, { hostAliases })).split(
      "\n",
    );
    assert.deepEqual([name, file], ["script", "script"]);
    assert.ok(Number(count) < 8, `${count} processes`);
    assert.equal(alias, "127.9.9.9\telsewhere");
  });

  test("sees the processes of its pod where they are shared, and its signals end it", async () => {
    await using world = await NodeWorld.start({ isolation });
    const other = { name: "other", image: "warrener/shell", ...sh("exec sleep 60.25") };
    await world.run("pair", [sh("sleep 60"), other], { shareProcessNamespace: true });
    await world.podUntil("pair", (pod) =>
      ["main", "other"].every((name) => containerOf(pod, name)?.state?.running !== undefined),
    );
    const seen = "until ps -e -o args | grep -qx 'sleep 60.25'; do sleep 0.05; done; echo seen";
    assert.equal((await world.exec("pair", ["/bin/sh", "-c", seen])).stdout, "seen\n");
    const gone = world.gone("pair");
    await world.client.delete(kinds.pods, "default", "pair");
    const last = containerOf(await gone, "other")?.state?.terminated;
    assert.equal(last?.exitCode, 143);
  });

  test("says why it ended where its manifest says, and has no more to say of its folder", async () => {
    await using world = await NodeWorld.start({ isolation });
    const terminationMessagePath = "/opt/last-words";
    await world.run(
      "sad",
      [sh("echo no luck >/opt/last-words; exit 3", { terminationMessagePath })],
      {
        restartPolicy: "Never",
      },
    );
    const ended = containerOf(await world.phase("sad", "Failed"))?.state?.terminated;
    assert.deepEqual([ended?.exitCode, ended?.message], [3, "no luck\n"]);
  });

  test("cannot name what its volume leads to outside", async () => {
    await using world = await NodeWorld.start({ isolation });
    const folder = await mkdtemp(join(tmpdir(), "node-files-"));
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "secret"), "mine");
    const volumes = [{ name: "data", hostPath: { path: join(folder, "data") } }];
    const link = sh(`ln -s ${folder} /data/out`, {
      volumeMounts: [{ name: "data", mountPath: "/data" }],
    });
    await world.run("first", [link], { volumes, restartPolicy: "Never" });
    await world.phase("first", "Succeeded");
    const volumeMounts = [{ name: "data", mountPath: "/data", subPath: "out" }];
    await world.run("second", [sh("cat /data/secret", { volumeMounts })], { volumes });
    const pod = await world.podUntil(
      "second",
      (each) => containerOf(each)?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    assert.match(containerOf(pod)?.state?.waiting?.message ?? "", /leaves its volume/);
    assert.equal(await readFile(join(folder, "secret"), "utf8"), "mine");
    await rm(folder, { recursive: true });
  });

  test("that starts more processes than it may is held back, and the machine is not", {
    skip: !isRoot && "only root may make control groups here",
  }, async () => {
    await using world = await NodeWorld.start({ isolation, processesMax: 20 });
    const script = "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all started";
    assert.doesNotMatch(await said(world, script), /all started/);
  });

  test("runs with the rights that its manifest leaves it", {
    skip: !isRoot && "only root has rights to give away",
  }, async () => {
    await using world = await NodeWorld.start({ isolation });
    const securityContext = {
      runAsUser: 1234,
      runAsGroup: 99,
      capabilities: { drop: ["ALL"] },
      allowPrivilegeEscalation: false,
    };
    const script = "id -u; id -g; id -G; grep -E 'CapBnd|NoNewPrivs' /proc/self/status";
    const spec = { securityContext: { fsGroup: 77 } };
    assert.match(
      await said(world, script, { securityContext }, spec),
      /^1234\n99\n99 77\nCapBnd:\t0+\nNoNewPrivs:\t1\n/,
    );
  });
});
