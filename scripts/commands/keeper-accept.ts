/** `whitepay keeper accept GROUP`: takes the seat that a payer proposed (R33). */
import type { Command } from "commander";
import { Contract, Wallet } from "ethers";
import { groupAbi } from "../client/abi.ts";
import { connectChain } from "../client/connect.ts";
import { openGroup } from "../client/status.ts";
import { usageError } from "../lib/exit.ts";
import type { ConfigOptions } from "../lib/keeper-config.ts";
import { asKeeperFailure, configOptions, keysPassword, loadConfig } from "../lib/keeper-config.ts";
import { addressOption } from "../lib/options.ts";
import { printJson } from "../lib/output.ts";
import { jsonOption, moneyOptions, transact } from "../lib/transact.ts";
import type { MoneyFlags } from "../lib/transact.ts";

type AcceptOptions = ConfigOptions & MoneyFlags & { readonly decline?: boolean };

export async function registerAccept(keeper: Command): Promise<void> {
  const command = keeper
    .command("accept")
    .description("accept the seat in a committee that a payer proposed; add the group to the config first")
    .argument("<group>", "the group's address", addressOption("<group>"))
    .option("--decline", "take the acceptance back");
  (await configOptions(jsonOption(moneyOptions(command)))).action((group: string, options: AcceptOptions) =>
    asKeeperFailure(() => accept(group, options)),
  );
}

async function accept(address: string, options: AcceptOptions): Promise<void> {
  const { config } = await loadConfig(options);
  const { openKeys } = await import("../../keeper/adapters/keyring-keystore.ts");
  if (options.decline !== true && !config.groups.includes(address.toLowerCase() as `0x${string}`)) {
    throw usageError(`group ${address} is not in the config, so this keeper would not do its work there`, {
      hint: "add it to `groups` and restart the keeper, then accept",
    });
  }
  const secrets = await openKeys(config.keys, await keysPassword(config));
  const provider = await connectChain(config.chain);
  try {
    const signer = new Wallet(secrets.operator, provider);
    const { version, operators } = await (await openGroup(provider, address)).pendingCommittee();
    if (version === 0) throw usageError(`group ${address} has no proposed committee`);
    const what = options.decline === true ? "declining" : "accepting";
    const plan = {
      what: `${what} the seat in committee ${version} of group ${address}`,
      contract: new Contract(address, groupAbi, signer),
      method: options.decline === true ? "declineSeat" : "acceptSeat",
      args: [version],
      shows: [["committee", operators.join(", ")]] as const,
    };
    const report = await transact(plan, signer, options);
    if (options["json"] === true) printJson({ group: address, committee: version, transactions: [report] });
  } finally {
    provider.destroy();
  }
}
