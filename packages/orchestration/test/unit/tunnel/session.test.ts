import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeFrame,
  encodeFrame,
  FrameType,
  TunnelError,
} from "../../../src/tunnel/core/frames.ts";
import {
  streamsMax,
  type TunnelEvent,
  TunnelSession,
  windowBytes,
} from "../../../src/tunnel/core/session.ts";

/** Two ends; what one sends the other has received when the call returns. */
class Pair {
  readonly server = new TunnelSession();
  readonly node = new TunnelSession();

  open(request = "{}"): number {
    const opened = this.server.open(request);
    assert.ok(opened);
    assert.deepEqual(told(this.node, opened.output), [
      { type: "opened", streamId: opened.streamId, request },
    ]);
    return opened.streamId;
  }
}

function told(to: TunnelSession, ...frames: readonly (Buffer | undefined)[]): TunnelEvent[] {
  return frames.flatMap((frame) => {
    const event = frame && to.receive(decodeFrame(frame));
    return event === undefined ? [] : [event];
  });
}

function bytesOf(events: readonly TunnelEvent[]): number {
  return events.reduce((sum, each) => sum + (each.type === "data" ? each.data.length : 0), 0);
}

test("what is written arrives in order, in pieces, and then the end", () => {
  const { server, node } = new Pair();
  const streamId = server.open("{}")?.streamId ?? 0;
  told(node, encodeFrame(FrameType.OPEN, streamId, Buffer.from("{}")));
  const sent = Buffer.alloc(150_000, "abc");
  const { output, written } = node.write(streamId, sent);
  assert.equal(written, sent.length);
  const events = told(server, ...output, node.end(streamId));
  assert.deepEqual(events.at(-1), { type: "ended", streamId });
  const data = events.flatMap((each) => (each.type === "data" ? [each.data] : []));
  assert.ok(data.length > 1);
  assert.deepEqual(Buffer.concat(data), sent);
});

test("a stream is accepted, or refused with a reason", () => {
  const pair = new Pair();
  const first = pair.open();
  assert.deepEqual(told(pair.server, pair.node.accept(first)), [
    { type: "accepted", streamId: first },
  ]);
  const second = pair.open();
  assert.deepEqual(told(pair.server, pair.node.reset(second, "why")), [
    { type: "reset", streamId: second, why: "why" },
  ]);
});

test("no more is written than the reader has room for, until it has taken some", () => {
  const pair = new Pair();
  const streamId = pair.open();
  const { output, written } = pair.node.write(streamId, Buffer.alloc(windowBytes + 100));
  assert.equal(written, windowBytes);
  assert.equal(bytesOf(told(pair.server, ...output)), windowBytes);
  assert.equal(pair.node.write(streamId, Buffer.alloc(100)).written, 0);
  assert.equal(pair.server.taken(streamId, 10), undefined);
  const credit = pair.server.taken(streamId, windowBytes / 2);
  assert.deepEqual(told(pair.node, credit), [{ type: "credited", streamId }]);
  assert.equal(pair.node.write(streamId, Buffer.alloc(windowBytes)).written, windowBytes / 2 + 10);
});

test("streams do not take each other's room", () => {
  const pair = new Pair();
  const [slow, quick] = [pair.open(), pair.open()];
  pair.node.write(slow, Buffer.alloc(windowBytes));
  assert.equal(pair.node.write(slow, Buffer.alloc(1)).written, 0);
  assert.equal(pair.node.write(quick, Buffer.alloc(1)).written, 1);
});

test("one direction ends before the other", () => {
  const pair = new Pair();
  const streamId = pair.open();
  told(pair.node, pair.server.end(streamId));
  const { output } = pair.node.write(streamId, Buffer.from("still here"));
  assert.equal(bytesOf(told(pair.server, ...output)), 10);
  told(pair.server, pair.node.end(streamId));
  assert.equal(pair.server.reset(streamId, "late"), undefined);
  assert.equal(pair.node.reset(streamId, "late"), undefined);
});

test("what still comes for a stream that was given up is ignored", () => {
  const pair = new Pair();
  const streamId = pair.open();
  pair.server.reset(streamId, "gone");
  const { output } = pair.node.write(streamId, Buffer.from("late"));
  assert.deepEqual(told(pair.server, ...output, pair.node.end(streamId)), []);
});

test("only so many streams are open at a time", () => {
  const pair = new Pair();
  for (let i = 0; i < streamsMax; i += 1) pair.open();
  assert.equal(pair.server.open("{}"), undefined);
  pair.server.reset(1, "gone");
  assert.notEqual(pair.server.open("{}"), undefined);
});

for (const { what, frames } of [
  { what: "an octet alone", frames: [Buffer.of(1)] },
  { what: "an unknown type", frames: [Buffer.of(9, 0, 0, 0, 1)] },
  { what: "a stream that is opened twice", frames: [open(1), open(1)] },
  { what: "streams that count backwards", frames: [open(2), open(1)] },
  { what: "data after the end", frames: [open(1), encodeFrame(FrameType.END, 1), data(1, 1)] },
  { what: "more data than there is room for", frames: [open(1), data(1, windowBytes), data(1, 1)] },
  { what: "a credit without a number", frames: [open(1), encodeFrame(FrameType.CREDIT, 1)] },
]) {
  test(`${what} ends the tunnel`, () => {
    const node = new TunnelSession();
    told(node, ...frames.slice(0, -1));
    assert.throws(() => told(node, ...frames.slice(-1)), TunnelError);
  });
}

function open(streamId: number): Buffer {
  return encodeFrame(FrameType.OPEN, streamId, Buffer.from("{}"));
}

function data(streamId: number, bytes: number): Buffer {
  return encodeFrame(FrameType.DATA, streamId, Buffer.alloc(bytes));
}
