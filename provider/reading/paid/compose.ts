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

export type PaidParts = {
  readonly config: Pick<ProviderConfig, "dataDir" | "reading" | "chain">;
  readonly chain: ChannelsChain;
  readonly quotas: Pick<Quotas, "take">;
  /** The account that redeems vouchers. */
  readonly redeemer: Hex;
  readonly log: Logger;
};

/** Folder of the readers' accounts. */
export function bookFolder({ dataDir }: Pick<ProviderConfig, "dataDir">): string {
  return join(dataDir, "vouchers");
}

/** Undefined: reading costs nothing. */
export async function openPayments(parts: PaidParts): Promise<Payments | undefined> {
  const { config, chain, quotas, redeemer, log } = parts;
  const price = config.reading?.price;
  const { id: chainId, vouchers } = config.chain;
  if (price === undefined || vouchers === undefined) return undefined;
  const { token, perGiB: pricePerGiB, free, confirmations } = price;
  const terms = { chainId, vouchers, provider: redeemer, token, pricePerGiB };
  const ask = { ask: chain.ask.bind(chain), head: () => chain.head() };
  return new Payments({
    terms,
    book: await ReaderBook.open(bookFolder(config), (text) => log.error(text)),
    channels: new Channels(ask, { vouchers, provider: redeemer, token, confirmations }, () =>
      performance.now(),
    ),
    free: new FreeBytes(free, quotas, () => Date.now()),
    head: ask.head,
  });
}
