import assert from "node:assert/strict";
import { test } from "node:test";
import { celValue, compile } from "../../../src/cel/cel.ts";

const self = {
  replicas: 3,
  ratio: 0.5,
  name: "web",
  memory: "1Gi",
  url: "https://example.com:8443/a",
  tags: ["a", "b"],
};

for (const [expression, want] of [
  ["self.replicas <= 5", true],
  ["self.replicas + 1 == 4", true],
  ["self.ratio < 1.0", true],
  ["has(self.missing)", false],
  ["self.?missing.orValue(7) == 7", true],
  ["self.tags.all(t, t.size() == 1)", true],
  ["self.name.matches('^w')", true],
  ["quantity(self.memory).isGreaterThan(quantity('900Mi'))", true],
  ["quantity('1').compareTo(quantity('1000m')) == 0", true],
  ["quantity('2k').asInteger() == 2000", true],
  ["isQuantity('one')", false],
  ["url(self.url).getHostname() == 'example.com'", true],
  ["url(self.url).getPort() == '8443'", true],
  ["isURL('nowhere')", false],
  ["isIP('127.0.0.1') && !isIP('127.0.0')", true],
  ["'abc 123'.find('[0-9]+') == '123'", true],
  ["'a1b22'.findAll('[0-9]+') == ['1', '22']", true],
] as const) {
  test(`${expression} is ${want}`, () => {
    assert.equal(compile(expression, ["self"])({ self: celValue(self) }), want);
  });
}

test("an expression that cannot be read, or names what is not there, is refused before it runs", () => {
  assert.throws(() => compile("self.a ==", ["self"]));
  assert.throws(() => compile("other.a", ["self"]), /other/);
  assert.throws(() => compile(Array.from({ length: 20_000 }, () => "1").join("+"), ["self"]));
});
