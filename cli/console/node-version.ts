/** Refuses a Node that is too old for the installed command. This file imports nothing, so that an old Node can load it. */

/** The first version with `node:sqlite` and without a flag for it. */
export const oldestNode = "22.13.0";

/** Whether a version, as in `process.versions.node`, is older than `oldestNode`. */
export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/** Ends the process with exit code 1 if this Node is too old. */
export function refuseOldNode(): void {
  const actual = process.versions.node;
  if (!isTooOld(actual)) return;
  process.stderr.write(
    `whitepay: this Node is too old (expected at least ${oldestNode}, actual ${actual})\n` +
      "  install a newer Node, then re-run\n",
  );
  process.exit(1);
}

/** Hides Node's warning about `node:sqlite`; tests of the ledger cover the functions that it uses of this module. */
export function hideExperimentalWarnings(): void {
  const printers = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name === "ExperimentalWarning") return;
    for (const print of printers) print.call(process, warning);
  });
}
