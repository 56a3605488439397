// How a machine becomes a node: whom it trusts, who it is afterwards, and how little it may do then.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/api/object.ts";
import type { Lease, Node, Pod } from "../../src/api/types.generated.ts";
import { httpsClient } from "../../src/client/https-client.ts";
import { systemClock } from "../../src/clock.ts";
import { JoinError, type JoinProblem } from "../../src/join/core/join-error.ts";
import {
  createJoinToken,
  joinCluster,
  type Membership,
  requestCertificate,
} from "../../src/join/index.ts";
import { type TestControlPlane, testControlPlane } from "../fixtures/control-plane.ts";
import { joined } from "../fixtures/joined.ts";
import { pod, sh } from "../fixtures/node-world.ts";

const clock = systemClock;

function nodeNamed(name: string, more: Partial<Node> = {}): Node {
  return { apiVersion: "v1", kind: "Node", metadata: { name }, spec: {}, ...more };
}

/** A pod as a node writes it that runs it by itself. */
function mirrorPod(name: string, nodeName: string): Pod {
  const it = pod(name, [sh("true")], { nodeName });
  const annotations = { "kubernetes.io/config.mirror": "x" };
  return { ...it, metadata: { ...it.metadata, annotations } };
}

describe("a machine that joins", () => {
  let it: TestControlPlane;
  let directory: string;
  const folders: string[] = [];

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "warrener-join-"));
    folders.push(path);
    return path;
  }

  const server = (): string => `https://127.0.0.1:${it.plane.port}`;
  async function token(lifeMs = 60_000): Promise<string> {
    const { client, authority } = it.plane;
    return (await createJoinToken({ client, authority, clock, lifeMs })).token;
  }

  /** Which problem it meets; nothing is left in its folder then. */
  async function problem(options: {
    readonly token: string;
    readonly server?: string;
    readonly name?: string;
  }): Promise<JoinProblem> {
    const own = await folder();
    const joining = joinCluster({
      server: server(),
      name: "b",
      ...options,
      directory: own,
      clock,
    });
    const error = await joining.then(
      () => assert.fail("it joined"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof JoinError, String(error));
    assert.deepEqual(await readdir(own), []);
    assert.ok(!error.message.includes(options.token), "no message shows a token");
    return error.problem;
  }

  before(async () => {
    it = await testControlPlane({ ownNodes: ["laptop"] });
    directory = await folder();
  });
  after(async () => {
    await it?.[Symbol.asyncDispose]();
    for (const path of folders) await rm(path, { recursive: true, force: true });
  });

  test("is told when nobody answers, or it is no API server", async () => {
    const given = await token();
    assert.equal(await problem({ token: given, server: "https://127.0.0.1:1" }), "unreachable");
    assert.equal(await problem({ token: given, server: "http://127.0.0.1:1" }), "unreachable");
  });

  test("trusts nobody but whom the token names", async () => {
    const other = (await token()).replace(/^K10.{8}/, "K1000000000");
    assert.equal(await problem({ token: other }), "untrusted");
  });

  test("is refused with a token that is none, unknown, over or taken back", async () => {
    const { client, authority } = it.plane;
    assert.equal(await problem({ token: "abc" }), "token");
    const good = await token();
    assert.equal(await problem({ token: `${good.slice(0, -4)}0000` }), "token");
    assert.equal(await problem({ token: await token(-1) }), "token");
    const back = await createJoinToken({ client, authority, clock, lifeMs: 60_000 });
    await client.delete(kinds.secrets, "kube-system", back.secretName);
    assert.equal(await problem({ token: back.token }), "token");
  });

  test("does not get the name of a node that is alive", async () => {
    const conditions = [{ type: "Ready", status: "True" }];
    await it.plane.client.create(kinds.nodes, nodeNamed("alive", { status: { conditions } }));
    assert.equal(await problem({ token: await token(), name: "alive" }), "name");
    assert.equal(await problem({ token: await token(), name: "laptop" }), "name");
  });

  test("two at once do not get the same name", async () => {
    const given = await token();
    const attempt = async (): Promise<unknown> =>
      joinCluster({
        server: server(),
        token: given,
        directory: await folder(),
        name: "twin",
        clock,
      });
    const results = await Promise.allSettled([attempt(), attempt()]);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  });

  test("takes the first name that is free where it may choose", async () => {
    await it.plane.client.create(kinds.nodes, nodeNamed("box-2"));
    const membership = await joinCluster({
      server: server(),
      token: await token(),
      directory: await folder(),
      name: (number: number) => `box-${number}`,
      clock,
    });
    assert.equal(membership.name, "box-3");
  });

  test("may do nothing with its token but ask for a certificate", async () => {
    const [, bootstrap = ""] = (await token()).split("::");
    const { authority } = it.plane;
    using client = httpsClient({ server: server(), authority, token: bootstrap, clock });
    const { Forbidden } = reasons;
    await assert.rejects(client.list(kinds.secrets, "kube-system"), Forbidden);
    await assert.rejects(client.list(kinds.pods, "default"), Forbidden);
    await assert.rejects(client.create(kinds.nodes, nodeNamed("c")), Forbidden);
  });

  describe("and is a node then", () => {
    let membership: Membership;
    let node: ReturnType<typeof httpsClient>;

    before(async () => {
      membership = await joined({ plane: it.plane, directory, name: "a" });
      const { authority, identity } = membership;
      node = httpsClient({ server: server(), authority, identity, clock });
      const { client } = it.plane;
      for (const name of ["mine", "others"])
        await client.create(kinds.secrets, {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name, namespace: "default" },
        });
      await client.create(kinds.serviceAccounts, {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: "default", namespace: "default" },
      });
      const volumes = [{ name: "v", secret: { secretName: "mine" } }];
      await client.create(kinds.pods, pod("own", [sh("true")], { nodeName: "a", volumes }));
      await client.create(kinds.pods, pod("foreign", [sh("true")], { nodeName: "laptop" }));
    });
    after(() => node?.[Symbol.dispose]());

    test("writes itself, its lease, and its share is its own", async () => {
      const made = await node.create(kinds.nodes, nodeNamed("a"));
      const shares = (await node.list(kinds.nodes)).items.map(({ spec }) => spec?.podCIDR);
      assert.match(made.spec?.podCIDR ?? "", /^127\.\d+\.0\.0\/16$/);
      assert.equal(new Set(shares).size, shares.length);
      await node.updateStatus(kinds.nodes, { ...made, status: { capacity: { cpu: "1" } } });
      await node.create(kinds.leases, lease("a"));
      await node.create(kinds.pods, mirrorPod("static-a", "a"));
    });

    test("does not take a share of another", async () => {
      const { items } = await node.list(kinds.nodes);
      const taken = items.find(({ metadata }) => metadata.name !== "a")?.spec?.podCIDR as string;
      const own = await node.get(kinds.nodes, undefined, "a");
      const other = nodeNamed("d", { spec: { podCIDR: taken } });
      await assert.rejects(it.plane.client.create(kinds.nodes, other), /overlaps/);
      const moved = { ...own, spec: { ...own.spec, podCIDR: "127.90.0.0/16" } };
      await assert.rejects(node.update(kinds.nodes, moved), /stays so/);
    });

    test("reads what its pods refer to, and no other secret", async () => {
      const { Forbidden } = reasons;
      await node.get(kinds.secrets, "default", "mine");
      const only = { fieldSelector: "metadata.name=mine,metadata.namespace=default" };
      assert.equal((await node.list(kinds.secrets, undefined, only)).items.length, 1);
      await assert.rejects(node.get(kinds.secrets, "default", "others"), Forbidden);
      await assert.rejects(node.list(kinds.secrets, "default"), Forbidden);
      const trick = { fieldSelector: "type!=a\\,metadata.name=mine,metadata.namespace=default" };
      await assert.rejects(node.list(kinds.secrets, undefined, trick), Forbidden);
      await assert.rejects(node.list(kinds.configMaps, "kube-system"), Forbidden);
    });

    test("writes nothing of others", async () => {
      const { Forbidden } = reasons;
      await assert.rejects(node.create(kinds.nodes, nodeNamed("e")), Forbidden);
      const alive = await node.get(kinds.nodes, undefined, "alive");
      await assert.rejects(node.updateStatus(kinds.nodes, { ...alive, status: {} }), Forbidden);
      await assert.rejects(node.delete(kinds.nodes, undefined, "alive"), Forbidden);
      await assert.rejects(node.create(kinds.leases, lease("alive")), Forbidden);
      await assert.rejects(node.delete(kinds.pods, "default", "foreign"), Forbidden);
      const foreign = await node.get(kinds.pods, "default", "foreign");
      const done = { ...foreign, status: { ...foreign.status, phase: "Succeeded" } };
      await assert.rejects(node.updateStatus(kinds.pods, done), Forbidden);
      const free = pod("free", [sh("true")], { nodeName: "a" });
      await assert.rejects(node.create(kinds.pods, free), Forbidden);
      await assert.rejects(node.create(kinds.pods, mirrorPod("m", "laptop")), Forbidden);
    });

    test("sets no labels and taints that an administrator keeps it apart by", async () => {
      const own = await node.get(kinds.nodes, undefined, "a");
      const label = { "node-restriction.kubernetes.io/zone": "secure" };
      const labelled = { ...own, metadata: { ...own.metadata, labels: label } };
      await assert.rejects(node.update(kinds.nodes, labelled), reasons.Forbidden);
      const taints = [{ key: "k", effect: "NoSchedule" }];
      const tainted = { ...own, spec: { ...own.spec, taints } };
      await assert.rejects(node.update(kinds.nodes, tainted), reasons.Forbidden);
    });

    test("gets tokens for its pods alone", async () => {
      const ask = async (name: string): Promise<unknown> => {
        const { metadata } = await node.get(kinds.pods, "default", name);
        const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid: metadata.uid as string };
        return node.createSubresource(
          ...([kinds.serviceAccounts, "default", "default", "token"] as const),
          order({ boundObjectRef }),
        );
      };
      await ask("own");
      await assert.rejects(ask("foreign"), reasons.Forbidden);
      const free = node.createSubresource(
        ...([kinds.serviceAccounts, "default", "default", "token"] as const),
        order({}),
      );
      await assert.rejects(free, reasons.Forbidden);
    });

    test("renews its own certificate", async () => {
      const next = await requestCertificate(node, clock, "a");
      assert.notEqual(next.certificate, membership.identity().certificate);
      const { authority } = membership;
      using renewed = httpsClient({ server: server(), authority, identity: next, clock });
      await renewed.get(kinds.nodes, undefined, "a");
    });
  });
});

const reasons = {
  Forbidden: (error: unknown): boolean =>
    error instanceof Error && "reason" in error && error.reason === "Forbidden",
};

function lease(name: string): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "kube-node-lease" },
    spec: {},
  };
}

function order(spec: object): KubeObject {
  const head = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {} };
  return { ...head, spec };
}
