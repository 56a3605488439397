import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { KubeObject } from "../../../../src/api/object.ts";
import { StatusError } from "../../../../src/api/status.ts";
import { type Message, messageOf, messageOfKind } from "../../../../src/server/wire/messages.ts";
import { decodeKubernetesProtobuf } from "../../../../src/server/wire/protobuf.ts";
import { WireError } from "../../../../src/server/wire/wire-reader.ts";
import { body, bytesField, message, numberField, varint } from "./protobuf-writer.ts";

interface Vector {
  readonly command: string;
  /** What kubectl 1.32 sends, in base64. */
  readonly body: string;
  /** What `--dry-run=client -o json` prints for it, without nulls. */
  readonly object: KubeObject;
}

const file = new URL("../../../data/kubectl-protobuf-bodies.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as readonly Vector[];

describe("the body of", () => {
  for (const { command, body, object } of vectors) {
    test(`\`${command}\` is what kubectl shows as JSON`, () => {
      assert.deepEqual(decodeKubernetesProtobuf(Buffer.from(body, "base64")), object);
    });
  }
});

/** Decodes an object of which only these bytes are given. */
function decoded(apiVersion: string, kind: string, ...fields: readonly Uint8Array[]): KubeObject {
  return decodeKubernetesProtobuf(body(apiVersion, kind, message(...fields)));
}

test("bytes written by hand are read as the specification says", () => {
  const bytes = [0x6b, 0x38, 0x73, 0x00]; // "k8s" NUL
  bytes.push(0x0a, 0x0f, 0x0a, 0x02, 0x76, 0x31); // typeMeta of 15 bytes: apiVersion "v1",
  bytes.push(0x12, 0x09, ...Buffer.from("Namespace")); // kind
  bytes.push(0x12, 0x05, 0x0a, 0x03, 0x0a, 0x01, 0x61); // raw: metadata of 3 bytes: name "a"
  assert.deepEqual(decodeKubernetesProtobuf(Uint8Array.from(bytes)), {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "a" },
  });
});

test("times are written as RFC 3339, in whole seconds or in microseconds", () => {
  const seconds = numberField(1, Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
  const micro = message(seconds, numberField(2, 6_000_789));
  const metadata = bytesField(8, seconds);
  const spec = bytesField(4, micro); // renewTime
  const lease = decoded(
    "coordination.k8s.io/v1",
    "Lease",
    bytesField(1, metadata),
    bytesField(2, spec),
  );
  assert.equal(lease.metadata.creationTimestamp, "2026-01-02T03:04:05Z");
  assert.deepEqual(lease["spec"], { renewTime: "2026-01-02T03:04:05.006000Z" });
});

test("who set which fields comes as the JSON that it holds", () => {
  const fieldsV1 = bytesField(7, bytesField(1, '{"f:data":{}}'));
  const metadata = bytesField(17, message(bytesField(1, "kubectl"), fieldsV1));
  const { managedFields } = decoded("v1", "ConfigMap", bytesField(1, metadata)).metadata;
  assert.deepEqual(managedFields, [{ manager: "kubectl", fieldsV1: { "f:data": {} } }]);
});

test("a revision's data comes as the object that it holds", () => {
  const data = bytesField(2, bytesField(1, '{"spec":{"a":[1]}}'));
  const revision = decoded("apps/v1", "ControllerRevision", data, numberField(3, 4));
  assert.deepEqual([revision["data"], revision["revision"]], [{ spec: { a: [1] } }, 4]);
});

test("messages that JSON has inline stand beside the fields around them", () => {
  const exec = bytesField(1, bytesField(1, bytesField(1, "true"))); // handler, exec, command
  const container = bytesField(10, message(exec, numberField(4, 5))); // livenessProbe
  const name = bytesField(1, bytesField(1, "settings")); // localObjectReference
  const volume = message(bytesField(1, "v"), bytesField(2, bytesField(19, name)));
  const spec = message(bytesField(1, volume), bytesField(2, container));
  const pod = decoded("v1", "Pod", bytesField(2, spec));
  assert.deepEqual(pod["spec"], {
    volumes: [{ name: "v", configMap: { name: "settings" } }],
    containers: [{ livenessProbe: { exec: { command: ["true"] }, periodSeconds: 5 } }],
  });
});

test("fields that protobuf spells otherwise have the name of JSON", () => {
  const reference = bytesField(3, bytesField(4, "u"));
  const request = decoded("authentication.k8s.io/v1", "TokenRequest", bytesField(2, reference));
  assert.deepEqual(request["spec"], { boundObjectRef: { uid: "u" } });
});

test("a zero stays where somebody wrote it and goes where it only means not set", () => {
  const spec = message(numberField(1, 0), numberField(5, 0)); // replicas, minReadySeconds
  const deployment = decoded("apps/v1", "Deployment", bytesField(2, spec));
  assert.deepEqual(deployment["spec"], { replicas: 0 });
  const claim = decoded("v1", "PersistentVolumeClaim", bytesField(2, bytesField(5, "")));
  assert.deepEqual(claim["spec"], { storageClassName: "" });
});

test("a number below zero is read as such", () => {
  assert.equal(decoded("scheduling.k8s.io/v1", "PriorityClass", numberField(2, -7))["value"], -7);
});

test("numbers of a list may be packed", () => {
  const groups = (field: Uint8Array): unknown =>
    decoded("v1", "Pod", bytesField(2, bytesField(14, field)))["spec"];
  const want = { securityContext: { supplementalGroups: [1, 300] } };
  assert.deepEqual(groups(bytesField(4, message(varint(1), varint(300)))), want);
  assert.deepEqual(groups(message(numberField(4, 1), numberField(4, 300))), want);
});

test("a key that JavaScript's objects treat specially is a key like others", () => {
  const entry = message(bytesField(1, "__proto__"), bytesField(2, "x"));
  const map = decoded("v1", "ConfigMap", bytesField(2, entry));
  assert.equal(JSON.stringify(map["data"]), '{"__proto__":"x"}');
});

test("fields with numbers that nobody knows are passed over, whatever their type", () => {
  const fixed64 = message(varint(900 * 8 + 1), new Uint8Array(8));
  const fixed32 = message(varint(901 * 8 + 5), new Uint8Array(4));
  const metadata = bytesField(1, bytesField(1, "a"));
  const map = decoded(
    "v1",
    "ConfigMap",
    fixed64,
    numberField(902, 1),
    fixed32,
    bytesField(903, "x"),
    metadata,
  );
  assert.deepEqual(map, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } });
});

test("options of a deletion are read in any group", () => {
  const options = decoded("apps/v1", "DeleteOptions", numberField(1, 0), bytesField(4, "Orphan"));
  assert.deepEqual([options["gracePeriodSeconds"], options["propagationPolicy"]], [0, "Orphan"]);
});

const name = bytesField(1, "a");
describe("a body is refused as a bad request", () => {
  for (const [why, bytes, message] of [
    ["without the magic bytes", Buffer.from("{}"), /does not begin with 6b 38 73 00/],
    ["with nothing in it", new Uint8Array(), /does not begin with 6b 38 73 00/],
    ["that is compressed", body("v1", "Pod", name, bytesField(3, "gzip")), /encoded as "gzip"/],
    ["with a field of number 0", body("v1", "Pod", Uint8Array.of(0x02, 0)), /number 0/],
    ["with a group, which no message has", body("v1", "Pod", Uint8Array.of(0x0b)), /wire type 3/],
    ["with a number that does not end", body("v1", "Pod", new Uint8Array(11).fill(0xff)), /longer/],
    ["with a text that is a number", body("v1", "Secret", numberField(3, 1)), /given as a number/],
    [
      "with a number that is a text",
      body("apps/v1", "Deployment", bytesField(2, bytesField(1, "a"))),
      /given as bytes/,
    ],
    [
      "with a text that is not UTF-8",
      body("v1", "Secret", bytesField(3, Uint8Array.of(0xff))),
      /not UTF-8/,
    ],
    [
      "with data that is not JSON",
      body("apps/v1", "ControllerRevision", bytesField(2, bytesField(1, "{"))),
      /JSON/,
    ],
    [
      "with a time that no calendar has",
      body("v1", "Pod", bytesField(1, bytesField(8, numberField(1, 9e15)))),
      /no time/,
    ],
  ] as const) {
    test(why, () => {
      assert.throws(
        () => decodeKubernetesProtobuf(bytes),
        (error) => {
          assert.ok(error instanceof StatusError);
          assert.equal(error.reason, "BadRequest");
          assert.match(error.message, message);
          assert.ok(error.cause instanceof WireError);
          return true;
        },
      );
    });
  }

  for (const [apiVersion, kind] of [
    ["v1", "Nothing"],
    ["v1", "constructor"],
    ["nothing.example.com/v1", "Pod"],
    ["constructor", "Pod"],
    ["", ""],
  ] as const) {
    test(`of the kind ${JSON.stringify(kind)} in ${JSON.stringify(apiVersion)}, which nobody knows`, () => {
      const message = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
      assert.throws(() => decoded(apiVersion, kind), { name: "StatusError", message });
    });
  }
});

test("a body that is cut anywhere is read as far as it is whole or refused, never anything else", () => {
  for (const { body } of vectors) {
    const bytes = Buffer.from(body, "base64");
    for (let end = 0; end < bytes.length; end += 1) {
      try {
        decodeKubernetesProtobuf(bytes.subarray(0, end));
      } catch (error) {
        assert.ok(error instanceof StatusError);
        assert.equal(error.reason, "BadRequest");
      }
    }
  }
});

test("no message contains itself, so that none can be nested without end", () => {
  const within = (each: Message, path: readonly string[]): void => {
    assert.ok(!path.includes(each.name), `${path.join(" > ")} > ${each.name}`);
    for (const { type } of each.fields.values()) {
      if (typeof type !== "object") continue;
      const inner = messageOf(type.message);
      assert.ok(inner, type.message);
      within(inner, [...path, each.name]);
    }
  };
  for (const [apiVersion, kind] of [
    ["v1", "Pod"],
    ["v1", "Node"],
    ["v1", "Service"],
    ["v1", "PersistentVolume"],
    ["v1", "List"],
    ["apps/v1", "DeploymentList"],
    ["apps/v1", "StatefulSetList"],
    ["apps/v1", "DaemonSetList"],
    ["batch/v1", "CronJobList"],
    ["autoscaling/v2", "HorizontalPodAutoscalerList"],
    ["networking.k8s.io/v1", "NetworkPolicyList"],
    ["admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyList"],
    ["authorization.k8s.io/v1", "SubjectAccessReview"],
  ] as const) {
    const message = messageOfKind(apiVersion, kind);
    assert.ok(message, kind);
    within(message, []);
  }
});
