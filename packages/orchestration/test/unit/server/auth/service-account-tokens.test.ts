import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { SignJWT } from "jose";
import {
  issuer,
  ServiceAccountTokens,
} from "../../../../src/server/auth/service-account-tokens.ts";

const pem = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string;

const order = {
  namespace: "team",
  account: { name: "robot", uid: "u1" },
  audiences: [issuer],
  expirationSeconds: 600,
};

interface World {
  nowMs: number;
  gone: Set<string>;
  readonly tokens: ServiceAccountTokens;
}

function world(): World {
  const at: { nowMs: number; gone: Set<string> } = { nowMs: Date.UTC(2026, 0, 1), gone: new Set() };
  const tokens = new ServiceAccountTokens(
    pem(),
    () => at.nowMs,
    (kind, _, name) => !at.gone.has(`${kind}/${name}`),
  );
  return Object.assign(at, { tokens });
}

test("a token says which account holds it, and its groups", async () => {
  const { tokens } = world();
  const { token } = await tokens.issue(order);
  assert.deepEqual(await tokens.verify(token), {
    username: "system:serviceaccount:team:robot",
    uid: "u1",
    groups: ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
  });
});

test("a token is refused once its time is over", async () => {
  const at = world();
  const { token } = await at.tokens.issue(order);
  at.nowMs += 601_000;
  assert.equal(await at.tokens.verify(token), undefined);
});

test("a token is refused once its account or its pod is gone", async () => {
  const at = world();
  const boundTo = { kind: "Pod", name: "p", uid: "u2" };
  const { token } = await at.tokens.issue({ ...order, boundTo });
  assert.notEqual(await at.tokens.verify(token), undefined);
  at.gone.add("Pod/p");
  assert.equal(await at.tokens.verify(token), undefined);
  at.gone.clear();
  at.gone.add("ServiceAccount/robot");
  assert.equal(await at.tokens.verify(token), undefined);
});

test("a token for another audience, by another key or by none is refused", async () => {
  const { tokens } = world();
  const { token: elsewhere } = await tokens.issue({ ...order, audiences: ["vault"] });
  assert.equal(await tokens.verify(elsewhere), undefined);
  assert.notEqual(await tokens.verify(elsewhere, "vault"), undefined);
  const { token: foreign } = await world().tokens.issue(order);
  assert.equal(await tokens.verify(foreign), undefined);
  const claims = { sub: "system:serviceaccount:team:robot", iss: issuer, aud: issuer };
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
  assert.equal(await tokens.verify(none), undefined);
  assert.equal(await tokens.verify("rubbish"), undefined);
});

test("a public key used as a secret does not make a token", async () => {
  const { tokens } = world();
  const [key] = (await tokens.keys()).keys;
  const forged = await new SignJWT({
    "kubernetes.io": { namespace: "team", serviceaccount: order.account },
  })
    .setProtectedHeader({ alg: "HS256", ...(key?.kid !== undefined && { kid: key.kid }) })
    .setIssuer(issuer)
    .setAudience(issuer)
    .sign(Buffer.from(JSON.stringify(key)));
  assert.equal(await tokens.verify(forged), undefined);
});
