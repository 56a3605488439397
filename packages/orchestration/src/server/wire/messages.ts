// Kubernetes' protobuf messages: which field has which number and type, and where it stands in JSON.
import { readFileSync } from "node:fs";

export interface Message {
  /** With its package: `k8s.io.api.core.v1.Pod`. */
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
}

export interface Field {
  /** Its name in JSON. */
  readonly name: string;
  /** Its message's fields stand in JSON beside those of the message around it. */
  readonly isInline: boolean;
  readonly shape: "single" | "list" | "map";
  /** Of the value, of each item, or of each value of a map. */
  readonly type: ValueType;
}

export type ValueType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "int64"
  | { readonly message: string };

type FieldData = readonly [number: number, type: string];
type MessagesData = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, FieldData>>>>>
>;
type InlineData = Readonly<
  Record<string, { readonly protoOnly: readonly string[]; readonly jsonOnly: readonly string[] }>
>;

const meta = "k8s.io.apimachinery.pkg.apis.meta.v1";
const messages = new Map<string, Message>();
let data: { readonly messages: MessagesData; readonly inline: InlineData } | undefined;

/** @returns undefined where no message has that name */
export function messageOf(name: string): Message | undefined {
  const known = messages.get(name);
  if (known !== undefined) return known;
  const [packageName, plain] = split(name);
  data ??= readData();
  const fields = own(own(data.messages, packageName), plain);
  if (fields === undefined) return undefined;
  const message = { name, fields: fieldsOf(fields, packageName, own(data.inline, name)) };
  messages.set(name, message);
  return message;
}

/** The message of a kind; options of a request may be sent as a kind of any group. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  if (kind === "DeleteOptions") return messageOf(`${meta}.${kind}`);
  const [first = "", second] = apiVersion.split("/");
  const [group = "", version] =
    second === undefined ? ["core", first] : [first.split(".")[0], second];
  return messageOf(`k8s.io.api.${group}.${version}.${kind}`);
}

function readData(): NonNullable<typeof data> {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../../data/${name}`, import.meta.url), "utf8"));
  return {
    messages: read("protobuf-fields-v0.32.3.min.json") as MessagesData,
    inline: read("protobuf-inline-fields.json") as InlineData,
  };
}

/** Names come from requests, so what every object inherits must not be found. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

function split(name: string): readonly [packageName: string, plain: string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}

function fieldsOf(
  fields: Readonly<Record<string, FieldData>>,
  packageName: string,
  inline: InlineData[string] | undefined,
): ReadonlyMap<number, Field> {
  const all = Object.entries(fields).map(([name, [number, type]]) => {
    const renamed = inline?.jsonOnly.find((each) => each.toLowerCase() === name.toLowerCase());
    const isInline = renamed === undefined && (inline?.protoOnly.includes(name) ?? false);
    return [number, { name: renamed ?? name, isInline, ...typeOf(type, packageName) }] as const;
  });
  return new Map(all);
}

/** Reads `string`, `[]Container`, `map<string,.k8s.io.apimachinery.pkg.api.resource.Quantity>`. */
function typeOf(written: string, packageName: string): Pick<Field, "shape" | "type"> {
  const [, list, mapped, single] = /^(?:\[\](.+)|map<string,\.?(.+)>|(.+))$/.exec(written) ?? [];
  const type = valueTypeOf(list ?? mapped ?? single ?? "", packageName);
  if (list !== undefined) return { shape: "list", type };
  return { shape: mapped === undefined ? "single" : "map", type };
}

function valueTypeOf(written: string, packageName: string): ValueType {
  switch (written) {
    case "string":
    case "bytes":
    case "bool":
    case "int32":
    case "int64":
      return written;
    default:
      return { message: written.includes(".") ? written : `${packageName}.${written}` };
  }
}
