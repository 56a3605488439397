import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  add,
  compare,
  formatQuantity,
  milliValue,
  parseQuantity,
  quantity,
  subtract,
  wholeValue,
} from "../../../src/api/quantity.ts";

for (const [text, written] of [
  ["0", "0"],
  ["100m", "100m"],
  ["1000m", "1"],
  ["1.5", "1500m"],
  [".5", "500m"],
  ["0.1", "100m"],
  ["2000", "2k"],
  ["64Mi", "64Mi"],
  ["1024Mi", "1Gi"],
  ["1.5Gi", "1536Mi"],
  ["1Ki", "1Ki"],
  ["0.5Ki", "512"],
  ["1e3", "1e3"],
  ["12E", "12E"],
  ["1E2", "100"],
  ["-250m", "-250m"],
  ["+3", "3"],
  ["16777216Ki", "16Gi"],
  ["0.0000000001", "1n"],
] as const)
  test(`the quantity ${text} is written ${written}`, () =>
    assert.equal(formatQuantity(quantity(text)), written));

for (const text of ["", "m", "1.2.3", "1 Gi", "1gi", "0x10", "1e", "--1", "1Gib"])
  test(`${JSON.stringify(text)} is no quantity`, () =>
    assert.equal(parseQuantity(text), undefined));

test("three times 100m is 300m, and memory keeps its binary suffix", () => {
  const cpu = quantity("100m");
  assert.equal(formatQuantity(add(add(cpu, cpu), cpu)), "300m");
  const sum = add(quantity("0"), add(quantity("64Mi"), quantity("64Mi")));
  assert.equal(formatQuantity(sum), "128Mi");
});

test("amounts that are written differently compare by what they are worth", () => {
  assert.equal(compare(quantity("1Gi"), quantity("1G")), 1);
  assert.equal(compare(quantity("1000m"), quantity("1")), 0);
  assert.equal(compare(quantity("999m"), quantity("1")), -1);
});

test("cpu is counted in thousandths, the rest in whole ones, both rounded up", () => {
  assert.equal(milliValue(quantity("1.2345")), 1235);
  assert.equal(wholeValue(quantity("1500m")), 2);
  assert.equal(wholeValue(quantity("64Mi")), 67_108_864);
});

test("what is written reads back as the same amount", () => {
  const any = fc
    .tuple(
      fc.nat(10 ** 9),
      fc.constantFrom("n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi", "e2"),
    )
    .map(([size, suffix]) => quantity(`${size}${suffix}`));
  fc.assert(
    fc.property(any, any, (a, b) => {
      assert.equal(compare(quantity(formatQuantity(a)), a), 0);
      assert.equal(compare(subtract(add(a, b), b), a), 0);
    }),
  );
});
