/** `whitepay keeper accept GROUP`: accepts the seat in a proposed committee (R33). */
import type { Command } from "commander";
import { planSeat, signSeat } from "../../client/seats.ts";
import { openGroup } from "../../client/status.ts";
import { usageError } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags } from "../chain/transact.ts";

type AcceptOptions = ConfigOptions & MoneyFlags & { readonly decline?: boolean; readonly sign?: boolean };

export async function registerAccept(keeper: Command): Promise<void> {
  const command = keeper
    .command("accept")
    .description("accept the seat in a proposed committee; add the group to the config first")
    .argument("<group>", "the group's address", addressOption("<group>"))
    .option("--decline", "withdraw the acceptance")
    .option(
      "--sign",
      "print a signed acceptance, which any account may send (group accept-seat); send nothing",
    );
  (await configOptions(jsonOption(moneyOptions(command)))).action((group: string, options: AcceptOptions) =>
    asKeeperFailure(() => accept(group, options)),
  );
}

async function accept(address: string, options: AcceptOptions): Promise<void> {
  if (options.decline === true && options.sign === true) {
    throw usageError("choose one of --decline and --sign");
  }
  const { config } = await loadConfig(options);
  if (options.decline !== true && !config.groups.includes(address.toLowerCase() as `0x${string}`)) {
    throw usageError(`group ${address} is not in the config: this keeper does not serve it`, {
      hint: "add it to `groups`, restart the keeper, then accept",
    });
  }
  await withKeeper(config, async ({ provider, signer }) => {
    await openGroup(provider, address);
    if (options.sign === true) return printJson(await signSeat(signer, address));
    const plan = await planSeat(signer, address, options.decline === true ? "decline" : "accept");
    const report = await transact(plan, signer, options);
    const committee = Number(plan.args[0]);
    if (options["json"] === true) printJson({ group: address, committee, transactions: [report] });
  });
}
