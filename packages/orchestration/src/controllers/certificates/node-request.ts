// Whether a certificate request is one of a node that may have what it asks for (Kubernetes, "Certificate Signing Requests", signer kube-apiserver-client-kubelet).
import type { CertificateSigningRequest } from "../../api/types.generated.ts";
import type { RequestedSubject } from "../../pki/certificates.ts";
import { bootstrappersGroup, nodeOfUser } from "../../server/auth/node-user.ts";

const usagesAllowed = ["client auth", "digital signature", "key encipherment"];

export type Verdict =
  | { readonly kind: "approve"; readonly reason: "AutoApproved"; readonly message: string }
  | { readonly kind: "deny"; readonly reason: "NameInUse"; readonly message: string }
  /** A person decides: `kubectl certificate approve`. */
  | { readonly kind: "leave" };

/** @returns the name of the node that a subject stands for; undefined where it is no node, or more than one */
export function nodeOfSubject({ names, groups, isMore }: RequestedSubject): string | undefined {
  const [username = ""] = names;
  const name = names.length === 1 && !isMore ? nodeOfUser({ username, groups }) : undefined;
  const isNode = groups.length === 1 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name ?? "");
  return isNode ? name : undefined;
}

/** @param isInUse whether a node of this name is there and alive */
export function judge(
  { spec }: CertificateSigningRequest,
  node: string,
  isInUse: (node: string) => boolean,
): Verdict {
  const { username = "", groups = [], usages = [] } = spec;
  if (!usages.includes("client auth") || !usages.every((usage) => usagesAllowed.includes(usage)))
    return { kind: "leave" };
  if (nodeOfUser({ username, groups }) === node) return approved("renewed by the node itself");
  if (!groups.includes(bootstrappersGroup)) return { kind: "leave" };
  if (!isInUse(node)) return approved("joined by a bootstrap token");
  return { kind: "deny", reason: "NameInUse", message: `a node ${node} is there and alive` };
}

function approved(message: string): Verdict {
  return { kind: "approve", reason: "AutoApproved", message };
}
