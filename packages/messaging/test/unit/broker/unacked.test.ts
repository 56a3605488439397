import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Delivery, UnackedDeliveries } from "../../../src/broker/core/channel/unacked.ts";

const delivery = (tag: number) => ({ tag }) as Delivery;
const tags = (deliveries: readonly Delivery[] | undefined) => deliveries?.map((d) => d.tag);

function withTags(...all: readonly number[]): UnackedDeliveries {
  const unacked = new UnackedDeliveries();
  for (const tag of all) unacked.add(delivery(tag));
  return unacked;
}

for (const { does, tag, multiple, want } of [
  { does: "one tag settles that delivery", tag: 2, multiple: false, want: [2] },
  { does: "multiple settles everything up to the tag", tag: 3, multiple: true, want: [1, 2, 3] },
  { does: "0 with multiple settles everything", tag: 0, multiple: true, want: [1, 2, 3, 5] },
  { does: "0 alone is unknown", tag: 0, multiple: false, want: undefined },
  { does: "a tag that was never given is unknown", tag: 9, multiple: false, want: undefined },
  {
    does: "a tag that needed no acknowledgement is unknown",
    tag: 4,
    multiple: true,
    want: undefined,
  },
]) {
  test(`of the deliveries 1, 2, 3 and 5, ${does}`, () => {
    assert.deepEqual(tags(withTags(1, 2, 3, 5).take(tag, multiple)), want);
  });
}

test("a delivery is settled once", () => {
  const unacked = withTags(1, 2);
  unacked.take(1, false);
  assert.equal(unacked.take(1, false), undefined);
  assert.equal(unacked.take(1, true), undefined);
});

test("whatever is settled in whatever order, what waits is what was added and not taken", () => {
  const step = fc.record({
    tag: fc.nat(60),
    multiple: fc.boolean(),
    adds: fc.nat(5),
    gap: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const unacked = new UnackedDeliveries();
      const model = new Set<number>();
      let last = 0;
      for (const { tag, multiple, adds, gap } of steps) {
        last += gap;
        for (let i = 0; i < adds; i++) {
          last += 1;
          unacked.add(delivery(last));
          model.add(last);
        }
        const expected = multiple
          ? [...model].filter((t) => tag === 0 || t <= tag)
          : [tag].filter((t) => model.has(t));
        const known = model.has(tag) || (tag === 0 && multiple);
        assert.deepEqual(tags(unacked.take(tag, multiple)), known ? expected : undefined);
        if (known) for (const t of expected) model.delete(t);
        assert.equal(unacked.size, model.size);
      }
      assert.deepEqual(tags(unacked.takeAll()), [...model]);
    }),
  );
});
