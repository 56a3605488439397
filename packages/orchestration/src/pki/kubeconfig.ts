// The file by which kubectl finds the control plane and proves who it is.
import { Buffer } from "node:buffer";
import { stringify } from "yaml";
import type { Identity } from "./certificates.ts";

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly user: { readonly name: string; readonly identity: Identity };
}

/** @returns YAML */
export function kubeconfig({ server, authority, user }: KubeconfigOptions): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "warrener",
        cluster: { server, "certificate-authority-data": base64(authority) },
      },
    ],
    users: [
      {
        name: user.name,
        user: {
          "client-certificate-data": base64(user.identity.certificate),
          "client-key-data": base64(user.identity.key),
        },
      },
    ],
    contexts: [
      { name: "warrener", context: { cluster: "warrener", user: user.name, namespace: "default" } },
    ],
    "current-context": "warrener",
    preferences: {},
  });
}
