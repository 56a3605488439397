// Which ConfigMaps and Secrets a pod's containers read: environment and volumes.
import type { PodSpec } from "../../api/types.generated.ts";

export interface ConfigReference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
}

/** Each once, in a fixed order. */
export function configReferences(spec: PodSpec | undefined): readonly ConfigReference[] {
  const found = new Map<string, ConfigReference>();
  const add = (kind: ConfigReference["kind"], name: string | undefined): void => {
    if (name !== undefined && name !== "") found.set(`${kind}/${name}`, { kind, name });
  };
  for (const { env = [], envFrom = [] } of [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
  ]) {
    for (const { valueFrom } of env) {
      add("ConfigMap", valueFrom?.configMapKeyRef?.name);
      add("Secret", valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add("ConfigMap", configMapRef?.name);
      add("Secret", secretRef?.name);
    }
  }
  for (const { configMap, secret, projected } of spec?.volumes ?? []) {
    add("ConfigMap", configMap?.name);
    add("Secret", secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add("ConfigMap", source.configMap?.name);
      add("Secret", source.secret?.name);
    }
  }
  return [...found.keys()].toSorted().map((key) => found.get(key) as ConfigReference);
}
