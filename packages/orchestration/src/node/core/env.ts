// The environment of a container: from literals, the pod's own fields, config maps and secrets (core/v1 EnvVar, EnvFromSource).
import type { Container, EnvVar } from "../../api/types.generated.ts";
import { expand } from "./expansion.ts";
import { fieldValue, type PodFacts, resourceValue } from "./field-ref.ts";

/** Data of a config map or secret, decoded; undefined when it is not there. */
export type DataLookup = (
  kind: "configmap" | "secret",
  name: string,
) => Readonly<Record<string, string>> | undefined;

/** The container cannot be created as it is written: `CreateContainerConfigError`. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/**
 * Later ones win: `base`, `envFrom`, `env`.
 * @throws ContainerConfigError when something that is not optional is missing
 */
export function containerEnv(
  container: Container,
  facts: PodFacts,
  lookup: DataLookup,
  base: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = { ...base };
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    const kind = configMapRef === undefined ? "secret" : "configmap";
    const data = dataOf(lookup, kind, ref?.name ?? "", ref?.optional === true);
    for (const [name, value] of Object.entries(data ?? {})) env[`${prefix}${name}`] = value;
  }
  for (const each of container.env ?? []) {
    const value = valueOf(each, container, facts, lookup, env);
    if (value !== undefined) env[each.name] = value;
  }
  return env;
}

function dataOf(
  lookup: DataLookup,
  kind: "configmap" | "secret",
  name: string,
  isOptional: boolean,
): Readonly<Record<string, string>> | undefined {
  const data = lookup(kind, name);
  if (data === undefined && !isOptional)
    throw new ContainerConfigError(`${kind} "${name}" not found`);
  return data;
}

function valueOf(
  { name, value = "", valueFrom }: EnvVar,
  container: Container,
  facts: PodFacts,
  lookup: DataLookup,
  env: Readonly<Record<string, string>>,
): string | undefined {
  if (valueFrom === undefined) return expand(value, env);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return known(fieldValue(facts, fieldRef.fieldPath), name);
  if (resourceFieldRef !== undefined) {
    const { containerName = container.name } = resourceFieldRef;
    const all = [...(facts.pod.spec.initContainers ?? []), ...facts.pod.spec.containers];
    const of = all.find((each) => each.name === containerName);
    return known(of && resourceValue(facts, of, resourceFieldRef), name);
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return "";
  const kind = configMapKeyRef === undefined ? "secret" : "configmap";
  const isOptional = ref.optional === true;
  const found = dataOf(lookup, kind, ref.name ?? "", isOptional)?.[ref.key];
  if (found !== undefined || isOptional) return found;
  const { namespace = "" } = facts.pod.metadata;
  const title = kind === "secret" ? "Secret" : "ConfigMap";
  throw new ContainerConfigError(
    `couldn't find key ${ref.key} in ${title} ${namespace}/${ref.name}`,
  );
}

function known(value: string | undefined, name: string): string {
  if (value !== undefined) return value;
  throw new ContainerConfigError(
    `environment variable ${name} refers to a field that is not supported`,
  );
}

/** Config maps and secrets that an environment reads. */
export function envReferences(
  container: Container,
): readonly { readonly kind: "configmap" | "secret"; readonly name: string }[] {
  const from = (container.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
    ...(configMapRef?.name === undefined
      ? []
      : [{ kind: "configmap" as const, name: configMapRef.name }]),
    ...(secretRef?.name === undefined ? [] : [{ kind: "secret" as const, name: secretRef.name }]),
  ]);
  const single = (container.env ?? []).flatMap(({ valueFrom }) => {
    const { configMapKeyRef: map, secretKeyRef: secret } = valueFrom ?? {};
    return [
      ...(map?.name === undefined ? [] : [{ kind: "configmap" as const, name: map.name }]),
      ...(secret?.name === undefined ? [] : [{ kind: "secret" as const, name: secret.name }]),
    ];
  });
  return [...from, ...single];
}
