import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "../../../../src/api/object.ts";
import { StatusError } from "../../../../src/api/status.ts";
import { type Applier, applyObject } from "../../../../src/server/patch/apply.ts";
import { afterUpdate } from "../../../../src/server/patch/managed-fields.ts";
import {
  configMap,
  configMapSchema,
  deployment,
  deploymentSchema,
  entryOf,
  isRefused,
  openSchema,
  owners,
  podSchema,
} from "./objects.ts";

const start = "2026-01-01T00:00:00Z";
const later = "2026-01-01T00:00:01Z";

function by(manager: string, more: Partial<Applier> = {}): Applier {
  return { manager, apiVersion: "v1", time: start, ...more };
}

const apps = { apiVersion: "apps/v1" };
const template = (containers: readonly object[]): { template: object } => ({
  template: { spec: { containers } },
});

describe("server-side apply", () => {
  test("creates an object of which the applier owns what it states", () => {
    const made = applyObject(undefined, configMap({ a: "1" }), by("ann"), configMapSchema);
    assert.deepEqual(made["data"], { a: "1" });
    assert.deepEqual(owners(made), { "ann Apply": { "f:data": { "f:a": {} } } });
  });

  test("changes nothing, not even a time, when the configuration is the same", () => {
    const config = deployment({ replicas: 1, ...template([{ name: "a", image: "x", tty: null }]) });
    const made = applyObject(undefined, config, by("ann", apps), deploymentSchema);
    const again = applyObject(made, config, by("ann", { ...apps, time: later }), deploymentSchema);
    assert.equal(again, made);
  });

  test("leaves defaults alone: they belong to nobody", () => {
    const config = deployment(template([{ name: "a" }]));
    const made = applyObject(undefined, config, by("ann", apps), deploymentSchema);
    const defaulted = { ...made, spec: { ...template([{ name: "a", tty: false }]), replicas: 1 } };
    assert.equal(applyObject(defaulted, config, by("ann", apps), deploymentSchema), defaulted);
  });

  test("lets two managers own one field of the same value", () => {
    const config = configMap({ a: "1" });
    const made = applyObject(undefined, config, by("ann"), configMapSchema);
    const shared = applyObject(made, config, by("bob"), configMapSchema);
    const own = { "f:data": { "f:a": {} } };
    assert.deepEqual(owners(shared), { "ann Apply": own, "bob Apply": own });
    const left = applyObject(shared, configMap(), by("ann"), configMapSchema);
    assert.deepEqual(left["data"], { a: "1" });
    assert.deepEqual(owners(left), { "bob Apply": own });
  });

  test("removes what its manager states no more and nobody else owns", () => {
    const made = applyObject(undefined, configMap({ a: "1", b: "1" }), by("ann"), configMapSchema);
    const next = applyObject(
      made,
      configMap({ a: "1" }),
      by("ann", { time: later }),
      configMapSchema,
    );
    assert.deepEqual(next["data"], { a: "1" });
    assert.equal(entryOf(next, "ann")?.time, later);
    const none = applyObject(next, configMap(), by("ann"), configMapSchema);
    assert.deepEqual(none, configMap());
  });

  test("removes a map that it gave up together with its defaults", () => {
    const probe = { httpGet: { path: "/", port: 80 } };
    const config = deployment(template([{ name: "a", livenessProbe: probe }]));
    const made = applyObject(undefined, config, by("ann", apps), deploymentSchema);
    const defaulted = {
      ...made,
      spec: template([{ name: "a", livenessProbe: { ...probe, periodSeconds: 10 } }]),
    };
    const less = deployment(template([{ name: "a" }]));
    const next = applyObject(defaulted, less, by("ann", apps), deploymentSchema);
    assert.deepEqual(next["spec"], less["spec"]);
  });

  test("removes a list item that it gave up", () => {
    const both = deployment(template([{ name: "a" }, { name: "b", image: "x" }]));
    const one = deployment(template([{ name: "a" }]));
    const made = applyObject(undefined, both, by("ann", apps), deploymentSchema);
    assert.deepEqual(
      applyObject(made, one, by("ann", apps), deploymentSchema)["spec"],
      one["spec"],
    );
  });

  test("keeps the items of others between its own, in the configuration's order", () => {
    const first = deployment(template([{ name: "a" }, { name: "b" }, { name: "c" }]));
    const second = deployment(template([{ name: "c", image: "x" }, { name: "d" }, { name: "a" }]));
    const made = applyObject(undefined, first, by("ann", apps), deploymentSchema);
    const next = applyObject(made, second, by("bob", apps), deploymentSchema);
    assert.deepEqual(
      next["spec"],
      template([{ name: "c", image: "x" }, { name: "d" }, { name: "a" }, { name: "b" }]),
    );
  });

  test("merges sets, and takes atomic lists and maps as a whole", () => {
    const pod = (finalizers: readonly string[], args: readonly string[]): KubeObject => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", finalizers },
      spec: { containers: [{ name: "a", args }] },
    });
    const made = applyObject(undefined, pod(["x"], ["1"]), by("ann"), podSchema);
    const next = applyObject(made, pod(["y"], ["2"]), by("bob", { force: true }), podSchema);
    assert.deepEqual(next.metadata.finalizers, ["x", "y"]);
    assert.deepEqual(next["spec"], { containers: [{ name: "a", args: ["2"] }] });
    const item = { ".": {}, "f:name": {} };
    assert.deepEqual(owners(next), {
      "ann Apply": {
        "f:metadata": { "f:finalizers": { 'v:"x"': {} } },
        "f:spec": { "f:containers": { 'k:{"name":"a"}': item } },
      },
      "bob Apply": {
        "f:metadata": { "f:finalizers": { 'v:"y"': {} } },
        "f:spec": { "f:containers": { 'k:{"name":"a"}': { ...item, "f:args": {} } } },
      },
    });
  });

  test("takes a port without its protocol for the TCP port of that number", () => {
    const ports = (list: readonly object[]): KubeObject =>
      deployment(template([{ name: "a", ports: list }]));
    const tcp = { containerPort: 80, protocol: "TCP" };
    const made = applyObject(undefined, ports([tcp]), by("ann", apps), deploymentSchema);
    const same = applyObject(
      made,
      ports([{ containerPort: 80 }]),
      by("bob", apps),
      deploymentSchema,
    );
    assert.deepEqual(same["spec"], made["spec"]);
  });

  test("merges maps of custom kinds without a schema, and their metadata as everywhere", () => {
    const custom = (finalizers: readonly string[], spec: object): KubeObject => ({
      apiVersion: "example.com/v1",
      kind: "Thing",
      metadata: { name: "t", finalizers },
      spec,
    });
    const made = applyObject(undefined, custom(["a"], { x: { y: 1 } }), by("ann"), openSchema);
    const next = applyObject(made, custom(["b"], { x: { z: [1] } }), by("bob"), openSchema);
    assert.deepEqual(next.metadata.finalizers, ["a", "b"]);
    assert.deepEqual(next["spec"], { x: { y: 1, z: [1] } });
    const less = applyObject(next, custom([], {}), by("ann"), openSchema);
    assert.deepEqual(less.metadata.finalizers, ["b"]);
    assert.deepEqual(less["spec"], { x: { z: [1] } });
  });

  test("gives what was there before any ownership to before-first-apply", () => {
    const live = configMap({ a: "1", b: "1" });
    const conflicting = (): unknown =>
      applyObject(live, configMap({ a: "2" }), by("ann"), configMapSchema);
    const message =
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a';
    assert.throws(conflicting, isRefused(409, "Conflict", message));
    const next = applyObject(live, configMap({ a: "1" }), by("ann"), configMapSchema);
    assert.deepEqual(owners(next), {
      "ann Apply": { "f:data": { "f:a": {} } },
      "before-first-apply Update": { "f:data": { ".": {}, "f:a": {}, "f:b": {} } },
    });
  });

  test("is the same manager in every version", () => {
    const made = applyObject(undefined, configMap({ a: "1" }), by("ann"), configMapSchema);
    const v2 = by("ann", { apiVersion: "v2" });
    const next = applyObject(made, configMap({ a: "1" }), v2, configMapSchema);
    assert.deepEqual(
      next.metadata.managedFields?.map(({ apiVersion }) => apiVersion),
      ["v2"],
    );
  });
});

describe("a conflict", () => {
  const created = afterUpdate(
    undefined,
    deployment({ replicas: 3, ...template([{ name: "a", image: "x" }]) }),
    { manager: "kubectl-client-side-apply", apiVersion: "apps/v1", time: start },
    deploymentSchema,
  );

  test("names the manager and the field, in the message and as a cause", () => {
    const error = refusal(() =>
      applyObject(created, deployment({ replicas: 2 }), by("ann", apps), deploymentSchema),
    );
    assert.equal(error.code, 409);
    assert.equal(
      error.message,
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    );
    const cause = {
      reason: "FieldManagerConflict",
      message: 'conflict with "kubectl-client-side-apply" using apps/v1',
      field: ".spec.replicas",
    };
    assert.deepEqual(error.details, { causes: [cause] });
  });

  test("names every field of every manager", () => {
    const scaled = afterUpdate(
      created,
      { ...created, spec: { ...(created["spec"] as object), replicas: 4 } },
      { manager: "hpa", apiVersion: "apps/v1", time: start, subresource: "scale" },
      deploymentSchema,
    );
    const owned = applyObject(scaled, deployment({ paused: true }), by("zoe"), deploymentSchema);
    const config = deployment({
      replicas: 2,
      paused: false,
      ...template([{ name: "a", image: "y" }]),
    });
    const error = refusal(() => applyObject(owned, config, by("ann", apps), deploymentSchema));
    assert.equal(
      error.message,
      [
        'Apply failed with 3 conflicts: conflicts with "hpa" with subresource "scale" using apps/v1:',
        "- .spec.replicas",
        'conflicts with "kubectl-client-side-apply" using apps/v1:',
        '- .spec.template.spec.containers[name="a"].image',
        'conflicts with "zoe":',
        "- .spec.paused",
      ].join("\n"),
    );
    assert.equal(error.details?.causes?.length, 3);
  });

  test("is none when the applier forces: it alone owns the field then", () => {
    const forced = by("ann", { ...apps, force: true });
    const next = applyObject(created, deployment({ replicas: 2 }), forced, deploymentSchema);
    assert.equal((next["spec"] as { replicas: number }).replicas, 2);
    const { "ann Apply": ann, "kubectl-client-side-apply Update": other } = owners(next);
    assert.deepEqual(ann, { "f:spec": { "f:replicas": {} } });
    assert.equal(Object.hasOwn((other as { "f:spec": object })["f:spec"], "f:replicas"), false);
  });
});

test("a configuration whose managedFields are null has none", () => {
  const metadata = { name: "c", managedFields: null } as unknown as KubeObject["metadata"];
  const made = applyObject(
    undefined,
    { ...configMap({ a: "1" }), metadata },
    by("ann"),
    configMapSchema,
  );
  assert.deepEqual(owners(made), { "ann Apply": { "f:data": { "f:a": {} } } });
});

describe("a configuration is refused", () => {
  test("when it brings managedFields", () => {
    for (const managedFields of [[], [{}]]) {
      const metadata = { name: "c", managedFields } as unknown as KubeObject["metadata"];
      const config = { ...configMap(), metadata };
      assert.throws(
        () => applyObject(undefined, config, by("ann"), configMapSchema),
        isRefused(400, "BadRequest", "metadata.managedFields must be nil"),
      );
    }
  });

  test("when two items of a list are the same", () => {
    const config = deployment(template([{ name: "a" }, { name: "a" }]));
    assert.throws(
      () => applyObject(undefined, config, by("ann", apps), deploymentSchema),
      isRefused(
        400,
        "BadRequest",
        'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
      ),
    );
  });
});

describe("whatever is applied", () => {
  const data = fc.dictionary(fc.constantFrom("a", "b", "c", "toString"), fc.constantFrom("1", "2"));
  const containers = fc
    .uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 })
    .chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc.record(
            {
              name: fc.constant(name),
              image: fc.constantFrom("x", "y"),
              resources: fc.record({ limits: data }, { requiredKeys: [] }),
            },
            { requiredKeys: ["name"] },
          ),
        ),
      ),
    );
  const config = fc
    .record({ replicas: fc.nat(2), containers }, { requiredKeys: [] })
    .map(({ containers = [], ...spec }) => deployment({ ...spec, ...template(containers) }));

  test("is as good applied once as twice, over whatever another manager applied", () => {
    const force = { ...apps, force: true };
    fc.assert(
      fc.property(config, config, config, (before, earlier, now) => {
        const live = applyObject(undefined, before, by("bob", force), deploymentSchema);
        const first = applyObject(live, earlier, by("ann", force), deploymentSchema);
        const once = applyObject(first, now, by("ann", force), deploymentSchema);
        const again = by("ann", { ...apps, time: later });
        assert.deepEqual(applyObject(once, now, again, deploymentSchema), once);
      }),
    );
  });

  test("leaves two managers of disjoint fields both theirs, whoever came first", () => {
    const prefixed = (prefix: string): fc.Arbitrary<KubeObject> =>
      fc
        .dictionary(fc.constantFrom(`${prefix}1`, `${prefix}2`), fc.string(), { minKeys: 1 })
        .map(configMap);
    fc.assert(
      fc.property(prefixed("a"), prefixed("b"), (a, b) => {
        const apply = (
          object: KubeObject | undefined,
          config: KubeObject,
          name: string,
        ): KubeObject => applyObject(object, config, by(name), configMapSchema);
        const one = apply(apply(undefined, a, "ann"), b, "bob");
        const other = apply(apply(undefined, b, "bob"), a, "ann");
        assert.deepEqual(owners(one), owners(other));
        assert.deepEqual({ ...one["data"]! }, { ...other["data"]! });
        const { "ann Apply": ann, "bob Apply": bob } = owners(one);
        assert.deepEqual(ann, owners(apply(undefined, a, "ann"))["ann Apply"]);
        assert.deepEqual(bob, owners(apply(undefined, b, "bob"))["bob Apply"]);
      }),
    );
  });
});

function refusal(work: () => unknown): StatusError {
  try {
    work();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  return assert.fail("nothing was refused");
}
