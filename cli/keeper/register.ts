/** `whitepay keeper register`: registers the keeper on chain, or updates its entry (R3, R31). */
import type { Command } from "commander";
import { getAddress, getBytes, ZeroAddress, type Contract } from "ethers";
import { dialable, ownAddresses } from "../console/dialable.ts";
import { usageError } from "../console/exit.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson } from "../console/output.ts";
import { registeredKeeper, registryAt } from "../../client/registry.ts";
import type { RegisteredKeeper } from "../../client/registry.ts";
import { endpointChange, payeeChange, sendChanges } from "../chain/registration.ts";
import { moneyOptions } from "../chain/transact.ts";
import type { MoneyFlags, TransactionPlan } from "../chain/transact.ts";
import type { KeySecrets } from "../../daemon/keys/keystore.ts";

type RegisterOptions = ConfigOptions & MoneyFlags & { readonly payee?: string; readonly rotateKey?: boolean };

export async function registerRegister(keeper: Command): Promise<void> {
  const command = keeper
    .command("register")
    .description("register keys (with proof of possession), payee and addresses on chain, or update them")
    .option(
      "--payee <address>",
      "address that receives the keeper's money; later only the present payee can change it (whitepay payee)",
      addressOption("--payee"),
    )
    .option("--rotate-key", "replace the registered BLS key with the one in the key file");
  (await configOptions(jsonOption(moneyOptions(command)))).action((options: RegisterOptions) =>
    asKeeperFailure(() => registerCommand(options)),
  );
}

type Wanted = {
  readonly registry: Contract;
  readonly operator: string;
  readonly secrets: KeySecrets;
  readonly blsKey: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  readonly options: RegisterOptions;
};

async function proven({ registry, operator, secrets, blsKey }: Wanted): Promise<string> {
  const message: string = await registry.getFunction("proofMessage")(operator, blsKey);
  const { provePossession } = await import("../../client/bls.ts");
  return provePossession(secrets.bls, getBytes(message));
}

async function first(wanted: Wanted): Promise<TransactionPlan> {
  const { registry, operator, blsKey, peerId, multiaddrs, options } = wanted;
  const { payee } = options;
  if (payee === undefined) {
    throw usageError("--payee is missing", { expected: "the address that receives the keeper's money" });
  }
  const { peerIdOf } = await import("../../daemon/keys/generate.ts");
  return {
    what: `registering keeper ${getAddress(operator)}`,
    contract: registry,
    method: "registerKeeper",
    args: [blsKey, await proven(wanted), payee, peerId, multiaddrs],
    shows: [
      ["payee", payee],
      ["addresses", multiaddrs.join(", ")],
      ["peer id", await peerIdOf(wanted.secrets.peer)],
    ],
  };
}

/** One transaction for each difference from the registered entry. */
async function changes(wanted: Wanted, found: RegisteredKeeper): Promise<TransactionPlan[]> {
  const { registry, operator, blsKey, peerId, multiaddrs, options } = wanted;
  const plans = endpointChange("keeper", registry, found, { peerId, multiaddrs });
  if (found.blsKey !== blsKey) {
    if (options.rotateKey !== true) {
      throw usageError("the registered BLS key differs from the key file", {
        hint: "--rotate-key registers the new key; committees keep the old one until keeper rotate-seat",
      });
    }
    const args = [blsKey, await proven(wanted)];
    plans.push({ what: "replacing the BLS key", contract: registry, method: "rotateKeeperKey", args });
  }
  return [...plans, ...payeeChange("keeper", registry, found, { operator, payee: options.payee })];
}

async function registerCommand(options: RegisterOptions): Promise<void> {
  const { publicKeyOf } = await import("../../client/bls.ts");
  const { peerIdBytes } = await import("../../daemon/keys/generate.ts");
  const { config } = await loadConfig(options);
  dialable(ownAddresses(config));
  await withKeeper(config, async ({ secrets, signer }) => {
    const { addressesToRegister } = await import("./registered-addresses.ts");
    const multiaddrs = dialable(await addressesToRegister(config, secrets.peer));
    const registry = registryAt(config.chain.registry, signer);
    const wanted: Wanted = {
      registry,
      operator: signer.address,
      secrets,
      blsKey: publicKeyOf(secrets.bls),
      peerId: await peerIdBytes(secrets.peer),
      multiaddrs,
      options,
    };
    const found = await registeredKeeper(registry, signer.address);
    const plans = found.registeredAt === 0 ? [await first(wanted)] : await changes(wanted, found);
    const transactions = await sendChanges(plans, signer, options);
    const now = await registeredKeeper(registry, signer.address);
    const payee = now.payee === ZeroAddress ? undefined : now.payee;
    if (options["json"] === true) {
      printJson({
        operator: signer.address,
        registered: now.registeredAt > 0,
        payee,
        multiaddrs: now.multiaddrs,
        transactions,
      });
    }
  });
}
