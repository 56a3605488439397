// The way from pods with a network of their own to the world outside: what leaves the machine bears the machine's own address.
import { execFile } from "node:child_process";
import { masqueradeRules, outsideRange } from "../../core/pod-network.ts";
import type { Tools } from "./tools.ts";

export interface WayOut {
  close(): Promise<void>;
}

/** @param name of the node's own rules @returns undefined where the machine has no means to */
export async function openWayOut(
  { nft, iptables }: Tools,
  name: string,
): Promise<WayOut | undefined> {
  if (nft !== undefined && (await run(nft, ["-f", "-"], masqueradeRules(name))))
    return { close: async () => void (await run(nft, ["delete", "table", "ip", name])) };
  if (iptables === undefined) return undefined;
  const rule = ["POSTROUTING", "-s", outsideRange, "!", "-o", "wr+", "-j", "MASQUERADE"];
  const own = [...rule, "-m", "comment", "--comment", name];
  const isThere = await run(iptables, ["-t", "nat", "-C", ...own]);
  if (!isThere && !(await run(iptables, ["-t", "nat", "-A", ...own]))) return undefined;
  return { close: async () => void (await run(iptables, ["-t", "nat", "-D", ...own])) };
}

/** @returns whether it succeeded */
function run(program: string, words: readonly string[], input = ""): Promise<boolean> {
  return new Promise((resolve) => {
    const child = execFile(program, words, (error) => resolve(error === null));
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
