// authentication/v1 TokenRequest: a token of a service account, for an audience, for a time, perhaps for one pod.
import type { KubeObject } from "../../api/object.ts";
import { invalid } from "../../api/status.ts";
import type { TokenRequest } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { checkTokenOrder } from "../admission/node-restriction.ts";
import { issuer, type ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import type { Registry } from "../registry/registry.ts";
import type { SubresourceHandler } from "./subresources.ts";

const defaultSeconds = 3600;
const secondsMin = 600;
const secondsMax = 2 ** 32;

export function tokenHandler(registry: Registry, tokens: ServiceAccountTokens): SubresourceHandler {
  return {
    async create({ resource, namespace = "", name }, body, { user }) {
      const account = await registry.get(resource, namespace, name);
      const { spec } = body as TokenRequest;
      const seconds = spec.expirationSeconds ?? defaultSeconds;
      if (seconds < secondsMin || seconds > secondsMax) throw outOfRange(name, seconds);
      const { boundObjectRef: bound } = spec;
      checkTokenOrder(registry, user, { namespace, account: name, boundTo: bound });
      const audiences = spec.audiences ?? [];
      const { token, expiresAtMs } = await tokens.issue({
        namespace,
        account: { name, uid: account.metadata.uid as string },
        audiences: audiences.length > 0 ? audiences : [issuer],
        expirationSeconds: seconds,
        ...(bound !== undefined && {
          boundTo: { kind: bound.kind ?? "Pod", name: bound.name ?? "", uid: bound.uid ?? "" },
        }),
      });
      const answer: KubeObject = {
        ...body,
        metadata: { ...body.metadata, name, namespace },
        spec: {
          ...spec,
          audiences: audiences.length > 0 ? audiences : [issuer],
          expirationSeconds: seconds,
        },
        status: { token, expirationTimestamp: timestamp(expiresAtMs) },
      };
      return answer;
    },
  };
}

function outOfRange(name: string, seconds: number): Error {
  const message =
    seconds < secondsMin
      ? `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`
      : `Invalid value: ${seconds}: may not specify a duration larger than 2^32 seconds`;
  const cause = { reason: "FieldValueInvalid", message, field: "spec.expirationSeconds" };
  return invalid({ group: "authentication.k8s.io", kind: "TokenRequest" }, name, [cause]);
}
