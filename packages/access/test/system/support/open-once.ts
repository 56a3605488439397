// Opens the guard in a process of its own and tells whether it was the first.
import { openAccess } from "../../../src/index.ts";

const [, , dataDir = "", shard] = process.argv;
await using access = await openAccess({
  dataDir,
  shard: shard as "cli" | "broker" | "gateway",
});
console.log(access.firstLink ? "first" : "later");
