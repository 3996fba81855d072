/** `whitepay provider register`: registers the provider on chain, or updates its entry (R3, R31). */
import type { Command } from "commander";
import type { Contract } from "ethers";
import { registeredProvider, registryAt, type RegisteredProvider } from "../../client/registry.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson } from "../console/output.ts";
import { configOption, withProvider, type ProviderContext, type ProviderOptions } from "./context.ts";
import { dialable, ownAddresses } from "../console/dialable.ts";
import { endpointChange, payeeChange, sendChanges } from "../chain/registration.ts";
import { moneyOptions, type TransactionPlan } from "../chain/transact.ts";

type RegisterOptions = ProviderOptions & { readonly payee?: string };

export function registerRegister(provider: Command): void {
  const command = configOption(provider.command("register"))
    .description("register payee, peer id and addresses on chain, or update them")
    .option(
      "--payee <address>",
      "address that receives the money; later only the present payee can change it (whitepay payee)",
      addressOption("--payee"),
    );
  jsonOption(moneyOptions(command)).action((options: RegisterOptions) =>
    withProvider(options, (context) => register(context, options)),
  );
}

type Wanted = {
  readonly registry: Contract;
  readonly operator: string;
  readonly peerId: string;
  readonly addresses: readonly string[];
};

function first(
  { registry, operator, peerId, addresses }: Wanted,
  { payee }: RegisterOptions,
): TransactionPlan {
  if (payee === undefined) {
    throw usageError("--payee is missing", { expected: "the address that receives the provider's money" });
  }
  return {
    what: `registering provider ${operator}`,
    contract: registry,
    method: "registerProvider",
    args: [payee, peerId, addresses],
    shows: [
      ["payee", payee],
      ["addresses", addresses.join(", ")],
    ],
  };
}

function changes(wanted: Wanted, found: RegisteredProvider, { payee }: RegisterOptions): TransactionPlan[] {
  const { registry, operator, peerId, addresses } = wanted;
  return [
    ...endpointChange("provider", registry, found, { peerId, multiaddrs: addresses }),
    ...payeeChange("provider", registry, found, { operator, payee }),
  ];
}

async function register(context: ProviderContext, options: RegisterOptions): Promise<void> {
  const { config, keys, signer } = context;
  const { providerIdentity } = await import("../../provider/identity.ts");
  const { peerIdBytes } = await providerIdentity(keys);
  const registry = registryAt(config.chain.registry, signer);
  const wanted = {
    registry,
    operator: signer.address,
    peerId: peerIdBytes,
    addresses: dialable(ownAddresses(config)),
  };
  const found = await registeredProvider(registry, signer.address);
  const plans = found.registeredAt === 0 ? [first(wanted, options)] : changes(wanted, found, options);
  const transactions = await sendChanges(plans, signer, options);
  const { payee, multiaddrs, registeredAt } = await registeredProvider(registry, signer.address);
  if (options.json === true) {
    printJson({ operator: signer.address, registered: registeredAt > 0, payee, multiaddrs, transactions });
  }
}
