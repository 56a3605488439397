// Field tables with every value type RabbitMQ knows, each value with its tag, so that what was read is written the same.
import { isUtf8 } from "node:buffer";
import { ConnectionError } from "./errors.ts";
import { WireReader, WireWriter } from "./wire.ts";

/**
 * A field value under its one-letter tag on the wire.
 * @see https://www.rabbitmq.com/amqp-0-9-1-errata#section_3 (RabbitMQ's tags, which differ from the specification's)
 */
export type FieldValue =
  | { readonly tag: "t"; readonly value: boolean }
  | { readonly tag: "b" | "B" | "s" | "u" | "I" | "i" | "f" | "d"; readonly value: number }
  | { readonly tag: "l" | "T"; readonly value: bigint }
  | { readonly tag: "D"; readonly value: { readonly scale: number; readonly unscaled: number } }
  | { readonly tag: "S"; readonly value: string | Uint8Array }
  | { readonly tag: "x"; readonly value: Uint8Array }
  | { readonly tag: "A"; readonly value: readonly FieldValue[] }
  | { readonly tag: "F"; readonly value: FieldTable }
  | { readonly tag: "V"; readonly value: null };

/** Names in wire order. A name that comes twice keeps its last value, as RabbitMQ's clients do. */
export type FieldTable = ReadonlyMap<string, FieldValue>;

export const emptyTable: FieldTable = new Map();

/** Tables inside tables: deeper than this is nobody's message and could exhaust the stack. */
const nestingMax = 64;

/** @throws ConnectionError FRAME_ERROR or SYNTAX_ERROR when the octets are no table */
export function readTable(reader: WireReader, depth = 0): FieldTable {
  const length = reader.long();
  if (length === 0) return emptyTable;
  const inner = new WireReader(reader.buffer, reader.take(length), reader.position);
  const table = new Map<string, FieldValue>();
  while (inner.position < inner.end) table.set(inner.shortstr(), readValue(inner, depth));
  return table;
}

function readValue(reader: WireReader, depth: number): FieldValue {
  if (depth > nestingMax) throw new ConnectionError("SYNTAX_ERROR", "field table nested too deep");
  const { buffer } = reader;
  const tag = String.fromCharCode(reader.octet());
  switch (tag) {
    case "S": {
      const bytes = reader.longstr();
      return { tag, value: isUtf8(bytes) ? bytes.toString("utf8") : bytes };
    }
    case "t":
      return { tag, value: reader.octet() !== 0 };
    case "b":
      return { tag, value: buffer.readInt8(reader.take(1)) };
    case "B":
      return { tag, value: reader.octet() };
    case "s":
      return { tag, value: buffer.readInt16BE(reader.take(2)) };
    case "u":
      return { tag, value: reader.short() };
    case "I":
      return { tag, value: buffer.readInt32BE(reader.take(4)) };
    case "i":
      return { tag, value: reader.long() };
    case "l":
      return { tag, value: buffer.readBigInt64BE(reader.take(8)) };
    case "T":
      return { tag, value: reader.timestamp() };
    case "f":
      return { tag, value: buffer.readFloatBE(reader.take(4)) };
    case "d":
      return { tag, value: buffer.readDoubleBE(reader.take(8)) };
    case "D":
      return {
        tag,
        value: { scale: reader.octet(), unscaled: buffer.readInt32BE(reader.take(4)) },
      };
    case "x":
      return { tag, value: reader.longstr() };
    case "V":
      return { tag, value: null };
    case "F":
      return { tag, value: readTable(reader, depth + 1) };
    case "A": {
      const length = reader.long();
      const inner = new WireReader(buffer, reader.take(length), reader.position);
      const items: FieldValue[] = [];
      while (inner.position < inner.end) items.push(readValue(inner, depth + 1));
      return { tag, value: items };
    }
    default:
      throw new ConnectionError("SYNTAX_ERROR", `unknown field table type '${tag}'`);
  }
}

export function writeTable(writer: WireWriter, table: FieldTable): void {
  writeSized(writer, () => {
    for (const [name, value] of table) {
      writer.shortstr(name);
      writeValue(writer, value);
    }
  });
}

function writeValue(writer: WireWriter, field: FieldValue): void {
  writer.octet(field.tag.charCodeAt(0));
  switch (field.tag) {
    case "t":
      writer.octet(field.value ? 1 : 0);
      return;
    case "b":
    case "B":
      writer.octet(field.value & 0xff);
      return;
    case "s":
    case "u":
      writer.short(field.value & 0xffff);
      return;
    case "I":
    case "i":
      writer.long(field.value >>> 0);
      return;
    case "l":
    case "T":
      writer.timestamp(BigInt.asUintN(64, field.value));
      return;
    case "f":
      writer.ensure(4);
      writer.position = writer.buffer.writeFloatBE(field.value, writer.position);
      return;
    case "d":
      writer.ensure(8);
      writer.position = writer.buffer.writeDoubleBE(field.value, writer.position);
      return;
    case "D":
      writer.octet(field.value.scale);
      writer.long(field.value.unscaled >>> 0);
      return;
    case "S":
    case "x":
      writer.longstr(field.value);
      return;
    case "F":
      writeTable(writer, field.value);
      return;
    case "A":
      writeSized(writer, () => {
        for (const item of field.value) writeValue(writer, item);
      });
      return;
    case "V":
      return;
  }
}

/** Writes what `content` writes, with its length in octets before it. */
function writeSized(writer: WireWriter, content: () => void): void {
  const at = writer.position;
  writer.long(0);
  content();
  writer.buffer.writeUInt32BE(writer.position - at - 4, at);
}

/** A plain value as the field it is usually sent as: text as longstr, whole numbers as signed 32 or 64 bits. */
export function toField(value: string | number | boolean): FieldValue {
  if (typeof value === "string") return { tag: "S", value };
  if (typeof value === "boolean") return { tag: "t", value };
  if (!Number.isSafeInteger(value)) return { tag: "d", value };
  return Math.abs(value) < 0x8000_0000 ? { tag: "I", value } : { tag: "l", value: BigInt(value) };
}

/** Whether two tables hold the same names and values; numbers of different tags compare by value, as RabbitMQ's do. */
export function sameTable(a: FieldTable, b: FieldTable): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other === undefined || !sameValue(value, other)) return false;
  }
  return true;
}

/** @see sameTable */
export function sameValue(a: FieldValue, b: FieldValue): boolean {
  if (a.tag === "F" && b.tag === "F") return sameTable(a.value, b.value);
  if (a.tag === "A" && b.tag === "A") {
    return (
      a.value.length === b.value.length &&
      a.value.every((item, i) => sameValue(item, b.value[i] as FieldValue))
    );
  }
  const [left, right] = [integerOf(a), integerOf(b)];
  if (left !== undefined && right !== undefined) return left === right;
  if (a.tag !== b.tag) return false;
  if (a.value instanceof Uint8Array || b.value instanceof Uint8Array) {
    return Buffer.from(a.value as Uint8Array).equals(Buffer.from(b.value as Uint8Array));
  }
  if (a.tag === "D" && b.tag === "D") {
    return a.value.scale === b.value.scale && a.value.unscaled === b.value.unscaled;
  }
  return Object.is(a.value, b.value);
}

/** The value of any integer tag as a number; undefined for every other tag. */
export function integerOf(field: FieldValue | undefined): number | undefined {
  if (field === undefined) return undefined;
  if ("bBsuIi".includes(field.tag)) return field.value as number;
  return field.tag === "l" ? Number(field.value) : undefined;
}

/** The text of a longstr; undefined for every other tag. */
export function textOf(field: FieldValue | undefined): string | undefined {
  if (field?.tag !== "S") return undefined;
  return typeof field.value === "string"
    ? field.value
    : Buffer.from(field.value).toString("latin1");
}

/** RabbitMQ's name of a tag, as its error texts have it. */
export function tagName(field: FieldValue): string {
  return tagNames[field.tag];
}

const tagNames = {
  S: "longstr",
  I: "signedint",
  i: "unsignedint",
  D: "decimal",
  T: "timestamp",
  F: "table",
  A: "array",
  b: "byte",
  B: "unsignedbyte",
  d: "double",
  f: "float",
  l: "long",
  s: "short",
  u: "unsignedshort",
  t: "bool",
  x: "binary",
  V: "void",
} as const satisfies Record<FieldValue["tag"], string>;
