// Pods that the node runs without being asked by the API server, and the mirrors that show them there.
import { createHash } from "node:crypto";
import type { OwnerReference } from "../../api/object.ts";
import type { Node, Pod } from "../../api/types.generated.ts";
import { configSourceAnnotation } from "./pod-state.ts";

const configHashAnnotation = "kubernetes.io/config.hash";
export const configMirrorAnnotation = "kubernetes.io/config.mirror";

/** A static pod as the node runs it: its uid is the hash of what is written, so another text is another pod. */
export function staticPod(written: Pod, nodeName: string): Pod {
  const { name = "", namespace = "default", annotations } = written.metadata;
  const hash = createHash("sha256")
    .update(nodeName)
    .update(JSON.stringify(written))
    .digest("hex")
    .slice(0, 32);
  return {
    ...written,
    metadata: {
      ...written.metadata,
      name: `${name}-${nodeName}`,
      namespace,
      uid: hash,
      annotations: {
        ...annotations,
        [configSourceAnnotation]: "file",
        [configHashAnnotation]: hash,
      },
    },
    spec: { restartPolicy: "Always", ...written.spec, nodeName },
  };
}

export function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[configMirrorAnnotation] !== undefined;
}

/** Whether a mirror shows this very pod. */
export function isMirrorOf(mirror: Pod, { metadata }: Pod): boolean {
  return (
    mirror.metadata.annotations?.[configMirrorAnnotation] === metadata.uid &&
    mirror.metadata.deletionTimestamp === undefined
  );
}

export function mirrorPod(pod: Pod, node: Node | undefined): Pod {
  const { uid = "", annotations, labels, name = "", namespace = "" } = pod.metadata;
  const owner: OwnerReference | undefined =
    node?.metadata.uid === undefined
      ? undefined
      : {
          apiVersion: "v1",
          kind: "Node",
          name: node.metadata.name ?? "",
          uid: node.metadata.uid,
          controller: true,
        };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      ...(labels && { labels }),
      annotations: { ...annotations, [configMirrorAnnotation]: uid },
      ...(owner && { ownerReferences: [owner] }),
    },
    spec: pod.spec,
  };
}
