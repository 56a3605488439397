import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TopicTrie } from "../../../src/broker/core/exchange/topic-trie.ts";

/** The specification's sentence as code: slow, and plainly right. */
function matches(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === "#")
    return matches(rest, words) || (words.length > 0 && matches(pattern, words.slice(1)));
  const [word, ...others] = words;
  return word !== undefined && (first === "*" || first === word) && matches(rest, others);
}

function reached(patterns: readonly string[], key: string): string[] {
  const trie = new TopicTrie<string>();
  for (const pattern of patterns) trie.add(pattern, pattern);
  const found = new Set<string>();
  trie.match(key, (pattern) => found.add(pattern));
  return [...found].toSorted();
}

const word = fc.constantFrom("a", "b", "c", "");
const pattern = fc.array(fc.oneof(word, fc.constantFrom("*", "#")), { minLength: 1, maxLength: 6 });
const split = (text: string): string[] => (text === "" ? [] : text.split("."));

test("a topic pattern reaches exactly the keys that the specification says", () => {
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 8 }),
      fc.array(word, { minLength: 1, maxLength: 6 }),
      (patterns, words) => {
        const key = words.join(".");
        const texts = [...new Set(patterns.map((p) => p.join(".")))];
        const expected = texts.filter((text) => matches(split(text), split(key))).toSorted();
        assert.deepEqual(reached(texts, key), expected);
      },
    ),
    { numRuns: 2000 },
  );
});

test("a removed pattern reaches nothing, and the others what they did", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        pattern.map((p) => p.join(".")),
        { minLength: 1 },
      ),
      fc.array(word),
      (patterns, words) => {
        const key = words.join(".");
        const [gone, ...kept] = patterns as [string, ...string[]];
        const trie = new TopicTrie<string>();
        for (const text of patterns) trie.add(text, text);
        trie.remove(gone, gone);
        const found: string[] = [];
        trie.match(key, (text) => found.push(text));
        assert.deepEqual(found.toSorted(), reached(kept, key));
      },
    ),
  );
});

test("a pattern of nothing but # is matched in no more steps than it has nodes times words", () => {
  const hostile = Array.from({ length: 127 }, () => "#").join(".");
  const key = Array.from({ length: 127 }, () => "x").join(".");
  assert.deepEqual(reached([hostile], key), [hostile]);
});
