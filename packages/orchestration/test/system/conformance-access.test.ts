// Who may do what, as Kubernetes' conformance suite asks (cases 54 and 55), and what it does not ask: denials, and that nobody grants what they do not have.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { describe, test } from "node:test";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { type Answered, type Asked } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";

const rbac = "rbac.authorization.k8s.io";
const roles = `/apis/${rbac}/v1/namespaces/default/roles`;
const bindings = `/apis/${rbac}/v1/namespaces/default/rolebindings`;

const { api } = await served(testControlPlane());

function as(user: string, method: string, path: string, asked: Asked = {}): Promise<Answered> {
  return api.ask(method, path, { ...asked, headers: { "Impersonate-User": user } });
}

function role(name: string, ...rules: readonly object[]): object {
  return { apiVersion: `${rbac}/v1`, kind: "Role", metadata: { name }, rules };
}

function binding(name: string, kind: string, to: string, user: string): object {
  return {
    apiVersion: `${rbac}/v1`,
    kind: "RoleBinding",
    metadata: { name },
    roleRef: { apiGroup: rbac, kind, name: to },
    subjects: [{ apiGroup: rbac, kind: "User", name: user }],
  };
}

async function grant(user: string, ...rules: readonly object[]): Promise<void> {
  await api.ok("POST", roles, { body: role(user, ...rules) });
  await api.ok("POST", bindings, { body: binding(user, "Role", user, user) });
}

describe("RBAC over HTTPS", () => {
  const one = "/api/v1/namespaces/default/configmaps/one";
  const all = "/api/v1/namespaces/default/configmaps";
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one" } };
  const verbs = {
    get: () => as("verbs", "GET", one),
    list: () => as("verbs", "GET", all),
    create: () => as("verbs", "POST", all, { body: configMap }),
    update: () => as("verbs", "PUT", one, { body: configMap }),
    patch: () => as("verbs", "PATCH", one, { body: {}, type: "application/merge-patch+json" }),
    delete: () => as("verbs", "DELETE", one),
    deletecollection: () => as("verbs", "DELETE", all),
  } as const;

  test("each verb is denied to whoever has another", async () => {
    await grant("verbs", { apiGroups: [""], resources: ["configmaps"], verbs: ["watch"] });
    for (const [verb, ask] of Object.entries(verbs)) {
      const { code, body } = await ask();
      assert.deepEqual([verb, code, body.reason], [verb, 403, "Forbidden"]);
      assert.match(
        body.message,
        new RegExp(
          `User "verbs" cannot ${verb} resource "configmaps" in API group "" in the namespace "default"`,
        ),
      );
    }
  });

  test("a name, a subresource and a path are granted alone", async () => {
    await grant(
      "narrow",
      {
        apiGroups: [""],
        resources: ["configmaps"],
        resourceNames: ["one"],
        verbs: ["get", "list"],
      },
      { apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["get"] },
    );
    await api.ok("POST", all, { body: configMap });
    const codeOf = async (path: string): Promise<number> => (await as("narrow", "GET", path)).code;
    assert.equal(await codeOf(one), 200);
    assert.equal(await codeOf(one.replace("one", "two")), 403);
    assert.equal(await codeOf(all), 403);
    const deployment = "/apis/apps/v1/namespaces/default/deployments/web";
    assert.equal(await codeOf(`${deployment}/scale`), 404, "it may, but there is none");
    assert.equal(await codeOf(deployment), 403);
    assert.equal(await codeOf(`${deployment}/status`), 403);
    const { code, body } = await as("narrow", "GET", "/metrics");
    assert.deepEqual(
      [code, body.message],
      [403, 'forbidden: User "narrow" cannot get path "/metrics"'],
    );
  });
});

describe("nobody grants what they do not have", () => {
  const manage = {
    apiGroups: [rbac],
    resources: ["roles", "rolebindings"],
    verbs: ["create", "update", "patch"],
  };
  const readPods = { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] };
  const readSecrets = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };

  test("a role may give no more than its writer holds", async () => {
    await grant("manager", manage, readPods);
    const make = (...rules: readonly object[]): Promise<Answered> =>
      as("manager", "POST", roles, { body: role("made", ...rules) });
    const refused = await make(readPods, readSecrets);
    assert.deepEqual([refused.code, refused.body.reason], [403, "Forbidden"]);
    assert.equal(
      refused.body.message,
      `roles.${rbac} "made" is forbidden: user "manager" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n` +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    );
    assert.equal((await make({ ...readPods, verbs: ["*"] })).code, 403);
    assert.equal((await make({ ...readPods, resources: ["pods/log"] })).code, 403);
    assert.equal((await make({ ...readPods, apiGroups: ["*"] })).code, 403);
    assert.equal((await make({ ...readPods, resourceNames: ["a"] })).code, 201);
    const type = "application/merge-patch+json";
    const wider = { rules: [readSecrets] };
    assert.equal((await as("manager", "PATCH", `${roles}/made`, { body: wider, type })).code, 403);
    const label = { metadata: { labels: { a: "b" } } };
    assert.equal((await as("manager", "PATCH", `${roles}/made`, { body: label, type })).code, 200);
  });

  test("a binding may give no role that holds more than its writer does", async () => {
    await api.ok("POST", roles, { body: role("secret-reader", readSecrets) });
    const bind = (kind: string, to: string): Promise<Answered> =>
      as("manager", "POST", bindings, { body: binding(`${to}-friend`, kind, to, "friend") });
    const { code, body } = await bind("Role", "secret-reader");
    assert.equal(code, 403);
    assert.match(body.message, /is attempting to grant RBAC permissions not currently held/);
    assert.equal((await bind("ClusterRole", "cluster-admin")).code, 403);
    assert.equal((await bind("Role", "made")).code, 201);
    assert.equal((await bind("Role", "not-there")).code, 404);
  });

  test("`escalate` and `bind` are granted for that", async () => {
    await grant("trusted", manage, {
      apiGroups: [rbac],
      resources: ["roles"],
      resourceNames: ["grown", "secret-reader"],
      verbs: ["escalate", "bind"],
    });
    const grow = { body: role("grown", readSecrets) };
    assert.equal((await as("trusted", "POST", roles, grow)).code, 201);
    const friend = { body: binding("friend", "Role", "secret-reader", "friend") };
    assert.equal((await as("trusted", "POST", bindings, friend)).code, 201);
  });

  test("a binding is to one role for good", async () => {
    const body = { roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" } };
    const type = "application/merge-patch+json";
    const { code, body: refused } = await api.ask("PATCH", `${bindings}/friend`, { body, type });
    assert.equal(code, 422);
    assert.match(refused.message, /roleRef: Invalid value: .*cannot change roleRef/);
  });
});

describe("reviews of access", () => {
  const ask = async (kind: string, path: string, spec: object): Promise<boolean> => {
    const body = { apiVersion: "authorization.k8s.io/v1", kind, spec };
    const { status } = await api.ok("POST", `/apis/authorization.k8s.io/v1${path}`, { body });
    return status.allowed;
  };

  // Case 54.
  test("say what somebody may do, in the cluster and in a namespace", async () => {
    await grant("asked", { apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"] });
    const may = (verb: string, namespace: string): Promise<boolean> =>
      ask("SubjectAccessReview", "/subjectaccessreviews", {
        user: "asked",
        resourceAttributes: { group: "apps", resource: "deployments", verb, namespace },
      });
    assert.deepEqual(
      [await may("list", "default"), await may("list", "kube-system"), await may("get", "default")],
      [true, false, false],
    );
    const here = "/namespaces/default/localsubjectaccessreviews";
    const resourceAttributes = { group: "apps", resource: "deployments", verb: "list" };
    const local = {
      user: "asked",
      resourceAttributes: { ...resourceAttributes, namespace: "default" },
    };
    assert.equal(await ask("LocalSubjectAccessReview", here, local), true);
    const path = { user: "asked", nonResourceAttributes: { path: "/metrics", verb: "get" } };
    assert.equal(await ask("SubjectAccessReview", "/subjectaccessreviews", path), false);
  });
});

describe("tokens of service accounts", () => {
  // Case 55.
  test("are verified by whoever finds the keys by OIDC discovery", async () => {
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } };
    const accounts = "/api/v1/namespaces/default/serviceaccounts";
    await api.ok("POST", accounts, { body: account });
    const { status } = await api.ok("POST", `${accounts}/robot/token`, {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: ["oidc-discovery-test"], expirationSeconds: 600 },
      },
    });
    const [head = "", payload = "", signature = ""] = status.token.split(".");
    const decoded = (part: string): Readonly<Record<string, unknown>> =>
      JSON.parse(Buffer.from(part, "base64url").toString());
    const claims = decoded(payload);
    const discovery = await api.ok("GET", "/.well-known/openid-configuration");
    assert.equal(claims["iss"], discovery.issuer);
    assert.deepEqual(claims["aud"], ["oidc-discovery-test"]);
    assert.equal(claims["sub"], "system:serviceaccount:default:robot");
    const { keys } = await api.ok("GET", new URL(discovery.jwks_uri).pathname);
    const { kid, alg } = decoded(head);
    assert.ok(discovery.id_token_signing_alg_values_supported.includes(alg));
    const jwk = keys.find((key: { kid: string }) => key.kid === kid);
    const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
    assert.ok(
      verify(
        "sha256",
        Buffer.from(`${head}.${payload}`),
        key as Parameters<typeof verify>[2],
        Buffer.from(signature, "base64url"),
      ),
    );
  });
});
