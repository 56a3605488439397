// Topic patterns and the keys that match them (AMQP 0-9-1 §3.1.3.3).

interface TrieNode<T> {
  readonly values: Set<T>;
  readonly children: Map<string, TrieNode<T>>;
  /** A node behind `#` takes any number of words. */
  readonly many: boolean;
}

const node = <T>(many: boolean): TrieNode<T> => ({ values: new Set(), children: new Map(), many });

/**
 * Patterns of words: `*` stands for one word, `#` for any number of them, none included.
 * Matching walks all the nodes that the words so far can have reached, so its time is bounded by words times nodes
 * whatever the patterns are.
 */
export class TopicTrie<T> {
  readonly #root = node<T>(false);

  add(pattern: string, value: T): void {
    let at = this.#root;
    for (const word of wordsOf(pattern)) {
      let child = at.children.get(word);
      if (child === undefined) {
        child = node(word === "#");
        at.children.set(word, child);
      }
      at = child;
    }
    at.values.add(value);
  }

  remove(pattern: string, value: T): void {
    this.#remove(this.#root, wordsOf(pattern), 0, value);
  }

  /** @returns whether the node became empty */
  #remove(at: TrieNode<T>, words: readonly string[], depth: number, value: T): boolean {
    const word = words[depth];
    if (word === undefined) at.values.delete(value);
    else {
      const child = at.children.get(word);
      if (child !== undefined && this.#remove(child, words, depth + 1, value))
        at.children.delete(word);
    }
    return at.values.size === 0 && at.children.size === 0;
  }

  match(key: string, found: (value: T) => void): void {
    let reached = withMany(new Set([this.#root]));
    for (const word of wordsOf(key)) {
      const next = new Set<TrieNode<T>>();
      for (const at of reached) {
        if (at.many) next.add(at);
        const one = at.children.get("*");
        if (one !== undefined) next.add(one);
        // A key may itself hold the word "*" or "#": there it has no special meaning.
        const exact = word === "*" || word === "#" ? undefined : at.children.get(word);
        if (exact !== undefined) next.add(exact);
      }
      reached = withMany(next);
    }
    for (const at of reached) for (const value of at.values) found(value);
  }
}

/** Words are between dots; an empty key has none. */
function wordsOf(key: string): readonly string[] {
  return key === "" ? [] : key.split(".");
}

/** Adds the nodes behind `#`, which no word is needed to reach; a set is walked while it grows. */
function withMany<T>(reached: Set<TrieNode<T>>): Set<TrieNode<T>> {
  for (const at of reached) {
    const many = at.children.get("#");
    if (many !== undefined) reached.add(many);
  }
  return reached;
}
