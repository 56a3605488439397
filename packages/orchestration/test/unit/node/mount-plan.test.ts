import assert from "node:assert/strict";
import { test } from "node:test";
import { parsedMounts } from "../../../src/node/core/host-mounts.ts";
import { namespacesOf } from "../../../src/node/core/isolation.ts";
import { mountPlan, type PlanInput } from "../../../src/node/core/mount-plan.ts";
import type { HostEntry, Volume } from "../../../src/node/core/mount-points.ts";

const host: Readonly<Record<string, HostEntry>> = {
  "/usr": { kind: "folder" },
  "/usr/share": { kind: "folder" },
  "/etc": { kind: "folder" },
  "/etc/hosts": { kind: "file" },
  "/var": { kind: "folder" },
  "/var/run": { kind: "link", target: "/run" },
  "/mnt": { kind: "folder" },
  "/mnt/disk": { kind: "folder" },
  "/bin": { kind: "link", target: "usr/bin" },
  "/proc/sys": { kind: "folder" },
  "/srv": { kind: "folder" },
  "/srv/node": { kind: "folder" },
};
const mounts = parsedMounts(
  [
    "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda rw",
    "21 20 8:2 / /mnt/disk rw,nosuid,nodev shared:2 - ext4 /dev/sdb rw",
    "22 20 0:5 / /mnt/my\\040share rw - nfs server:/x rw",
  ].join("\n"),
);
const pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] } };

function plan(level: "L1" | "L2", volumes: readonly Volume[], more: Partial<PlanInput> = {}) {
  return mountPlan({
    folder: "/srv/node/i",
    nodeFolder: "/srv/node",
    namespaces: namespacesOf(pod, level),
    entries: ["usr", "etc", "var", "mnt", "srv", "bin", "tmp", "proc"].map((name) => ({
      ...(host[`/${name}`] ?? { kind: "folder" as const }),
      name,
      isOpen: true,
    })),
    mounts,
    volumes,
    sharedMemory: "/srv/node/shm",
    isReadOnly: false,
    isPrivileged: false,
    lookup: (path) => host[path],
    ...more,
  });
}

const volume = (target: string, more: Partial<Volume> = {}): Volume => ({
  source: "/volumes/v",
  target,
  readOnly: false,
  kind: "folder",
  ...more,
});
const linesOf = (fstab: string, target: string): readonly string[] =>
  fstab.split("\n").filter((line) => line.split(" ")[1] === `/srv/node/i/root${target}`);

test("each folder of the machine's root is seen through a layer of the container's own", () => {
  const { fstab, makings } = plan("L2", []);
  assert.deepEqual(linesOf(fstab, "/usr"), [
    "overlay /srv/node/i/root/usr overlay lowerdir=/usr,upperdir=upper/usr,workdir=work/usr 0 0",
  ]);
  assert.deepEqual(linesOf(fstab, "/tmp"), []);
  assert.ok(makings.some(({ kind, path }) => kind === "link" && path === "/srv/node/i/root/bin"));
});

test("the root comes first, and process ids before what hides parts of them", () => {
  const { fstab } = plan("L2", []);
  const targets = fstab.split("\n").map((line) => line.split(" ")[1]?.slice("/srv/node/i".length));
  assert.equal(targets[0], "/root");
  assert.ok(targets.indexOf("/root/proc") < targets.indexOf("/root/proc/sys"));
});

test("what else is mounted in a folder is shown read-only by root, and as it is in a user namespace", () => {
  assert.deepEqual(linesOf(plan("L2", []).fstab, "/mnt/disk"), [
    "/mnt/disk /srv/node/i/root/mnt/disk none bind,ro 0 0",
  ]);
  const { fstab } = plan("L1", []);
  assert.deepEqual(linesOf(fstab, "/mnt"), [
    "/mnt /srv/node/i/root/mnt none rbind,ro,relatime 0 0",
  ]);
  assert.match(linesOf(fstab, "/usr")[0] ?? "", /userxattr/);
});

test("the node's folder is hidden", () => {
  assert.deepEqual(linesOf(plan("L2", []).fstab, "/srv/node"), [
    "/srv/node/i/nothing /srv/node/i/root/srv/node none bind,ro 0 0",
  ]);
});

for (const { of, target, kind = "folder", at = target, made } of [
  { of: "a folder that is there", target: "/usr/share", made: [] },
  {
    of: "a folder in one that is there",
    target: "/usr/share/a/b",
    made: ["upper/usr", "upper/usr/share", "upper/usr/share/a", "upper/usr/share/a/b"],
  },
  { of: "a folder that nobody has", target: "/data/x", made: ["root/data", "root/data/x"] },
  { of: "a file of the machine", target: "/etc/hosts", kind: "file" as const, made: [] },
  {
    of: "a folder behind a link",
    target: "/var/run/secrets",
    at: "/run/secrets",
    made: ["root/run", "root/run/secrets"],
  },
] as const)
  test(`a volume at ${of} has a place to be mounted at`, () => {
    const before = new Set(plan("L2", []).makings.map(({ path }) => path));
    const { fstab, makings } = plan("L2", [volume(target, { kind })]);
    assert.deepEqual(linesOf(fstab, at), [`/volumes/v /srv/node/i/root${at} none rbind 0 0`]);
    const own = made.map((path) => `/srv/node/i/${path}`);
    assert.deepEqual(
      makings.map(({ path }) => path).filter((path) => !before.has(path)),
      own.filter((path) => !before.has(path)),
    );
  });

test("a volume inside another is mounted after it, and has its place in it", () => {
  const inner = volume("/data/in", { source: "/volumes/in", readOnly: true });
  const { fstab, makings } = plan("L2", [inner, volume("/data")]);
  const at = (target: string): number => fstab.indexOf(`/root${target} `);
  assert.ok(at("/data") < at("/data/in"));
  assert.ok(makings.some(({ path }) => path === "/volumes/v/in"));
  assert.deepEqual(linesOf(fstab, "/data/in"), [
    "/volumes/in /srv/node/i/root/data/in none rbind,ro 0 0",
  ]);
});

test("of two at one place the first counts, and spaces do no harm", () => {
  const twice = [volume("/my data", { source: "/a b" }), volume("/my data", { source: "/c" })];
  const { fstab } = plan("L2", twice);
  assert.deepEqual(linesOf(fstab, "/my\\040data"), [
    "/a\\040b /srv/node/i/root/my\\040data none rbind 0 0",
  ]);
});

for (const [path, want] of [
  ["/usr/bin/node", "/usr/bin/node"],
  ["/bin/sh", "/usr/bin/sh"],
  ["/data/run.sh", "/volumes/v/run.sh"],
  ["/tmp/x", "/srv/node/i/root/tmp/x"],
  ["/var/run/x", "/srv/node/i/root/run/x"],
] as const)
  test(`${path} of a container is the machine's ${want}`, () =>
    assert.equal(plan("L2", [volume("/data")]).onHost(path), want));

test("nothing can be mounted where a folder is shown as it is and has no place for it", () => {
  assert.throws(() => plan("L1", [volume("/mnt/none")]), /\/mnt\/none is not there/);
});
