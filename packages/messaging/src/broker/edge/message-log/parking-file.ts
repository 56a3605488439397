// Octets that leave memory for a while: fixed places in one file that does not outlive the process.
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Room for one packed page of a queue. */
const placeBytes = 32 * 1024;

export class ParkingFile {
  readonly #path: string;
  #fd: number | undefined;
  readonly #sizes: number[] = [];
  readonly #free: number[] = [];

  constructor(directory: string) {
    this.#path = join(directory, "parked.tmp");
    rmSync(this.#path, { force: true });
  }

  /** @returns the place */
  park(octets: Buffer): number {
    if (octets.length > placeBytes)
      throw new Error(`${octets.length} octets do not fit a place of ${placeBytes}`);
    this.#fd ??= openSync(this.#path, "w+", 0o600);
    const place = this.#free.pop() ?? this.#sizes.length;
    this.#sizes[place] = octets.length;
    writeSync(this.#fd, octets, 0, octets.length, place * placeBytes);
    return place;
  }

  /** @param keep whether they stay parked */
  parked(place: number, keep: boolean): Buffer {
    const octets = Buffer.allocUnsafeSlow(this.#sizes[place] as number);
    const size = readSync(this.#fd as number, octets, 0, octets.length, place * placeBytes);
    if (size !== octets.length) throw new Error(`place ${place} of ${this.#path} is cut short`);
    if (!keep) this.#free.push(place);
    return octets;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }
}
