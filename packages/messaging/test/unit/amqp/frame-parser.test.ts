import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { FrameParser } from "../../../src/amqp/frame-parser.ts";

interface FrameShape {
  readonly type: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

function encode({ type, channel, payload }: FrameShape): Buffer {
  const frame = Buffer.alloc(8 + payload.length, payload.length === 0 ? 0 : undefined);
  frame[0] = type;
  frame.writeUInt16BE(channel, 1);
  frame.writeUInt32BE(payload.length, 3);
  frame.set(payload, 7);
  frame[frame.length - 1] = 0xce;
  return frame;
}

/** Frames as the parser saw them; pieces of one body run together, as bodies do. */
function parse(chunks: readonly Buffer[]): string[] {
  const parser = new FrameParser(4096);
  const seen: string[] = [];
  let body = "";
  for (const chunk of chunks) {
    parser.push(chunk);
    while (parser.next()) {
      const hex = parser.buffer.toString("hex", parser.start, parser.end);
      if (parser.type === 3) {
        assert.notEqual(hex, "", "a body piece is never empty");
        body += hex;
      } else {
        seen.push(`body ${body}`, `${parser.type} ${parser.channel} ${hex}`);
        body = "";
      }
    }
  }
  return [...seen, `body ${body}`];
}

const anyFrame = fc.record({
  type: fc.constantFrom(1, 2, 3, 8),
  channel: fc.nat(0xffff),
  payload: fc.uint8Array({ maxLength: 60 }),
});

test("frames decode the same wherever TCP cuts the stream", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 12 }), fc.array(fc.nat(1000)), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(encode));
      const at = [...new Set(cuts.map((c) => c % (stream.length + 1)))].toSorted((a, b) => a - b);
      const chunks = [0, ...at].map((from, i) => stream.subarray(from, at[i] ?? stream.length));
      assert.deepEqual(parse(chunks), parse([stream]));
    }),
  );
});

for (const { does, bytes, error } of [
  {
    does: "a wrong frame end",
    bytes: "010001000000040014002800",
    error: "FRAME_ERROR - type 1, all octets = <<0,20,0,40>>: {invalid_frame_end_marker,0}",
  },
  {
    does: "a frame beyond frame-max",
    bytes: "01000100030d407878",
    error: "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,200000,4088}",
  },
]) {
  test(`the parser names ${does} as RabbitMQ does`, () => {
    const parser = new FrameParser(4096);
    parser.push(Buffer.from(bytes, "hex"));
    assert.throws(() => parser.next(), { message: error, code: 501 });
  });
}
