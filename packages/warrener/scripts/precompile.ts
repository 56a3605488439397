// Compiles every module once, after installation, so that no process has to: a start is quicker and the compiler is not in memory.
// Runs with and without the flags of supervised processes, for which Node keeps separate caches.
import module from "node:module";
import v8 from "node:v8";

// As bin/warrener.js does: what is compiled under other flags is compiled again.
v8.setFlagsFromString("--max-semi-space-size=4");
v8.setFlagsFromString("--semi-space-growth-factor=1");
module.enableCompileCache(
  new URL("../../../node_modules/.cache/warrener", import.meta.url).pathname,
);
await Promise.all([
  import("@warrener/access"),
  import("@warrener/messaging"),
  import("@warrener/gateway"),
  import("@warrener/orchestration"),
  import("../../orchestration/src/pki/issuing-process.ts"), // a process of the first start
  import("../src/commands/broker.ts"),
  import("../src/commands/consume.ts"),
  import("../src/commands/gateway.ts"),
  import("../src/commands/node.ts"),
  import("../src/process/node-errors.ts"),
  import("../src/commands/publish.ts"),
  import("../src/commands/queues.ts"),
  import("../src/commands/send.ts"),
  import("../src/commands/status.ts"),
  import("../src/commands/token.ts"),
  import("../src/commands/up.ts"),
]);
module.flushCompileCache();
process.exit(0);
