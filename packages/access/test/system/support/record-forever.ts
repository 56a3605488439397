// Records as fast as it can, and prints the number of each record once it is reported written.
import { writeSync } from "node:fs";
import { openAccess } from "../../../src/index.ts";

const [, , dataDir = ""] = process.argv;
const access = await openAccess({ dataDir, shard: "gateway" });
async function recordOn(lane: number): Promise<void> {
  for (let number = lane; ; number += 8) {
    await access.record({
      actor: "ann",
      door: "rest",
      verb: "get",
      apiGroup: "files.warrener.dev",
      resource: "files",
      allowed: true,
      reason: "x".repeat(number % 900),
      facts: { number },
    });
    writeSync(1, `${number}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, lane) => recordOn(lane)));
