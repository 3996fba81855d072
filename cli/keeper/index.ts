/** `whitepay keeper …`: runs the daemon that challenges, agrees and settles, and the commands of its operator. */
import type { Command } from "commander";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, keysPassword, loadConfig } from "./context.ts";
import { exitCodes } from "../console/exit.ts";
import { registerAttest } from "./attest.ts";
import { registerCheck } from "./check.ts";
import { registerDrain } from "./drain.ts";
import { registerHistory } from "./history.ts";
import { registerInit } from "./init.ts";
import { registerKeys } from "./keys.ts";
import { registerRegister } from "./register.ts";
import { registerResign } from "./resign.ts";
import { registerStatus } from "./status.ts";
import { registerWithdraw } from "./withdraw.ts";
import { alwaysJson } from "../console/options.ts";

export async function register(program: Command): Promise<void> {
  const keeper = program.command("keeper").description("challenge providers, agree, and settle");
  registerInit(keeper);
  await registerRegister(keeper);
  const run = keeper
    .command("run")
    .description(
      "run until SIGINT, SIGTERM or SIGHUP (SIGUSR2: finish the turn first); prints one JSON line when ready; logs to stderr",
    );
  (await configOptions(alwaysJson(run))).action((options: ConfigOptions) => runKeeperCommand(options));
  await registerStatus(keeper);
  await registerCheck(keeper);
  await registerKeys(keeper);
  await registerHistory(keeper);
  await registerDrain(keeper);
  await registerWithdraw(keeper);
  await registerResign(keeper);
  await registerAttest(keeper);
}

async function runKeeperCommand(options: ConfigOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { pino } = await import("pino");
  const { logDestination } = await import("../../daemon/log-lines.ts");
  const { runKeeper } = await import("../../keeper/main.ts");
  await asKeeperFailure(async () => {
    const password = await keysPassword(config);
    const log = pino({ name: "keeper", level: config.logLevel }, logDestination(config.logFormat));
    const say = (text: string): void => log.info(text);
    await runKeeper({ config, password, print: (line) => process.stdout.write(`${line}\n`), say });
  });
  process.exit(exitCodes.ok);
}
