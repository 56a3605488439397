// Request bodies of the type application/vnd.kubernetes.protobuf as the objects that their JSON would be.
import assert from "node:assert";
import type { Json, KubeObject, ObjectMeta } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import { isUnset, jsonForm } from "./json-form.ts";
import { type Field, type Message, messageOf, messageOfKind, type ValueType } from "./messages.ts";
import { fieldsOf, varintsOf, WireError, type WireValue } from "./wire-reader.ts";

const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
const envelope = "k8s.io.apimachinery.pkg.runtime.Unknown";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes a request body: four magic bytes, then runtime.Unknown around the object.
 * @throws StatusError BadRequest, with what is wrong as its cause
 */
export function decodeKubernetesProtobuf(bytes: Uint8Array): KubeObject {
  try {
    return decode(bytes);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    const title = `the body is no Kubernetes protobuf: ${cause.message}`;
    const refused = new StatusError("BadRequest", title);
    refused.cause = cause;
    throw refused;
  }
}

function decode(bytes: Uint8Array): KubeObject {
  if (!magic.every((byte, i) => bytes[i] === byte))
    throw new WireError("it does not begin with 6b 38 73 00");
  const { apiVersion, kind, raw } = unwrapped(bytes.subarray(magic.length));
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) {
    const which = `${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
    throw new StatusError("BadRequest", `no kind ${which}`);
  }
  const { metadata, ...fields } = decodeMessage(message, raw);
  return { apiVersion, kind, metadata: (metadata ?? {}) as ObjectMeta, ...fields };
}

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

function unwrapped(bytes: Uint8Array): Envelope {
  const message = messageOf(envelope);
  assert(message !== undefined, envelope);
  const { typeMeta, raw, contentEncoding } = decodeMessage(message, bytes);
  if (contentEncoding !== undefined)
    throw new WireError(`it is encoded as ${JSON.stringify(contentEncoding)}`);
  const { apiVersion = "", kind = "" } = (typeMeta ?? {}) as Partial<Record<string, string>>;
  return { apiVersion, kind, raw: Buffer.from(typeof raw === "string" ? raw : "", "base64") };
}

/** No message contains itself, so the messages bound how deep this goes. */
function decodeMessage(message: Message, bytes: Uint8Array): Record<string, Json> {
  const values: Record<string, Json> = {};
  const lists = new Map<string, Json[]>();
  const maps = new Map<string, Map<string, Json>>();
  for (const { number, value } of fieldsOf(bytes)) {
    const field = message.fields.get(number);
    if (field === undefined) continue;
    const { name, shape } = field;
    if (shape === "list") listOf(lists, name).push(...itemsOf(field, value));
    else if (shape === "map") mapOf(maps, name).set(...entryOf(field, value));
    else setSingle(values, message, field, decodeValue(field.type, value));
  }
  for (const [name, items] of lists) values[name] = items;
  for (const [name, entries] of maps) values[name] = Object.fromEntries(entries);
  return values;
}

function listOf(lists: Map<string, Json[]>, name: string): Json[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}

function mapOf(maps: Map<string, Map<string, Json>>, name: string): Map<string, Json> {
  const map = maps.get(name) ?? new Map<string, Json>();
  maps.set(name, map);
  return map;
}

function setSingle(
  values: Record<string, Json>,
  message: Message,
  { name, isInline }: Field,
  value: Json | undefined,
): void {
  if (isInline) Object.assign(values, value);
  else if (value !== undefined && !isUnset(message.name, name, value)) values[name] = value;
}

/** One item, or several numbers where they are packed. */
function itemsOf({ name, type }: Field, value: WireValue): readonly Json[] {
  const isPacked = value.type === "bytes" && (type === "int32" || type === "int64");
  if (isPacked) return Array.from(varintsOf(value.value), signed);
  const item = decodeValue(type, value);
  if (item === undefined) throw new WireError(`an item of ${name} is empty`);
  return [item];
}

/** On the wire an entry is a message of its own: the key is field 1, the value field 2. */
function entryOf({ name, type }: Field, value: WireValue): [string, Json] {
  if (value.type !== "bytes") throw new WireError(`an entry of ${name} is no message`);
  let key = "";
  let content: WireValue = { type: "bytes", value: new Uint8Array() };
  for (const part of fieldsOf(value.value)) {
    if (part.number === 1) key = textOf(bytesOf(part.value));
    else if (part.number === 2) content = part.value;
  }
  return [key, decodeValue(type, content) ?? null];
}

function decodeValue(type: ValueType, value: WireValue): Json | undefined {
  if (typeof type === "object") {
    const message = messageOf(type.message);
    assert(message !== undefined, type.message);
    return jsonForm(type.message, decodeMessage(message, bytesOf(value)));
  }
  switch (type) {
    case "string":
      return textOf(bytesOf(value));
    case "bytes":
      return Buffer.from(bytesOf(value)).toString("base64");
    case "bool":
      return numberOf(value) !== 0;
    case "int32":
    case "int64":
      return numberOf(value);
  }
}

function bytesOf(value: WireValue): Uint8Array {
  if (value.type === "bytes") return value.value;
  throw new WireError("a text, bytes or message is given as a number");
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new WireError("a text is not UTF-8", { cause });
  }
}

function numberOf(value: WireValue): number {
  if (value.type === "varint") return signed(value.value);
  throw new WireError("a number is given as bytes");
}

/** Negative numbers are written as 64 bits in two's complement, those of 32 bits too. */
function signed(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}
