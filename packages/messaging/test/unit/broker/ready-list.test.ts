import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Entry, Message } from "../../../src/broker/core/message/message.ts";
import { ReadyList } from "../../../src/broker/core/queue/ready-list.ts";

const residency = {
  hold: (message: Message) => {
    message.holders += 1;
  },
  drop: (message: Message) => {
    message.holders -= 1;
  },
};

/** Parks in memory, and counts what is parked. */
class MemoryParking {
  readonly places = new Map<number, Buffer>();
  #next = 0;
  park(octets: Buffer): number {
    this.#next += 1;
    this.places.set(this.#next, octets);
    return this.#next;
  }
  parked(at: number, keep: boolean): Buffer {
    const octets = this.places.get(at) as Buffer;
    if (!keep) this.places.delete(at);
    return octets;
  }
}

function stored(position: number): Entry {
  const location = { segment: 7, ordinal: position, offset: position * 10, length: 9, batch: 3 };
  const message = new Message({
    payload: undefined,
    bodySize: 5,
    persistent: position % 2 === 0,
    location,
  });
  return new Entry({
    position,
    message,
    expiresAt: 1000 + position,
    redelivered: position % 3 === 0,
    priority: 2,
  });
}

test("messages leave in the order of their positions, whatever was put back or packed meanwhile", () => {
  const step = fc.constantFrom("push", "push", "push", "shift", "putBack", "pack");
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 700 }),
      (steps, burst) => {
        const parking = new MemoryParking();
        const list = new ReadyList(residency, parking);
        let next = 0;
        const waiting: number[] = [];
        const taken: Entry[] = [];
        for (const does of steps) {
          if (does === "push") {
            for (let i = 0; i < burst; i++) {
              next += 1;
              list.push(stored(next));
              waiting.push(next);
            }
          } else if (does === "shift") {
            const entry = list.shift();
            assert.equal(entry?.position, waiting.shift());
            if (entry !== undefined) taken.push(entry);
          } else if (does === "putBack") {
            const entry = taken.shift();
            if (entry === undefined) continue;
            list.putBack(entry);
            waiting.unshift(entry.position);
            waiting.sort((a, b) => a - b);
          } else list.packOne(() => true);
          assert.equal(list.length, waiting.length);
          assert.equal(list.bytes, waiting.length * 5);
          assert.equal(list.persistent, waiting.filter((p) => p % 2 === 0).length);
        }
        assert.deepEqual(
          [...list].map((e) => e.position),
          waiting,
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("a packed message comes back with all that its queue knew of it", () => {
  const parking = new MemoryParking();
  const list = new ReadyList(residency, parking);
  for (let position = 1; position <= 2000; position++) list.push(stored(position));
  const before = list.resident;
  assert.ok(list.packOne(() => true));
  assert.ok(list.resident < before);
  for (let position = 1; position <= 2000; position++) {
    const { message, ...entry } = list.shift() as Entry;
    const { message: wanted, ...want } = stored(position);
    assert.deepEqual(entry, want);
    assert.deepEqual(message.location, wanted.location);
    assert.equal(message.persistent, wanted.persistent);
  }
  assert.equal(parking.places.size, 0, "nothing stays parked");
});

test("a message that cannot be read back stays in memory", () => {
  const parking = new MemoryParking();
  const list = new ReadyList(residency, parking);
  for (let position = 1; position <= 2000; position++) list.push(stored(position));
  assert.equal(
    list.packOne(() => false),
    false,
  );
  assert.equal(list.resident, 2000);
});
