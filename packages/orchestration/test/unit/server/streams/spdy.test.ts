import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { constants, createDeflate, createInflate, deflateSync } from "node:zlib";
import {
  ControlType,
  controlFrame,
  dataFrames,
  Flag,
  type Frame,
  FrameReader,
} from "../../../../src/server/streams/frames.ts";
import { HeaderReader, HeaderWriter } from "../../../../src/server/streams/header-block.ts";
import { ResetStatus, type SpdyEvent, SpdySession } from "../../../../src/server/streams/spdy.ts";
import { spdyDictionary } from "../../../../src/server/streams/spdy-dictionary.ts";

const errorStream = { streamtype: "error", port: "80", requestid: "0" };
const dataStream = { streamtype: "data", port: "80", requestid: "0" };

/** A client whose compressor keeps its state from block to block, as kubectl's does. */
class Client {
  readonly #deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });

  async open(streamId: number, headers: object, flags = 0): Promise<Uint8Array> {
    const block = await this.compress(blockOf(headers));
    return controlFrame(
      ControlType.SYN_STREAM,
      flags,
      [streamId, 0],
      Buffer.concat([Buffer.alloc(2), block]),
    );
  }

  async compress(plain: Uint8Array): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer): void => void chunks.push(chunk);
    this.#deflate.on("data", onData);
    await new Promise<void>((resolve, reject) => {
      this.#deflate.write(plain, (error) => (error ? reject(error) : resolve()));
    });
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    this.#deflate.off("data", onData);
    return Buffer.concat(chunks);
  }
}

function uint32(value: number): Buffer {
  return Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
}

function blockOf(headers: object): Buffer {
  const texts = Object.entries(headers)
    .flat()
    .map((text) => Buffer.from(String(text)));
  return Buffer.concat([
    uint32(texts.length / 2),
    ...texts.flatMap((text) => [uint32(text.length), text]),
  ]);
}

/** A session, and what it answers in readable form. */
function session(): {
  readonly spdy: SpdySession;
  readonly tell: (...bytes: Uint8Array[]) => string[];
} {
  const spdy = new SpdySession();
  const tell = (...bytes: Uint8Array[]): string[] => {
    const { events, output } = spdy.receive(Buffer.concat(bytes));
    return [...events.map(eventText), ...framesText(output)];
  };
  return { spdy, tell };
}

function eventText(event: SpdyEvent): string {
  switch (event.type) {
    case "opened":
      return `opened ${event.streamId} ${[...event.headers].map((pair) => pair.join("=")).join(" ")}`;
    case "data":
      return `data ${event.streamId} ${Buffer.from(event.data).toString()}`;
    case "ended":
      return `ended ${event.streamId}`;
    case "reset":
      return `reset ${event.streamId} ${event.status}`;
    case "goAway":
      return "goAway";
    case "failed":
      return `failed: ${event.error.message}`;
  }
}

const typeNames = new Map(
  Object.entries(ControlType).map(([name, type]) => [type as number, name]),
);

function framesText(bytes: Uint8Array): string[] {
  return new FrameReader().receive(bytes).map((frame: Frame) => {
    if (frame.kind === "data")
      return `DATA ${frame.streamId} ${frame.flags} ${frame.body.length > 99 ? frame.body.length : frame.body.toString()}`;
    const numbers = Array.from({ length: Math.min(2, frame.body.length / 4) }, (_, i) =>
      frame.body.readUInt32BE(4 * i),
    );
    return `${typeNames.get(frame.type)} ${numbers.join(" ")}`;
  });
}

test("a frame of each sort has the octets of the specification", () => {
  assert.equal(controlFrame(ControlType.PING, 0, [1]).toString("hex"), "800300060000000400000001");
  assert.equal(dataFrames(1, Buffer.from("hi"), true).toString("hex"), "00000001010000026869");
});

test("a stream that a client opens is told with its headers", async () => {
  const { tell } = session();
  const told = tell(await new Client().open(1, errorStream));
  assert.deepEqual(told, ["opened 1 streamtype=error port=80 requestid=0"]);
});

/** What kubectl 1.32 sent over `Upgrade: SPDY/3.1` for `exec -i web -- cat` with `hello` as its input. */
const recorded =
  "gAMAAQAAACkAAAABAAAAAAAAePnjxqfCYmBgYASns5Ki1MRcaFHCmgoKaAAAAAD//4ADAAEAAAAXAAAAAwAAAAAAAMIuVVySkpkHAAAA//+AAwABAAAAGQAA" +
  "AAUAAAAAAADCKsVWXJKSX1oCAAAA//+AAwABAAAAFQAAAAcAAAAAAADCKZdaVAQAAAD//wAAAAMAAAAFaGVsbG8AAAADAQAAAIADAAMAAAAIAAAAAQAAAAWA" +
  "AwADAAAACAAAAAUAAAAFgAMAAwAAAAgAAAAHAAAABYADAAcAAAAIAAAAAAAAAAA=";

test("a session of kubectl is read as it was meant", () => {
  assert.deepEqual(session().tell(Buffer.from(recorded, "base64")), [
    "opened 1 streamtype=error",
    "opened 3 streamtype=stdin",
    "opened 5 streamtype=stdout",
    "opened 7 streamtype=stderr",
    "data 3 hello",
    "ended 3",
    "reset 1 5",
    "reset 5 5",
    "reset 7 5",
    "goAway",
  ]);
});

test("header blocks go on where the one before ended, for as long as a session lasts", async () => {
  const { tell } = session();
  const client = new Client();
  for (let streamId = 1; streamId < 1999; streamId += 2) {
    // Long and different headers push what came before out of the compressor's window.
    const headers = { ...dataStream, requestid: String(streamId), pad: "x".repeat(streamId) };
    assert.match(
      tell(await client.open(streamId, headers))[0] ?? "",
      new RegExp(`requestid=${streamId} `),
    );
  }
});

test("frames are the same wherever the transport cuts them", async () => {
  const client = new Client();
  const bytes = Buffer.concat([
    await client.open(1, errorStream),
    await client.open(3, dataStream),
    dataFrames(3, Buffer.from("hello"), false),
    controlFrame(ControlType.PING, 0, [1]),
    dataFrames(3, Buffer.from("bye"), true),
  ]);
  const want = session().tell(bytes);
  assert.deepEqual(want, [
    "opened 1 streamtype=error port=80 requestid=0",
    "opened 3 streamtype=data port=80 requestid=0",
    "data 3 hello",
    "data 3 bye",
    "ended 3",
    "PING 1",
  ]);
  for (const size of [1, 2, 3, 4, 7, 8, 9, 50]) {
    const { spdy } = session();
    const events: string[] = [];
    const output: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const received = spdy.receive(bytes.subarray(at, at + size));
      events.push(...received.events.map(eventText));
      output.push(received.output);
    }
    assert.deepEqual([...events, ...framesText(Buffer.concat(output))], want);
  }
});

test("a reply can be read by a decompressor that keeps its state from block to block", async () => {
  const { spdy, tell } = session();
  const client = new Client();
  tell(await client.open(1, errorStream), await client.open(3, dataStream));
  const inflate = createInflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
  const plain: Buffer[] = [];
  inflate.on("data", (chunk: Buffer) => plain.push(chunk));
  for (const streamId of [1, 3]) {
    const headers = new Map([["stream", String(streamId)]]);
    const [frame] = new FrameReader().receive(spdy.reply(streamId, headers));
    assert.ok(frame?.kind === "control" && frame.type === ControlType.SYN_REPLY);
    assert.equal(frame.body.readUInt32BE(0), streamId);
    await new Promise<void>((resolve) => inflate.write(frame.body.subarray(4), () => resolve()));
  }
  const want = Buffer.concat([blockOf({ stream: "1" }), blockOf({ stream: "3" })]);
  assert.deepEqual(Buffer.concat(plain), want);
});

test("what one side writes as headers the other reads", () => {
  const [reader, writer] = [new HeaderReader(), new HeaderWriter()];
  for (const headers of [
    new Map(),
    new Map([
      ["a", "1"],
      ["ü", "2\x003"],
    ]),
  ])
    assert.deepEqual(reader.read(writer.write(headers)), headers);
});

test("a stream is written to until it is ended, and is gone when both sides have ended it", async () => {
  const { spdy, tell } = session();
  tell(await new Client().open(1, dataStream));
  assert.deepEqual(framesText(spdy.write(1, Buffer.from("hi"))), ["DATA 1 0 hi"]);
  assert.deepEqual(framesText(spdy.end(1)), ["DATA 1 1 "]);
  assert.deepEqual(framesText(spdy.write(1, Buffer.from("more"))), []);
  assert.deepEqual(framesText(spdy.end(1)), []);
  assert.deepEqual(tell(dataFrames(1, Buffer.from("x"), true)), ["data 1 x", "ended 1"]);
  assert.deepEqual(framesText(spdy.reset(1, ResetStatus.CANCEL)), []);
});

test("a long write becomes several frames, of which only the last ends the stream", () => {
  const frames = framesText(dataFrames(1, Buffer.alloc(70_000), true));
  assert.deepEqual(frames, ["DATA 1 0 32768", "DATA 1 0 32768", "DATA 1 1 4464"]);
});

test("a stream in one direction is not written to", async () => {
  const { spdy, tell } = session();
  tell(await new Client().open(1, dataStream, Flag.UNIDIRECTIONAL));
  assert.deepEqual(framesText(spdy.write(1, Buffer.from("hi"))), []);
});

test("a stream may be opened and ended in one frame", async () => {
  const { tell } = session();
  const told = tell(await new Client().open(1, { a: "b" }, Flag.FIN));
  assert.deepEqual(told, ["opened 1 a=b", "ended 1"]);
});

test("a reset ends a stream whoever sends it", async () => {
  const { spdy, tell } = session();
  const client = new Client();
  tell(await client.open(1, dataStream), await client.open(3, dataStream));
  assert.deepEqual(tell(controlFrame(ControlType.RST_STREAM, 0, [1, ResetStatus.CANCEL])), [
    "reset 1 5",
  ]);
  assert.deepEqual(framesText(spdy.reset(3, ResetStatus.INTERNAL_ERROR)), ["RST_STREAM 3 6"]);
  assert.deepEqual(framesText(spdy.write(1, Buffer.from("x"))), []);
  assert.deepEqual(framesText(spdy.reply(3)), []);
});

test("data on a stream that is not open is answered with a reset", async () => {
  const { tell } = session();
  assert.deepEqual(tell(dataFrames(5, Buffer.from("x"), false)), ["RST_STREAM 5 2"]);
  tell(await new Client().open(7, dataStream, Flag.FIN));
  const told = tell(dataFrames(7, Buffer.from("x"), false));
  assert.deepEqual(told, ["reset 7 9", "RST_STREAM 7 9"]);
});

test("the client's window is widened again by what has been received", async () => {
  const { tell } = session();
  tell(await new Client().open(1, dataStream));
  const data = Buffer.alloc(20_000);
  assert.deepEqual(tell(dataFrames(1, data, false)).slice(1), []);
  assert.deepEqual(tell(dataFrames(1, data, false)).slice(1), ["WINDOW_UPDATE 1 40000"]);
});

test("pings of the client are answered, others and frames that concern nothing here are not", () => {
  const { tell } = session();
  assert.deepEqual(tell(controlFrame(ControlType.PING, 0, [7])), ["PING 7"]);
  assert.deepEqual(tell(controlFrame(ControlType.PING, 0, [8])), []);
  assert.deepEqual(tell(controlFrame(ControlType.SETTINGS, 0, [0])), []);
  assert.deepEqual(tell(controlFrame(ControlType.WINDOW_UPDATE, 0, [1, 9])), []);
  assert.deepEqual(tell(controlFrame(99, 0, [1])), []);
});

test("headers that concern nothing here still count for those after them", async () => {
  const { tell } = session();
  const client = new Client();
  const block = await client.compress(blockOf(dataStream));
  assert.deepEqual(tell(controlFrame(ControlType.HEADERS, 0, [1], block)), []);
  assert.match(tell(await client.open(1, dataStream))[0] ?? "", /^opened 1 streamtype=data/);
});

test("streams beyond a thousand are refused until others end", async () => {
  const { spdy, tell } = session();
  const client = new Client();
  for (let i = 0; i < 1000; i += 1) tell(await client.open(2 * i + 1, { a: "b" }));
  assert.deepEqual(tell(await client.open(2001, { a: "b" })), ["RST_STREAM 2001 3"]);
  spdy.reset(1, ResetStatus.CANCEL);
  assert.deepEqual(tell(await client.open(2003, { a: "b" })), ["opened 2003 a=b"]);
});

test("who goes away tells the last stream that was taken", async () => {
  const { spdy, tell } = session();
  tell(await new Client().open(5, dataStream));
  assert.deepEqual(framesText(spdy.goAway()), ["GOAWAY 5 0"]);
  assert.deepEqual(tell(controlFrame(ControlType.GOAWAY, 0, [0, 0])), ["goAway"]);
});

describe("a session fails, and says so to the client,", () => {
  const syn = (streamId: number, block: Uint8Array): Uint8Array =>
    controlFrame(ControlType.SYN_STREAM, 0, [streamId, 0], Buffer.concat([Buffer.alloc(2), block]));
  const compressed = (plain: Uint8Array): Uint8Array =>
    deflateSync(plain, { dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
  const good = compressed(blockOf(dataStream));
  for (const [why, bytes, message] of [
    ["by a frame of another version", Buffer.from("8002000600000004000000ff", "hex"), /version 2/],
    ["by a stream with an even number", syn(2, good), /may not open stream 2/],
    ["by a control frame that is too short", controlFrame(ControlType.PING, 0, []), /too short/],
    ["by a stream that is too short", controlFrame(ControlType.SYN_STREAM, 0, [1, 0]), /too short/],
    ["by headers that are not compressed", syn(1, blockOf(dataStream)), /cannot be inflated/],
    [
      "by headers that are cut off",
      syn(1, compressed(blockOf(dataStream).subarray(0, 9))),
      /cut off/,
    ],
    ["by headers without end", syn(1, compressed(Buffer.alloc(65_537))), /cannot be inflated/],
  ] as const) {
    test(why, () => {
      const { tell } = session();
      const [failed, goAway] = tell(bytes);
      assert.match(failed ?? "", message);
      assert.match(goAway ?? "", /^GOAWAY \d+ 1$/);
      assert.deepEqual(tell(controlFrame(ControlType.PING, 0, [1])), []);
    });
  }

  test("by a stream whose number is not above those before", async () => {
    const { tell } = session();
    const client = new Client();
    tell(await client.open(3, dataStream));
    const told = tell(await client.open(3, dataStream));
    assert.deepEqual(told, ["failed: a client may not open stream 3 after 3", "GOAWAY 3 1"]);
  });
});
