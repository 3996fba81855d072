/** `whitepay keeper drain`: asks the running keeper to finish its turn and stop. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CliError, exitCodes } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { configOptions, loadConfig } from "./context.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { statusOf } from "../keeper-api/status.ts";
import { keeperRuns } from "./running.ts";
import { isRunning } from "../../storage/disk/is-running.ts";

const polling_ms = 100;

type DrainOptions = ConfigOptions & { readonly timeoutS?: number };

export async function registerDrain(keeper: Command): Promise<void> {
  const drain = keeper
    .command("drain")
    .description("ask the running keeper to finish its turn and stop, and wait for it")
    .option(
      "--timeout-s <seconds>",
      "stop waiting after this time; the keeper continues to drain (default: no limit)",
      integerOption("--timeout-s", { min: 1, max: 604_800 }) as never,
    );
  (await configOptions(jsonOption(drain))).action((options: DrainOptions) => drainCommand(options));
}

async function drainCommand(options: DrainOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { readRunFile } = await import("../../keeper/run-file.ts");
  const running = await readRunFile(config.dataDir);
  const none = { code: exitCodes.failed, message: `no keeper runs with the data folder ${config.dataDir}` };
  if (running === undefined || !(await keeperRuns(join(config.dataDir, "store")))) throw new CliError(none);
  // The operating system reuses process ids: send the signal only if the keeper answers.
  if ((await statusOf(running.api)) === undefined) {
    throw new CliError({
      ...none,
      message: `a keeper uses ${config.dataDir}, but does not answer at ${running.api}`,
      hint: "it may be starting or stopping; re-run in a moment",
    });
  }
  process.kill(running.pid, "SIGUSR2");
  say(`keeper ${running.peerId} (process ${running.pid}) finishes its turn, then stops`);
  const started = performance.now();
  while (isRunning(running.pid)) {
    if (options.timeoutS !== undefined && performance.now() - started > options.timeoutS * 1000) {
      throw new CliError({
        code: exitCodes.failed,
        message: `not drained after ${options.timeoutS} s; the keeper continues to drain`,
        hint: "re-run to wait longer; SIGTERM stops it now, and a leader then loses its turn",
      });
    }
    await sleep(polling_ms);
  }
  const waited_s = Math.round((performance.now() - started) / 100) / 10;
  if (options["json"] === true) printJson({ drained: true, pid: running.pid, waited_s });
  else say(`drained after ${waited_s} s`);
}
