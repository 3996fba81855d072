/** `whitepay keeper …`: the daemon that challenges, agrees and settles, and all that its operator needs. */
import type { Command } from "commander";
import type { ConfigOptions } from "../lib/keeper-config.ts";
import { asKeeperFailure, configOptions, keysPassword, loadConfig } from "../lib/keeper-config.ts";
import { exitCodes } from "../lib/exit.ts";
import { alwaysJson } from "../lib/transact.ts";
import { registerAccept } from "./keeper-accept.ts";
import { registerCheck } from "./keeper-check.ts";
import { registerDrain } from "./keeper-drain.ts";
import { registerHistory } from "./keeper-history.ts";
import { registerInit } from "./keeper-init.ts";
import { registerKeys } from "./keeper-keys.ts";
import { registerRegister } from "./keeper-register.ts";
import { registerResign } from "./keeper-resign.ts";
import { registerStatus } from "./keeper-status.ts";
import { registerWithdraw } from "./keeper-withdraw.ts";

export async function register(program: Command): Promise<void> {
  const keeper = program.command("keeper").description("challenge providers, agree, and settle");
  registerInit(keeper);
  await registerRegister(keeper);
  const run = keeper
    .command("run")
    .description(
      "run until SIGINT, SIGTERM or SIGHUP (SIGUSR2: finish the turn first); prints one JSON line when ready, logs on stderr",
    );
  (await configOptions(alwaysJson(run))).action((options: ConfigOptions) => runKeeperCommand(options));
  await registerStatus(keeper);
  await registerCheck(keeper);
  await registerKeys(keeper);
  await registerHistory(keeper);
  await registerDrain(keeper);
  await registerAccept(keeper);
  await registerWithdraw(keeper);
  await registerResign(keeper);
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
