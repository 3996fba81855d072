/** `whitepay keeper check`: checks everything that a keeper needs, and prints remedies. */
import type { Command } from "commander";
import { checkDocument, checkLine } from "../console/check-item.ts";
import { CliError } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import { printJson, printLine } from "../console/output.ts";
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
  const failed = items.filter(({ grade }) => grade === "fail");
  if (options["json"] === true) {
    printJson({
      ok: failed.length === 0,
      items: items.map(checkDocument),
    });
  } else {
    for (const item of items) printLine(checkLine(item, 9));
  }
  const first = failed[0];
  if (first !== undefined) {
    const message = `failed checks: ${failed.length} of ${items.length}, first: ${first.name}`;
    throw new CliError({
      code: first.code,
      message,
      ...(first.remedy === undefined ? {} : { hint: first.remedy }),
    });
  }
}
