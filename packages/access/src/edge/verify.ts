// Whether an access log is as it was written.
import { createReadStream } from "node:fs";
import { chainStart, follow } from "../core/chain.ts";

/** What a check of a whole log found. */
export type Verification =
  | { readonly intact: true; readonly lines: number; readonly head: string }
  | { readonly intact: false; readonly line: number; readonly reason: string };

/**
 * Follows the chain of a log file from its first line.
 * @returns the number of lines and the last hash, or the first broken line, counted from 1. A file cut at a line's end
 * is intact as far as it goes: compare the head with a copy kept elsewhere.
 */
export async function verifyAccessLog(file: string): Promise<Verification> {
  let head = chainStart;
  let rest = "";
  const broken = (reason: string): Verification => {
    const line = head.seq + 1;
    return { intact: false, line, reason: `line ${line} ${reason}` };
  };
  for await (const chunk of createReadStream(file, { encoding: "utf8" })) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const next = follow(head, line);
      if (typeof next === "string") return broken(next);
      head = next;
    }
  }
  return rest === "" ? { intact: true, lines: head.seq, head: head.hash } : broken("has no end");
}
