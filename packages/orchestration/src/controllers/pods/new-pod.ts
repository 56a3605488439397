// A pod as a controller makes it of its owner's template.
import type { KubeObject, ObjectMeta } from "../../api/object.ts";
import type { Pod, PodTemplateSpec } from "../../api/types.generated.ts";
import { controllerReference } from "../runtime/controller.ts";

const nameMax = 63;
const suffixLength = 5;

/** `web-` and five characters, short enough for a host name. */
export function generatedName(base: string, suffix: string): string {
  return `${base.slice(0, nameMax - suffixLength - 1)}-${suffix}`;
}

/** @param name the pod's own, such as generatedName gives */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplateSpec | undefined,
  name: string,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const metadata: ObjectMeta = {
    name,
    namespace: owner.metadata.namespace as string,
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(finalizers !== undefined && { finalizers }),
    ownerReferences: [controllerReference(owner)],
  };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: template?.spec ?? { containers: [] } };
}
