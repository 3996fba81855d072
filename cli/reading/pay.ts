/** R47: the options by which `fetch` pays for reading, and the purse that they open. */
import type { Command } from "commander";
import { connectChain } from "../../client/connect.ts";
import { payingSource, type PayingSource } from "../../client/reading/paying.ts";
import { ReadPurse } from "../../client/reading/purse.ts";
import { httpSource, type HttpSourceOptions, httpPayee } from "../../client/reading/source.ts";
import type { Payee, PieceSource } from "../../client/reading/source.ts";
import { readToken } from "../../client/token.ts";
import { formatAmount, parseAmount } from "../../client/units.ts";
import { loadPayer, payerSigner, readerPurse, type PayerOptions } from "../chain/account.ts";
import { usageError } from "../console/exit.ts";
import { addressOption } from "../console/options.ts";
import { say } from "../console/output.ts";
import { openTabs } from "./tabs.ts";

export const noToken = `0x${"00".repeat(20)}`;
export const defaultAccounts = "reader-accounts";

export type PayFlags = {
  readonly payUpTo?: string;
  readonly maxPrice?: string;
  readonly token: string;
  readonly accounts: string;
};

export function tokenOption(command: Command): Command {
  return command.option(
    "--token <address>",
    "token to pay in; zero: the chain's coin",
    addressOption("--token"),
    noToken,
  );
}

export function accountsOption(command: Command): Command {
  return command.option("--accounts <folder>", "folder of what was signed and received", defaultAccounts);
}

export function payOptions(command: Command): Command {
  return accountsOption(
    tokenOption(
      command
        .option("--pay-up-to <amount>", "pay providers that ask for it, at most so many tokens in all")
        .option("--max-price <amount>", "highest price in tokens a GiB (default: what each asks first)"),
    ),
  );
}

export type Paid = { readonly provider: string; readonly signed: string };

/** How sources are asked: for nothing, or with a purse. */
export type Paying = {
  http(url: string, options?: HttpSourceOptions): PieceSource;
  of(payee: Payee): PieceSource;
  /** Pays what was read last. Returns what was signed, in units, by provider. */
  settle(): Promise<Paid[]>;
  close(): Promise<void>;
};

const payingNothing: Paying = {
  http: (url, options) => httpSource(url, options),
  of: (payee) => ({
    name: payee.name,
    range: (root, range, signal) => payee.range(root, range, signal),
  }),
  settle: async () => [],
  close: async () => undefined,
};

/** @throws CliError exit 2 if the options do not suffice to pay */
export async function openPaying(options: PayerOptions & PayFlags): Promise<Paying> {
  const { payUpTo, maxPrice, accounts } = options;
  if (payUpTo === undefined) {
    if (maxPrice === undefined) return payingNothing;
    throw usageError("--max-price needs --pay-up-to", { hint: "without a limit nothing is paid" });
  }
  const payer = await loadPayer(options, readerPurse);
  const { id, rpc } = payer.config.chain;
  if (rpc === undefined) {
    throw usageError("chain.rpc is missing: paying needs a chain endpoint", {
      hint: "set it in reader.yaml or by --rpc",
    });
  }
  const vouchers = payer.need("chain.vouchers");
  const provider = await connectChain({ id, rpc });
  try {
    const signer = await payerSigner(provider, payer);
    const token = await readToken(provider, options.token);
    const limit = parseAmount(payUpTo, token);
    const price = maxPrice === undefined ? {} : { maxPricePerGiB: parseAmount(maxPrice, token) };
    const tabs = await openTabs(accounts);
    const purse = new ReadPurse(signer, { vouchers, token: options.token, payUpTo: limit, tabs, ...price });
    const sources: PayingSource[] = [];
    const of = (payee: Payee): PieceSource => {
      const source = payingSource(payee, purse);
      sources.push(source);
      return source;
    };
    return {
      of,
      http: (url, how) => of(httpPayee(url, how)),
      async settle() {
        for (const source of sources) {
          await source.settle().catch((error: unknown) => {
            say(`${source.name} was not paid for its last range: ${(error as Error).message}`);
          });
        }
        const paid = [...purse.signed].filter(([, signed]) => signed > 0n);
        for (const [to, signed] of paid) say(`promised ${formatAmount(signed, token)} to ${to}`);
        return paid.map(([to, signed]) => ({ provider: to, signed: String(signed) }));
      },
      async close() {
        await tabs.close();
        provider.destroy();
      },
    };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}
