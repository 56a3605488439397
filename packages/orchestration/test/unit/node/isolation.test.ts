import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Pod, PodSpec } from "../../../src/api/types.generated.ts";
import { setprivArguments } from "../../../src/node/core/credentials.ts";
import { levelOf, namespacesOf } from "../../../src/node/core/isolation.ts";
import { hostnameOf, podFiles } from "../../../src/node/core/pod-files.ts";
import { deviceName, devicePrefix, hostCommands } from "../../../src/node/core/pod-network.ts";
import { isolationRemark } from "../../../src/node/core/unenforced.ts";

function pod(spec: Partial<PodSpec> = {}, annotations = {}): Pod {
  const metadata = { name: "web-0", namespace: "shop", annotations };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [], ...spec } };
}

describe("namespaces", () => {
  test("are the machine's where the manifest says so", () => {
    const all = { user: false, net: true, ipc: true, uts: true, pid: "container" };
    assert.deepEqual(namespacesOf(pod(), "L2"), all);
    assert.deepEqual(namespacesOf(pod(), "L1"), { ...all, user: true, net: false });
    assert.deepEqual(namespacesOf(pod({ hostNetwork: true, hostIPC: true, hostPID: true }), "L2"), {
      user: false,
      net: false,
      ipc: false,
      uts: false,
      pid: "host",
    });
    assert.equal(namespacesOf(pod({ shareProcessNamespace: true }), "L2").pid, "pod");
  });

  test("are none for static pods", () => {
    assert.equal(levelOf(pod({}, { "kubernetes.io/config.source": "file" }), "L2"), "L0");
    assert.equal(levelOf(pod(), "L2"), "L2");
  });
});

test("names of devices say whose they are, and fit", () => {
  const name = deviceName("/srv/node", "127.64.10.255");
  assert.ok(name.startsWith(`${devicePrefix("/srv/node")}-`));
  assert.notEqual(devicePrefix("/srv/other"), devicePrefix("/srv/node"));
  assert.equal(name.length, 15);
  assert.match(hostCommands(name, "127.64.10.255", 7), /table local/);
});

describe("the files of a pod", () => {
  const dns = { address: "127.96.0.10", domain: "cluster.local" };
  const hostResolv =
    "# own\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch home\noptions edns0\n";
  const facts = {
    podIp: "127.64.0.9",
    dns,
    hostHosts: "10.0.0.1 other\n",
    hostResolv,
    sharesNetwork: false,
  };
  const resolv = (spec: Partial<PodSpec>, more: Partial<typeof facts> = {}): readonly string[] => {
    const files = podFiles(pod(spec), { ...facts, ...more });
    return files["resolv.conf"].trim().split("\n");
  };
  const first = [
    "nameserver 127.96.0.10",
    "search shop.svc.cluster.local svc.cluster.local cluster.local home",
  ];

  test("ask the cluster for names, or the machine's resolvers, as the policy says", () => {
    assert.deepEqual(resolv({}), [...first, "options ndots:5"]);
    const machine = ["nameserver 192.0.2.1", "search home", "options edns0"];
    assert.deepEqual(resolv({ dnsPolicy: "Default" }), ["nameserver 127.96.0.10", ...machine]);
    assert.deepEqual(resolv({ dnsPolicy: "Default" }, { sharesNetwork: true }), [
      "nameserver 127.0.0.53",
      ...machine,
    ]);
    assert.deepEqual(resolv({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }), [
      ...first,
      "options ndots:5",
    ]);
    assert.deepEqual(
      resolv({ hostNetwork: true }, { sharesNetwork: true })[0],
      "nameserver 127.0.0.53",
    );
  });

  test("have what the manifest adds", () => {
    const dnsConfig = {
      nameservers: ["192.0.2.9"],
      searches: ["own"],
      options: [{ name: "ndots", value: "2" }, { name: "rotate" }],
    };
    assert.deepEqual(resolv({ dnsPolicy: "None", dnsConfig }), [
      "nameserver 192.0.2.9",
      "search own",
      "options ndots:2 rotate",
    ]);
    assert.equal(resolv({ dnsConfig }).at(-1), "options ndots:2 rotate");
  });

  test("name the pod, and others by their aliases", () => {
    const hostAliases = [{ ip: "192.0.2.7", hostnames: ["a", "b"] }];
    const { hosts, hostname } = podFiles(pod({ subdomain: "db", hostAliases }), facts);
    assert.equal(hostname, "web-0\n");
    assert.match(hosts, /^127\.64\.0\.9\tweb-0\.db\.shop\.svc\.cluster\.local\tweb-0$/m);
    assert.match(hosts, /^192\.0\.2\.7\ta\tb$/m);
    const named = pod({ hostname: "h", subdomain: "db", setHostnameAsFQDN: true });
    assert.equal(hostnameOf(named), "h.db.shop.svc.cluster.local");
  });
});

describe("rights", () => {
  const container = (securityContext: object) => ({ name: "main", securityContext });
  test("are those that container runtimes leave, as the manifest changes them", () => {
    const [bounds = ""] = setprivArguments(container({}), undefined, []);
    assert.match(bounds, /^--bounding-set=-all,\+chown,/);
    assert.doesNotMatch(bounds, /sys_admin/);
    const capabilities = { drop: ["ALL"], add: ["NET_ADMIN", "CAP_SYS_TIME"] };
    const more = { capabilities, allowPrivilegeEscalation: false };
    assert.deepEqual(setprivArguments(container(more), { uid: 5, gid: undefined }, [7]), [
      "--bounding-set=-all,+net_admin,+sys_time",
      "--inh-caps=-all",
      "--no-new-privs",
      "--reuid=5",
      "--regid=5",
      "--groups=7",
    ]);
    assert.deepEqual(setprivArguments(container({ privileged: true }), undefined, []), []);
  });
});

test("what a level does nothing about is told", () => {
  const asking = pod({
    hostAliases: [{ ip: "192.0.2.7" }],
    containers: [
      {
        name: "main",
        ports: [{ containerPort: 80, hostPort: 8080 }],
        securityContext: { readOnlyRootFilesystem: true },
      },
    ],
  });
  const said = (level: "L0" | "L1" | "L2"): string | undefined =>
    isolationRemark(asking, level)?.message.split(": ")[1];
  assert.equal(said("L0"), "hostAliases, securityContext.readOnlyRootFilesystem, ports.hostPort");
  assert.equal(said("L1"), "ports.hostPort");
  assert.equal(said("L2"), undefined);
});
