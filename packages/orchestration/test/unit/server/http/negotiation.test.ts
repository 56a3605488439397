import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../../../src/api/status.ts";
import { negotiate, wantsAggregatedDiscovery } from "../../../../src/server/http/negotiation.ts";

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";

for (const { does, accept, want } of [
  { does: "nothing", accept: undefined, want: "object" },
  { does: "JSON", accept: "application/json", want: "object" },
  {
    does: "protobuf before JSON",
    accept: "application/vnd.kubernetes.protobuf,application/json",
    want: "object",
  },
  {
    does: "a table first",
    accept: `${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`,
    want: "table",
  },
  {
    does: "metadata alone",
    accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    want: "metadata",
  },
  { does: "something unknown, then anything", accept: "application/x-none, */*", want: "object" },
]) {
  test(`a client that accepts ${does} gets the form ${want}`, () => {
    assert.equal(negotiate(accept), want);
  });
}

test("a client that accepts nothing we have is told so with 406", () => {
  assert.throws(
    () => negotiate("text/html"),
    (error) => error instanceof StatusError && error.code === 406,
  );
});

test("aggregated discovery is for those who ask for its second version", () => {
  assert.equal(
    wantsAggregatedDiscovery(
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
    ),
    true,
  );
  assert.equal(
    wantsAggregatedDiscovery(
      "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    ),
    false,
  );
  assert.equal(wantsAggregatedDiscovery("application/json"), false);
});
