#!/usr/bin/env node
/** The installed command `whitepay`. */
import { runCommandLine } from "./main.ts";
import { commands } from "./program.ts";

await runCommandLine(commands, process.argv.slice(2));
