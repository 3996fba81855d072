/** Connects the parts of paid reading (R47). */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Hex } from "../../../protocol/hash.ts";
import type { ProviderConfig } from "../../config.ts";
import type { Quotas } from "../quotas.ts";
import { ReaderBook } from "./book.ts";
import { Channels } from "./channels.ts";
import type { ChannelsChain } from "./channels.ts";
import { FreeBytes } from "./free.ts";
import { Payments } from "./payments.ts";
import { Redeemer } from "./redeemer.ts";

/** The account that redeems vouchers. */
export type RedeemingAccount = { readonly address: Hex; readonly secret: Uint8Array };

export type Paid = {
  readonly payments: Payments;
  /** Redeems until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
};

export type PaidParts = {
  readonly config: Pick<ProviderConfig, "dataDir" | "reading" | "chain">;
  readonly chain: ChannelsChain;
  readonly quotas: Pick<Quotas, "take">;
  readonly redeemer: RedeemingAccount;
  readonly log: Logger;
};

/** Folder of the readers' accounts. */
export function bookFolder({ dataDir }: Pick<ProviderConfig, "dataDir">): string {
  return join(dataDir, "vouchers");
}

/** Undefined: reading costs nothing. */
export async function openPayments(parts: PaidParts): Promise<Paid | undefined> {
  const { config, chain, quotas, redeemer, log } = parts;
  const price = config.reading?.price;
  const { id: chainId, vouchers } = config.chain;
  if (price === undefined || vouchers === undefined) return undefined;
  const { token, perGiB: pricePerGiB, free, confirmations } = price;
  const { address: provider, secret } = redeemer;
  const terms = { chainId, vouchers, provider, token, pricePerGiB };
  const now_ms = (): number => performance.now();
  const ask = { ask: chain.ask.bind(chain), head: () => chain.head() };
  const payments = new Payments({
    terms,
    book: await ReaderBook.open(bookFolder(config), (text) => log.error(text)),
    channels: new Channels(ask, { vouchers, provider, token, confirmations }, now_ms),
    free: new FreeBytes(free, quotas, () => Date.now()),
    head: ask.head,
  });
  const settings = price.redeem;
  const loop = new Redeemer({ terms, settings, secret, payments, chain: ask, log, now_ms });
  return { payments, run: (signal) => loop.run(signal) };
}
