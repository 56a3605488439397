// Bodies as files in a directory: written aside, hashed on the way, synced, and moved into place.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BodyTooLarge, type FileBodies, type StoredBody } from "./bodies.ts";

const writeBytes = 256 * 1024;
/** A quarter of that halves the memory of a send: the rows of one chunk live at the same time. */
const readBytes = 64 * 1024;

/**
 * Keeps bodies in `<folder>/bodies/xx/<id>`. As long as `<folder>/incoming/<id>` exists, the body's record may be missing:
 * recovery looks there alone and never walks through all bodies.
 */
export async function openDirectoryBodies(folder: string): Promise<FileBodies> {
  const incoming = join(folder, "incoming");
  const bodies = join(folder, "bodies");
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await mkdir(bodies, { recursive: true, mode: 0o700 });
  return new DirectoryBodies(incoming, bodies);
}

class DirectoryBodies implements FileBodies {
  readonly #incoming: string;
  readonly #bodies: string;

  constructor(incoming: string, bodies: string) {
    this.#incoming = incoming;
    this.#bodies = bodies;
  }

  async put(id: string, source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<StoredBody> {
    const aside = join(this.#incoming, id);
    try {
      const stored = await writeSynced(aside, source, bytesMax);
      const place = this.#place(id);
      await mkdir(place.folder, { mode: 0o700 }).catch(ignoreExisting);
      await link(aside, place.file);
      await syncFolder(place.folder);
      await syncFolder(this.#bodies);
      return stored;
    } catch (error) {
      await this.#drop(id);
      throw error;
    }
  }

  async settle(id: string): Promise<void> {
    await rm(join(this.#incoming, id), { force: true });
  }

  read(id: string, range?: { first: number; last: number }): Readable {
    const part = range === undefined ? {} : { start: range.first, end: range.last };
    return createReadStream(this.#place(id).file, { ...part, highWaterMark: readBytes });
  }

  async remove(id: string, forget: () => Promise<void>): Promise<void> {
    const aside = join(this.#incoming, id);
    await link(this.#place(id).file, aside).catch(ignoreExisting);
    await syncFolder(this.#incoming);
    try {
      await forget();
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
    await this.#drop(id);
  }

  async recover(isKnown: (id: string) => Promise<boolean>): Promise<number> {
    let removed = 0;
    for (const id of await readdir(this.#incoming)) {
      if (await isKnown(id)) {
        await this.settle(id);
      } else {
        await this.#drop(id);
        removed += 1;
      }
    }
    return removed;
  }

  /** The name in `incoming` goes last, so that a crash in between is found again. */
  async #drop(id: string): Promise<void> {
    await rm(this.#place(id).file, { force: true });
    await rm(join(this.#incoming, id), { force: true });
  }

  /** The last two digits are random, where the first are time; so folders fill evenly. */
  #place(id: string): { folder: string; file: string } {
    const folder = join(this.#bodies, id.slice(-2));
    return { folder, file: join(folder, id) };
  }
}

async function writeSynced(
  file: string,
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<StoredBody> {
  await using handle = await open(file, "wx", 0o600);
  const hash = createHash("sha256");
  let bytes = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async () => {
    await writeAll(handle, waiting);
    waiting = [];
    waitingBytes = 0;
  };
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new BodyTooLarge(`more than ${bytesMax} bytes`);
    hash.update(chunk);
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= writeBytes) await flush();
  }
  await flush();
  await handle.datasync();
  return { bytes, sha256: hash.digest("hex") };
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = Buffer.concat(chunks);
  while (rest.length > 0) rest = rest.subarray((await handle.write(rest)).bytesWritten);
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
