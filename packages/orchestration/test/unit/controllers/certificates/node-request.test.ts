import assert from "node:assert/strict";
import { test } from "node:test";
import type { CertificateSigningRequest } from "../../../../src/api/types.generated.ts";
import { judge, nodeOfSubject } from "../../../../src/controllers/certificates/node-request.ts";

const groups = ["system:nodes"];

for (const { does, subject, want } of [
  {
    does: "is a node's",
    subject: { names: ["system:node:a"], groups, isMore: false },
    want: "a",
  },
  {
    does: "with another group is nobody's",
    subject: { names: ["system:node:a"], groups: [...groups, "system:masters"], isMore: false },
    want: undefined,
  },
  {
    does: "of an administrator is no node's",
    subject: { names: ["admin"], groups: ["system:masters"], isMore: false },
    want: undefined,
  },
  {
    does: "with two names is nobody's",
    subject: { names: ["system:node:a", "system:node:b"], groups, isMore: false },
    want: undefined,
  },
  {
    does: "with more than that is nobody's",
    subject: { names: ["system:node:a"], groups, isMore: true },
    want: undefined,
  },
  {
    does: "whose name is no name of a node is nobody's",
    subject: { names: ["system:node:A,O=system:masters"], groups, isMore: false },
    want: undefined,
  },
])
  test(`a subject ${does}`, () => assert.equal(nodeOfSubject(subject), want));

const joiner = { username: "system:bootstrap:abc123", groups: ["system:bootstrappers"] };

for (const { does, spec, node = "a", want } of [
  { does: "of a joining machine is approved", spec: joiner, node: "a", want: "approve" },
  {
    does: "of a node for itself is approved",
    spec: { username: "system:node:live", groups },
    node: "live",
    want: "approve",
  },
  {
    does: "of a node for another is left to a person",
    spec: { username: "system:node:b", groups },
    want: "leave",
  },
  {
    does: "of anybody else is left to a person",
    spec: { username: "eve", groups: ["system:authenticated"] },
    want: "leave",
  },
  { does: "for the name of a live node is denied", spec: joiner, node: "live", want: "deny" },
  {
    does: "for a server's certificate is left to a person",
    spec: { ...joiner, usages: ["server auth"] },
    want: "leave",
  },
])
  test(`a request ${does}`, () => {
    const request: CertificateSigningRequest = {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: {},
      spec: { request: "", signerName: "", usages: ["digital signature", "client auth"], ...spec },
    };
    assert.equal(judge(request, node, (name) => name === "live").kind, want);
  });
