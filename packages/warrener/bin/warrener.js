#!/usr/bin/env node
// Written in old syntax, so that an old Node can read it and say what is wrong.
var needed = [24, 12];
var parts = process.versions.node.split(".").map(Number);
if (parts[0] < needed[0] || (parts[0] === needed[0] && parts[1] < needed[1])) {
  console.error(
    "error: Warrener needs Node " + needed.join(".") + " or newer, this is " + process.versions.node,
  );
  console.error("try: npm start, or npx warrener in its folder: they bring their own Node");
  process.exit(1);
} else {
  import("../src/main.ts").then(function (main) {
    return main.main(process.argv);
  });
}
