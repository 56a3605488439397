// Fills in what a trigger names elsewhere: variables of the workload's container, and what a TriggerAuthentication points to.
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type {
  ConfigMap,
  Container,
  EnvVar,
  PodTemplateSpec,
  Secret,
} from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import { type TriggerSpec, triggerAuthentications } from "../scaled-object-types.ts";

export interface TriggerSurroundings {
  readonly client: Client;
  readonly namespace: string;
  /** What is scaled. */
  readonly workload: KubeObject;
  /** Default: the first container. */
  readonly containerName: string | undefined;
}

const fromEnv = "FromEnv";

/** @throws Error naming what cannot be found */
export async function triggerParameters(
  around: TriggerSurroundings,
  { metadata, authenticationRef }: TriggerSpec,
): Promise<Readonly<Record<string, string>>> {
  const parameters: Record<string, string> = { ...metadata };
  for (const [name, variable] of Object.entries(metadata)) {
    if (!name.endsWith(fromEnv)) continue;
    parameters[name.slice(0, -fromEnv.length)] = await variableOf(around, variable);
  }
  if (authenticationRef === undefined) return parameters;
  if ((authenticationRef.kind ?? "TriggerAuthentication") !== "TriggerAuthentication")
    throw new Error(`authentication by ${authenticationRef.kind} is not known here`);
  return { ...parameters, ...(await authentication(around, authenticationRef.name)) };
}

async function authentication(
  around: TriggerSurroundings,
  name: string,
): Promise<Readonly<Record<string, string>>> {
  const { client, namespace } = around;
  const { spec } = await client.get(triggerAuthentications, namespace, name);
  const parameters: Record<string, string> = {};
  for (const { parameter, name: secret, key } of spec.secretTargetRef ?? [])
    parameters[parameter] = await secretValue(around, secret, key);
  for (const { parameter, name: map, key } of spec.configMapTargetRef ?? [])
    parameters[parameter] = await configValue(around, map, key);
  for (const { parameter, name: variable, containerName } of spec.env ?? [])
    parameters[parameter] = await variableOf(
      containerName === undefined ? around : { ...around, containerName },
      variable,
    );
  return parameters;
}

async function variableOf(around: TriggerSurroundings, name: string): Promise<string> {
  const { name: container, env = [] } = containerOf(around);
  const variable: EnvVar | undefined = env.find((each) => each.name === name);
  if (variable?.value !== undefined) return variable.value;
  const { secretKeyRef, configMapKeyRef } = variable?.valueFrom ?? {};
  if (secretKeyRef !== undefined)
    return secretValue(around, secretKeyRef.name ?? "", secretKeyRef.key);
  if (configMapKeyRef !== undefined)
    return configValue(around, configMapKeyRef.name ?? "", configMapKeyRef.key);
  throw new Error(`container ${container} has no variable ${name}`);
}

function containerOf({ workload, containerName }: TriggerSurroundings): Container {
  const { template } = (workload["spec"] ?? {}) as { readonly template?: PodTemplateSpec };
  const containers = template?.spec?.containers ?? [];
  const found =
    containerName === undefined
      ? containers[0]
      : containers.find(({ name }) => name === containerName);
  if (found === undefined) throw new Error(`the workload has no container ${containerName ?? ""}`);
  return found;
}

async function secretValue(
  { client, namespace }: TriggerSurroundings,
  name: string,
  key: string,
): Promise<string> {
  const { data }: Secret = await client.get(kinds.secrets, namespace, name);
  const value = data?.[key];
  if (value === undefined) throw new Error(`secret ${name} has no key ${key}`);
  return Buffer.from(value, "base64").toString("utf8");
}

async function configValue(
  { client, namespace }: TriggerSurroundings,
  name: string,
  key: string,
): Promise<string> {
  const { data }: ConfigMap = await client.get(kinds.configMaps, namespace, name);
  const value = data?.[key];
  if (value === undefined) throw new Error(`config map ${name} has no key ${key}`);
  return value;
}
