// What a machine needs to join as a node: a token of the service account `node-joiner`, which may do what nodes may.
import { kinds } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { TokenRequest } from "../api/types.generated.ts";
import { type Client, createIfMissing } from "../client/client.ts";

export const nodeJoiner = { namespace: "kube-system", name: "node-joiner" } as const;
/** Whose tokens these are, as their claim `sub` says. */
export const nodeJoinerSubject = `system:serviceaccount:${nodeJoiner.namespace}:${nodeJoiner.name}`;
const rbac = "rbac.authorization.k8s.io";

/**
 * Makes the account and its binding where they are missing, and a token of it. Deleting the account takes back every token.
 * @param client one that may make bindings to `system:node`
 */
export async function createJoinToken(client: Client, expirationSeconds: number): Promise<string> {
  await createIfMissing(client, kinds.serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: nodeJoiner,
  });
  await createIfMissing(client, kinds.clusterRoleBindings, {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "system:node-joiner" },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:node" },
    subjects: [{ kind: "ServiceAccount", ...nodeJoiner }],
  });
  return requestToken(client, expirationSeconds);
}

/** Another token of the account. Whoever has one may ask for the next. */
export async function requestToken(client: Client, expirationSeconds: number): Promise<string> {
  const { namespace, name } = nodeJoiner;
  const order: KubeObject = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: { expirationSeconds },
  };
  const kind = kinds.serviceAccounts;
  const made = await client.createSubresource(kind, namespace, name, "token", order);
  const { status } = made as TokenRequest;
  if (status === undefined) throw new Error("the server has made no token");
  return status.token;
}
