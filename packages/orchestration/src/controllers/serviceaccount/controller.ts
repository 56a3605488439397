// Gives every namespace its service account `default`, and the authority that its pods trust.
import { kinds } from "../../api/kinds.ts";
import { isReason } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { type Controller, type ControllerContext, itself, related } from "../runtime/controller.ts";

const accountName = "default";
const authorityName = "kube-root-ca.crt";

/** @param authority PEM of the certificate authority of the API server */
export function serviceAccountController(
  context: ControllerContext,
  authority: string,
): Controller {
  const { client, informers } = context;
  const namespaces = informers.of(kinds.namespaces);
  const accounts = informers.of(kinds.serviceAccounts);
  const configMaps = informers.of(kinds.configMaps);
  /** Whoever deletes or changes one of ours gets it back. */
  const ofNamespace =
    (name: string) => (object: { metadata: { name?: string; namespace?: string } }) =>
      object.metadata.name === name ? [`/${object.metadata.namespace ?? ""}`] : [];

  async function ensureAccount(namespace: string): Promise<void> {
    if (accounts.get(namespace, accountName) !== undefined) return;
    const metadata = { name: accountName, namespace };
    await client.create(kinds.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata,
    });
  }

  async function ensureAuthority(namespace: string): Promise<void> {
    const there = configMaps.get(namespace, authorityName);
    const data = { "ca.crt": authority };
    if (there === undefined) {
      const metadata = {
        name: authorityName,
        namespace,
        annotations: {
          "kubernetes.io/description":
            "The certificate authority of the Kubernetes API server, for pods to trust.",
        },
      };
      await client.create(kinds.configMaps, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata,
        data,
      });
    } else if (there.data?.["ca.crt"] !== authority)
      await client.update(kinds.configMaps, { ...there, data });
  }

  return {
    name: "serviceaccount-controller",
    watches: [
      itself(kinds.namespaces),
      related(kinds.serviceAccounts, ofNamespace(accountName)),
      related(kinds.configMaps, ofNamespace(authorityName)),
    ],
    async reconcile(key) {
      const { name } = splitKey(key);
      const namespace = namespaces.get(undefined, name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined)
        return undefined;
      for (const ensure of [ensureAccount, ensureAuthority]) {
        try {
          await ensure(name);
        } catch (error) {
          // Somebody was quicker, or the namespace goes.
          if (!isReason(error, "AlreadyExists") && !isReason(error, "Forbidden")) throw error;
        }
      }
      return undefined;
    },
  };
}
