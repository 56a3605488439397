// What protobuf says otherwise than JSON: times, quantities, values of two types, and what "not set" looks like.
import { openApiDocument } from "../../api/built-in.ts";
import type { Json } from "../../api/object.ts";
import { WireError } from "./wire-reader.ts";

type Values = Readonly<Record<string, Json>>;

const machinery = "k8s.io.apimachinery.pkg";

const forms = new Map<string, (values: Values) => Json | undefined>([
  [`${machinery}.apis.meta.v1.Time`, ({ seconds }) => timeOf(seconds)?.slice(0, 19).concat("Z")],
  [`${machinery}.apis.meta.v1.MicroTime`, microTimeOf],
  [`${machinery}.apis.meta.v1.FieldsV1`, ({ Raw }) => jsonOf(Raw)],
  [`${machinery}.apis.meta.v1.Verbs`, itemsOf],
  [`${machinery}.runtime.RawExtension`, ({ raw }) => jsonOf(raw)],
  [`${machinery}.api.resource.Quantity`, ({ string = "0" }) => string],
  [
    `${machinery}.util.intstr.IntOrString`,
    ({ type, intVal = 0, strVal = "" }) => (type === 1 ? strVal : intVal),
  ],
  ["k8s.io.api.authentication.v1.ExtraValue", itemsOf],
  ["k8s.io.api.authorization.v1.ExtraValue", itemsOf],
]);

/**
 * A message's form in JSON.
 * @returns undefined where it says that nothing is set, as a time of no moment does
 */
export function jsonForm(message: string, values: Values): Json | undefined {
  const form = forms.get(message);
  return form === undefined ? values : form(values);
}

function itemsOf({ items }: Values): Json {
  return items ?? [];
}

function timeOf(seconds: Json | undefined): string | undefined {
  if (typeof seconds !== "number") return undefined;
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) throw new WireError(`no time has ${seconds} seconds`);
  return time.toISOString();
}

function microTimeOf({ seconds, nanos }: Values): string | undefined {
  const micros = Math.floor(Number(nanos ?? 0) / 1000);
  return timeOf(seconds)
    ?.slice(0, 19)
    .concat(`.${String(micros).padStart(6, "0")}Z`);
}

function jsonOf(base64: Json | undefined): Json | undefined {
  if (typeof base64 !== "string") return undefined;
  try {
    return JSON.parse(Buffer.from(base64, "base64").toString()) as Json;
  } catch (cause) {
    throw new WireError("what should be JSON is not", { cause });
  }
}

/**
 * Fields that are always on the wire, whose zero means "not set", as it does in a status. Of all other numbers and booleans a
 * zero was written by somebody: `replicas: 0`, `automountServiceAccountToken: false`.
 */
const zeroIsUnset = new Set([
  ...["generation", "observedGeneration", "minReadySeconds", "count", "deprecatedCount", "signal"],
  ...["hostPort", "nodePort", "targetPort", "healthCheckNodePort", "number", "start"],
  ...["initialDelaySeconds", "timeoutSeconds", "periodSeconds"],
  ...["successThreshold", "failureThreshold"],
  ...["stdin", "stdinOnce", "tty", "readOnly", "hostNetwork", "hostPID", "hostIPC"],
  ...["publishNotReadyAddresses", "paused", "unschedulable", "globalDefault"],
]);
/** Here an empty text says something: no class, which is not the default class. */
const emptyIsMeant = new Set(["storageClassName"]);

/** Whether a field stands on the wire only because everything does, and has no place in JSON. */
export function isUnset(message: string, field: string, value: Json): boolean {
  if (isRequired(message, field)) return false;
  if (value === "") return !emptyIsMeant.has(field);
  if (value !== 0 && value !== false) return false;
  return zeroIsUnset.has(field) || message.endsWith("Status");
}

/** `k8s.io.api.core.v1.Pod` is described as `io.k8s.api.core.v1.Pod`. */
function isRequired(message: string, field: string): boolean {
  const schema = openApiDocument().definitions[`io.k8s.${message.slice("k8s.io.".length)}`];
  return schema?.required?.includes(field) ?? false;
}
