// Tells whoever watches a file that its journey changed.

export class Changes {
  readonly #watchers = new Map<string, Set<() => void>>();

  /** Wakes all who wait for this file. */
  announce(file: string): void {
    const watchers = this.#watchers.get(file);
    this.#watchers.delete(file);
    for (const wake of watchers ?? []) wake();
  }

  /** @returns a promise that settles at the next change or when the signal aborts */
  async next(file: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watchers = this.#watchers.get(file) ?? new Set();
    this.#watchers.set(file, watchers.add(resolve));
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    watchers.delete(resolve);
    if (watchers.size === 0 && this.#watchers.get(file) === watchers) this.#watchers.delete(file);
  }
}
