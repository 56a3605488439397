// The frames that the generator sends: methods by the generated codec, and one publish as octets that are sent again and again.
import { Buffer } from "node:buffer";
import { Frame } from "../../../packages/messaging/src/amqp/constants.generated.ts";
import {
  encodeMethod,
  encodeProperties,
  type Method,
  MethodId,
} from "../../../packages/messaging/src/amqp/methods.generated.ts";
import { WireWriter } from "../../../packages/messaging/src/amqp/wire.ts";

/** What the connections negotiate, in octets. */
export const frameBytesMax = 131_072;
const headBytes = 7; // type octet, channel short, payload size long
const frameEnd = 0xce;
const bodyPieceBytes = frameBytesMax - headBytes - 1;

function frame(type: number, channel: number, payload: Uint8Array): Buffer {
  const octets = Buffer.alloc(headBytes + payload.length + 1);
  octets[0] = type;
  octets.writeUInt16BE(channel, 1);
  octets.writeUInt32BE(payload.length, 3);
  octets.set(payload, headBytes);
  octets[octets.length - 1] = frameEnd;
  return octets;
}

export function methodFrame(channel: number, method: Method): Buffer {
  const writer = new WireWriter();
  encodeMethod(writer, method);
  return frame(Frame.METHOD, channel, writer.copy());
}

/** One publish on channel 1, with all its frames. */
export interface PublishOctets {
  readonly octets: Buffer;
  /** Where the body begins: its first 8 octets take the time of sending, as a double. */
  readonly timeAt: number;
}

export function publishOctets(
  to: { readonly exchange: string; readonly routingKey: string },
  { bodyBytes, persistent }: { readonly bodyBytes: number; readonly persistent: boolean },
): PublishOctets {
  const method: Method = {
    method: "basic.publish",
    ticket: 0,
    ...to,
    mandatory: false,
    immediate: false,
  };
  const header = new WireWriter();
  header.short(MethodId["basic.publish"] >>> 16); // its class
  header.short(0); // weight, unused
  header.longlong(bodyBytes);
  encodeProperties(header, { deliveryMode: persistent ? 2 : 1 });
  const head = Buffer.concat([methodFrame(1, method), frame(Frame.HEADER, 1, header.copy())]);
  const body = Buffer.alloc(bodyBytes, "x");
  const pieces: Buffer[] = [];
  for (let at = 0; at < bodyBytes; at += bodyPieceBytes)
    pieces.push(frame(Frame.BODY, 1, body.subarray(at, at + bodyPieceBytes)));
  return { octets: Buffer.concat([head, ...pieces]), timeAt: head.length + headBytes };
}

/** A `basic.ack` of all deliveries so far, to be sent again with another tag. */
export class AckFrame {
  readonly #octets = methodFrame(1, { method: "basic.ack", deliveryTag: 0, multiple: true });

  /** @returns a copy, since the socket may keep it until it has been sent */
  upTo(deliveryTag: number): Buffer {
    const octets = Buffer.from(this.#octets);
    const tagAt = headBytes + 4; // behind class and method id
    octets.writeUInt32BE(Math.floor(deliveryTag / 0x1_0000_0000), tagAt);
    octets.writeUInt32BE(deliveryTag >>> 0, tagAt + 4);
    return octets;
  }
}
