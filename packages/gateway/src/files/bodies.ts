// Where the bytes of files lie, as an interface that an object store can stand behind.
import type { Readable } from "node:stream";

/** Says what was stored. */
export interface StoredBody {
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly sha256: string;
}

/** The body is larger than was allowed; nothing of it is kept. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

export interface FileBodies {
  /**
   * Stores a stream under a new id, synced. Whatever goes wrong, nothing stays behind.
   * The body is provisional until `settle`: after a crash, `recover` decides.
   * @throws BodyTooLarge as soon as `bytesMax` is passed
   */
  put(id: string, source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<StoredBody>;
  /** Says that the record of this body is on disk. */
  settle(id: string): Promise<void>;
  /** @param range first and last byte, both included */
  read(id: string, range?: { readonly first: number; readonly last: number }): Readable;
  /** Calls `forget`, which removes the record, and removes the body, so that a crash between the two leaves neither. */
  remove(id: string, forget: () => Promise<void>): Promise<void>;
  /**
   * Removes what a crash left half done.
   * @param isKnown whether there is a record of this body
   * @returns how many bodies were removed
   */
  recover(isKnown: (id: string) => Promise<boolean>): Promise<number>;
}
