#!/usr/bin/env node
// Plain old syntax on purpose: an old Node must get as far as the one sentence that says what is wrong.
import module from "node:module";
import v8 from "node:v8";

var parts = process.versions.node.split(".").map(Number);
if (parts[0] < 24 || (parts[0] === 24 && parts[1] < 12)) {
  console.error(
    "error: Warrener needs Node.js 24.12 or newer, and this is " +
      process.versions.node +
      "\n" +
      "try: npm start or npx warrener, which use the Node.js that npm ci installed",
  );
  process.exit(1);
}
// A small young generation is collected more often and keeps ten megabytes less; throughput is the same.
v8.setFlagsFromString("--max-semi-space-size=4");
v8.setFlagsFromString("--semi-space-growth-factor=1");
// Node keeps what it made of our TypeScript, so that a start neither compiles nor loads the compiler; see scripts/precompile.ts.
module.enableCompileCache(
  new URL("../../../node_modules/.cache/warrener", import.meta.url).pathname,
);
await import("../src/main.ts");
