#!/usr/bin/env node
/** The installed command `whitepay`. The command line loads only after the version of Node is checked. */
import { hideExperimentalWarnings, refuseOldNode } from "./console/node-version.ts";

refuseOldNode();
hideExperimentalWarnings();
const { runCommandLine } = await import("./main.ts");
const { commands } = await import("./program.ts");
await runCommandLine(commands, process.argv.slice(2));
