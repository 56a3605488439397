// Which messages were already done, so that one that comes twice is done once.

/** Remembers message ids; a store of your own lets the memory outlive and span processes. */
export interface Inbox {
  has(messageId: string): boolean | Promise<boolean>;
  /** Called when the handler has succeeded, before the message is acknowledged. */
  add(messageId: string): void | Promise<void>;
}

/** The last `size` message ids, in memory. */
export function memoryInbox(size = 50_000): Inbox {
  const ids = new Set<string>();
  return {
    has: (id) => ids.has(id),
    add: (id) => {
      ids.delete(id);
      ids.add(id);
      if (ids.size > size) ids.delete(ids.values().next().value as string);
    },
  };
}
