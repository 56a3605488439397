// Writes protobuf fields one by one, for tests that need bodies which kubectl does not send.

/** A message's bytes, of its fields. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

/** A text, bytes, or a message within a message. */
export function bytesField(number: number, content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A number; those below zero in two's complement of 64 bits. */
export function numberField(number: number, value: number): Uint8Array {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.of(...bytes, Number(rest));
}

/** A whole request body around an object. */
export function body(
  apiVersion: string,
  kind: string,
  raw: Uint8Array,
  ...more: readonly Uint8Array[]
): Uint8Array {
  const typeMeta = message(bytesField(1, apiVersion), bytesField(2, kind));
  return message(
    Uint8Array.of(0x6b, 0x38, 0x73, 0x00),
    bytesField(1, typeMeta),
    bytesField(2, raw),
    ...more,
  );
}
