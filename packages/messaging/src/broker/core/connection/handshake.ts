// What client and broker agree on before a connection is open: protocol, limits, credentials (AMQP 0-9-1 §2.2.4).
import { Buffer } from "node:buffer";
import { Frame } from "../../../amqp/constants.generated.ts";
import { ConnectionError } from "../../../amqp/errors.ts";
import { type FieldTable, readTable, textOf } from "../../../amqp/field-table.ts";
import type { ConnectionTuneOk } from "../../../amqp/methods.generated.ts";
import { WireReader } from "../../../amqp/wire.ts";

export const protocolHeader: Buffer = Buffer.from("AMQP\u0000\u0000\u0009\u0001", "latin1");
/** What clients of the 0-9 draft say; RabbitMQ takes it for the same. */
const olderHeader = Buffer.from("AMQP\u0001\u0001\u0000\u0009", "latin1");

/** Whether a client's first octets name the protocol that is spoken here. */
export function isProtocolHeader(octets: Buffer): boolean {
  return octets.equals(protocolHeader) || octets.equals(olderHeader);
}

/** What is offered in connection.tune; a client may take less (§1.4.2.6). */
export const limits = { channelMax: 2047, frameMax: 131_072, heartbeatSeconds: 60 } as const;

/** @throws ConnectionError NOT_ALLOWED when the client takes more than was offered, or too little to work with */
export function agreedLimits({ channelMax, frameMax, heartbeat }: ConnectionTuneOk): {
  readonly channelMax: number;
  readonly frameMax: number;
  readonly heartbeatSeconds: number;
} {
  const check = (name: string, value: number, min: number, max: number): void => {
    if (value >= min && value <= max) return;
    throw new ConnectionError(
      "NOT_ALLOWED",
      `negotiated ${name} = ${value} is outside ${min} to ${max}`,
    );
  };
  if (frameMax !== 0) check("frame_max", frameMax, Frame.MIN_SIZE, limits.frameMax);
  check("channel_max", channelMax, 1, limits.channelMax);
  return {
    channelMax,
    frameMax: frameMax === 0 ? limits.frameMax : frameMax,
    heartbeatSeconds: heartbeat,
  };
}

/** Names of the capabilities that a client says it has. */
export function capabilitiesOf(clientProperties: FieldTable): ReadonlySet<string> {
  const capabilities = clientProperties.get("capabilities");
  if (capabilities?.tag !== "F") return new Set();
  return new Set(
    [...capabilities.value].filter(([, field]) => field.value === true).map(([name]) => name),
  );
}

/** @returns undefined when the response is not what the mechanism asks for, or the mechanism is none of ours */
export function readCredentials(
  mechanism: string,
  response: Buffer,
): { readonly username: string; readonly secret: string } | undefined {
  if (mechanism === "PLAIN") {
    const [, username, secret, more] = response.toString("utf8").split("\0");
    return username === undefined || secret === undefined || more !== undefined
      ? undefined
      : { username, secret };
  }
  if (mechanism !== "AMQPLAIN") return undefined;
  // A field table without its length: LOGIN and PASSWORD.
  const sized = Buffer.alloc(4 + response.length);
  sized.writeUInt32BE(response.length, 0);
  response.copy(sized, 4);
  const table = readTable(new WireReader(sized));
  const [username, secret] = [textOf(table.get("LOGIN")), textOf(table.get("PASSWORD"))];
  return username === undefined || secret === undefined ? undefined : { username, secret };
}
