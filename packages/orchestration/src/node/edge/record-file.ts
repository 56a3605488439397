// The newest of many records, one a line. Appended, since replacing a file makes ext4 write out its data at once: half a millisecond each.
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** From here on the file is written anew, with one line. */
const bytesMax = 64 * 1024;

export class RecordFile {
  readonly #path: string;
  /** Of whole lines; 0 where the file's end is not known to be one. */
  #bytes = 0;
  #written = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Writes it down if it differs from the last one. A crash leaves the record before or this one. @throws as the file system does */
  write(record: unknown): void {
    const line = `${JSON.stringify(record)}\n`;
    if (line === this.#written) return;
    const before = this.#bytes;
    this.#bytes = 0;
    if (before === 0 || before > bytesMax) this.#replace(line);
    else appendFileSync(this.#path, line);
    const kept = before > bytesMax ? 0 : before;
    this.#bytes = kept + Buffer.byteLength(line);
    this.#written = line;
  }

  #replace(line: string): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.new`, line, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/** @returns what was written last @throws where no whole record is there */
export function readRecord(path: string): unknown {
  const lines = readFileSync(path, "utf8").split("\n");
  // What follows the last newline was cut off by a crash.
  return JSON.parse(lines.at(-2) ?? "");
}
