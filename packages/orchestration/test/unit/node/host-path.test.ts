import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeHostPath } from "../../../src/node/edge/volumes.ts";

describe("a host path", () => {
  let folder = "";
  const server = createServer();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "host-path-"));
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "file"), "kept");
    server.listen(join(folder, "socket"));
    await once(server, "listening");
  });
  after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  for (const { type, path } of [
    { type: "", path: "nothing" },
    { type: "", path: "file" },
    { type: "Directory", path: "folder" },
    { type: "DirectoryOrCreate", path: "folder" },
    { type: "File", path: "file" },
    { type: "FileOrCreate", path: "file" },
    { type: "Socket", path: "socket" },
    { type: "CharDevice", path: "/dev/null" },
  ])
    test(`of the type "${type}" may be ${path}`, () => {
      const place = path.startsWith("/") ? path : join(folder, path);
      assert.equal(makeHostPath(place, type), place);
    });

  for (const { type, path, noun } of [
    { type: "Directory", path: "file", noun: "directory" },
    { type: "Directory", path: "nothing", noun: "directory" },
    { type: "DirectoryOrCreate", path: "file", noun: "directory" },
    { type: "File", path: "folder", noun: "file" },
    { type: "FileOrCreate", path: "folder", noun: "file" },
    { type: "Socket", path: "file", noun: "socket" },
    { type: "CharDevice", path: "file", noun: "character device" },
    { type: "BlockDevice", path: "/dev/null", noun: "block device" },
  ])
    test(`of the type ${type} may not be ${path}`, () => {
      const place = path.startsWith("/") ? path : join(folder, path);
      assert.throws(() => makeHostPath(place, type), {
        message: `hostPath type check failed: ${place} is not a ${noun}`,
      });
    });

  test("is made where its type says so, with the folders above it", async () => {
    makeHostPath(join(folder, "new/deep/folder"), "DirectoryOrCreate");
    makeHostPath(join(folder, "new/deep/file"), "FileOrCreate");
    assert.ok((await stat(join(folder, "new/deep/folder"))).isDirectory());
    assert.equal((await stat(join(folder, "new/deep/file"))).size, 0);
  });
});
