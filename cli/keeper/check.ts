/** `whitepay keeper check`: checks everything that a keeper needs, and prints remedies. */
import type { Command } from "commander";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import { reportChecks } from "../preflight/report.ts";
import { jsonOption } from "../console/options.ts";

export async function registerCheck(keeper: Command): Promise<void> {
  const check = keeper
    .command("check")
    .description(
      "check keys, chain, EIP-2537, clock, ports, peers, funds and disk before a keeper runs; exit 0 if nothing fails",
    );
  (await configOptions(jsonOption(check))).action((options: ConfigOptions) =>
    asKeeperFailure(() => checkCommand(options)),
  );
}

async function checkCommand(options: ConfigOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { preflight } = await import("./preflight/index.ts");
  const items = await preflight(config);
  reportChecks(items, options["json"] === true);
}
