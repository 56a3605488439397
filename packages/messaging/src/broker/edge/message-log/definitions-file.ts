// The definitions on disk: one change a line, each with its checksum; compacted at every start.
import { Buffer } from "node:buffer";
import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  write,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import type { Log } from "../../../log.ts";
import { compact, type Definition } from "../../core/vhost/definitions.ts";

const fileName = "definitions.jsonl";

export class DefinitionsFile {
  /** What stood when the file was opened: virtual hosts, exchanges and queues first, then bindings. */
  readonly restored: readonly Definition[];
  readonly #fd: number;
  #size: number;
  #pending: string[] = [];

  private constructor(fd: number, size: number, restored: readonly Definition[]) {
    this.#fd = fd;
    this.#size = size;
    this.restored = restored;
  }

  static open(directory: string, log: Log): DefinitionsFile {
    const path = join(directory, fileName);
    const restored = compact(existsSync(path) ? readLines(readFileSync(path, "utf8"), log) : []);
    const text = Buffer.from(restored.map(line).join(""));
    const compacted = `${path}.new`;
    const fd = openSync(compacted, "w", 0o600);
    writeSync(fd, text);
    fsyncSync(fd);
    renameSync(compacted, path);
    syncDirectory(dirname(path));
    return new DefinitionsFile(fd, text.length, restored);
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  add(definition: Definition): void {
    this.#pending.push(line(definition));
  }

  /** Takes what waits, to be given to `write`. */
  take(): Buffer {
    return Buffer.from(this.#pending.splice(0).join(""));
  }

  /** Appends and syncs; may be called again with the same octets after it failed. */
  async write(octets: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      write(this.#fd, octets, 0, octets.length, this.#size, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#size += octets.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function line(definition: Definition): string {
  const json = JSON.stringify(definition);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
}

/** Lines up to the first that is torn. */
function readLines(text: string, log: Log): Definition[] {
  const definitions: Definition[] = [];
  for (const entry of text.split("\n")) {
    const json = entry.slice(9);
    if (entry === "") continue;
    if (Number.parseInt(entry.slice(0, 8), 16) !== crc32(json)) {
      log.warn("torn tail of the definitions cut", { line: definitions.length + 1 });
      break;
    }
    definitions.push(JSON.parse(json) as Definition);
  }
  return definitions;
}

/** A rename is on disk only when its directory is. */
function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
