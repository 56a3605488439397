// Tells whoever watches a file that its journey changed.

/** One who watches; dispose of it when nobody looks any more. */
export interface Watcher extends Disposable {
  /**
   * Waits for a change, for the given time at most, or until the signal aborts.
   * @returns whether there was a change since the last call
   */
  changed(timeoutMs: number): Promise<boolean>;
}

export class Changes {
  readonly #watchers = new Map<string, Set<FileWatcher>>();

  announce(file: string): void {
    for (const watcher of this.#watchers.get(file) ?? []) watcher.announce();
  }

  watch(file: string, signal: AbortSignal): Watcher {
    const all = this.#watchers.get(file) ?? new Set();
    this.#watchers.set(file, all);
    const watcher = new FileWatcher(signal, () => {
      all.delete(watcher);
      if (all.size === 0 && this.#watchers.get(file) === all) this.#watchers.delete(file);
    });
    all.add(watcher);
    return watcher;
  }
}

class FileWatcher implements Watcher {
  readonly #signal: AbortSignal;
  readonly #leave: () => void;
  #changed = false;
  #wake: () => void = () => undefined;
  readonly #onAbort = (): void => this.#wake();

  constructor(signal: AbortSignal, leave: () => void) {
    this.#signal = signal;
    this.#leave = leave;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  announce(): void {
    this.#changed = true;
    this.#wake();
  }

  async changed(timeoutMs: number): Promise<boolean> {
    if (!this.#changed && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#leave();
  }
}
