/** `npm run check` and `npm run fix`: types, lint and formatting of TypeScript and Solidity. */
import { exitCodes } from "../cli/console/exit.ts";
import { printLine, say } from "../cli/console/output.ts";
import { runTool } from "./tools.ts";
import type { Tool } from "./tools.ts";
import { dashboardFolders } from "./paths.ts";

type Step = Tool & { readonly title: string; readonly args: readonly string[] };

type Check = Step & {
  /** Arguments that correct what the check finds, if the tool can. */
  readonly fixArgs?: readonly string[];
};

export type Counts = { passed: number; failed: number };

const solidity = "contracts/**/*.sol";
// npm writes package.json in an order and style of its own.
const formatted = [".", "!package.json"];

const checks: readonly Check[] = [
  { title: "types (tsc)", packageName: "typescript", command: "tsc", args: ["--noEmit"] },
  // Code for browsers has other global names than code for Node.
  ...[...dashboardFolders, "test/browser"].map((folder) => ({
    title: `types of ${folder} (tsc)`,
    packageName: "typescript",
    command: "tsc",
    args: ["--noEmit", "-p", folder],
  })),
  {
    title: "style (oxlint)",
    packageName: "oxlint",
    command: "oxlint",
    args: ["--type-aware", "--deny-warnings"],
    fixArgs: ["--type-aware", "--deny-warnings", "--fix"],
  },
  {
    title: "formatting (oxfmt)",
    packageName: "oxfmt",
    command: "oxfmt",
    args: ["--check", ...formatted],
    fixArgs: formatted,
  },
  {
    title: "style of Solidity (solhint)",
    packageName: "solhint",
    command: "solhint",
    // --disc: no request to a registry for a newer version.
    args: ["--disc", "--noPoster", "--max-warnings", "0", solidity],
  },
  {
    title: "formatting of Solidity (prettier)",
    packageName: "prettier",
    command: "prettier",
    args: ["--check", "--log-level", "warn", solidity],
    fixArgs: ["--write", "--log-level", "warn", solidity],
  },
];

/** Runs every step, also after one that fails. */
async function runSteps(steps: readonly Step[], env: NodeJS.ProcessEnv): Promise<Counts> {
  const counts = { passed: 0, failed: 0 };
  for (const { title, args, ...tool } of steps) {
    say(`== ${title}`);
    counts[(await runTool(tool, args, env)) === 0 ? "passed" : "failed"]++;
  }
  return counts;
}

export function runChecks(env: NodeJS.ProcessEnv): Promise<Counts> {
  return runSteps(checks, env);
}

/** Corrects what the linter and the formatters can correct; the formatters run after the linter. */
function fix(env: NodeJS.ProcessEnv): Promise<Counts> {
  const steps = checks.flatMap(({ title, fixArgs, ...tool }) =>
    fixArgs === undefined ? [] : [{ ...tool, title: `fix: ${title}`, args: fixArgs }],
  );
  return runSteps(steps, env);
}

if (import.meta.main) {
  const { passed, failed } = await (process.argv.includes("--fix") ? fix : runChecks)(process.env);
  printLine(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = exitCodes.failed;
}
