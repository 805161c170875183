#!/usr/bin/env node
// The pinned WebAssembly compiler behind the two calls that Ape, py-solc-x and forge make of a solc binary:
// `--version`, and `--standard-json` with the input on stdin. Imports are read from below --base-path.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const args = process.argv.slice(2);
if (args.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (args.includes("--standard-json")) {
  const at = args.indexOf("--base-path");
  const base = at >= 0 ? args[at + 1] : process.cwd();
  const read = (name) => {
    try {
      return { contents: fs.readFileSync(path.resolve(base, name), "utf8") };
    } catch (error) {
      return { error: error.message };
    }
  };
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: read }) + "\n");
} else {
  console.error("solc.js: only --version and --standard-json are supported");
  process.exitCode = 1;
}
