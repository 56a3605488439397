// Which node a user is (Kubernetes, "Using Node Authorization").

export const nodesGroup = "system:nodes";
export const bootstrappersGroup = "system:bootstrappers";
/** Whose certificates nodes prove themselves with. */
export const nodeSigner = "kubernetes.io/kube-apiserver-client-kubelet";
const prefix = "system:node:";

export function nodeUserName(node: string): string {
  return `${prefix}${node}`;
}

/** @returns the name of the node; undefined for others */
export function nodeOfUser(
  user: { readonly username: string; readonly groups: readonly string[] } | undefined,
): string | undefined {
  if (user?.groups.includes(nodesGroup) !== true || !user.username.startsWith(prefix))
    return undefined;
  return user.username.slice(prefix.length);
}
