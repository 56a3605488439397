import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openPki } from "../../src/pki/pki-folder.ts";

const start = Date.UTC(2026, 0, 1);
const day = 24 * 3600_000;
const names = ["localhost", "127.0.0.1", "kubernetes.default.svc"];

async function folder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "warrener-pki-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test("the first start makes an authority, and what it has signed", async () => {
  await using directory = await folder();
  const pki = await openPki(directory.path, names, start);
  const authority = new X509Certificate(pki.authority.certificate);
  for (const { certificate } of [pki.server, pki.admin])
    assert.ok(new X509Certificate(certificate).verify(authority.publicKey));
  const server = new X509Certificate(pki.server.certificate);
  assert.equal(server.checkIP("127.0.0.1"), "127.0.0.1");
  assert.equal(server.checkHost("kubernetes.default.svc"), "kubernetes.default.svc");
  assert.match(new X509Certificate(pki.admin.certificate).subject, /O=system:masters/);
  const { mode } = await stat(join(directory.path, "ca.key"));
  assert.equal(mode & 0o777, 0o600);
});

test("the next start finds everything as it was", async () => {
  await using directory = await folder();
  const first = await openPki(directory.path, names, start);
  assert.deepEqual(await openPki(directory.path, names, start + day), first);
});

test("certificates are renewed when half of their life is over, the authority stays", async () => {
  await using directory = await folder();
  const first = await openPki(directory.path, names, start);
  const later = await openPki(directory.path, names, start + 200 * day);
  assert.equal(later.authority.certificate, first.authority.certificate);
  assert.equal(later.tokenKey, first.tokenKey);
  assert.notEqual(later.server.certificate, first.server.certificate);
  assert.notEqual(later.admin.certificate, first.admin.certificate);
});

test("a server certificate that lacks a name is made anew", async () => {
  await using directory = await folder();
  await openPki(directory.path, ["localhost"], start);
  const { server } = await openPki(directory.path, ["localhost", "192.0.2.1"], start);
  assert.equal(new X509Certificate(server.certificate).checkIP("192.0.2.1"), "192.0.2.1");
});

test("a certificate that was cut short is made anew", async () => {
  await using directory = await folder();
  await openPki(directory.path, names, start);
  const path = join(directory.path, "server.crt");
  await writeFile(path, (await readFile(path, "utf8")).slice(0, 100));
  const { server } = await openPki(directory.path, names, start);
  assert.ok(new X509Certificate(server.certificate).checkHost("localhost"));
});
