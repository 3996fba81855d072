/** Paths of the project, independent of the current folder. */
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, without a trailing slash. */
export const projectRoot = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** The command line, for processes that are started as children. */
export const cliScript = fileURLToPath(new URL("whitepay.ts", import.meta.url));

/** Pages for browsers: they are compiled with the settings of their folder. */
export const dashboardFolders: readonly string[] = ["keeper/dashboard", "provider/dashboard", "archive/page"];

/** The top folders with TypeScript, without the tests. */
export const sourceFolders: readonly string[] = [
  "protocol",
  "storage",
  "daemon",
  "keeper",
  "provider",
  "provider-sim",
  "archive",
  "ceremony",
  "client",
  "sim",
  "cli",
  "scripts",
];
