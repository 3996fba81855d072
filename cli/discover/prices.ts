/** The prices in providers' offers, beside what the chain says of them. An offer is the provider's own word (R42). */
import { getAddress, type JsonRpcProvider } from "ethers";
import { perMonthOf } from "../../client/prices.ts";
import type { ProviderRecord } from "../../client/records.ts";
import { measureBlockTime } from "../../client/status.ts";
import { readToken } from "../../client/token.ts";
import type { Token } from "../../client/units.ts";
import type { Offer } from "../../protocol/codec/offer.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { offersOf } from "../store/discover.ts";
import { lower } from "../store/session.ts";

export type PricedProvider = ProviderRecord & {
  /** Token units per 2^64 byte·blocks, and for a TiB and a month of 30 days. Undefined: no valid offer, or not in this token. */
  readonly price: bigint | undefined;
  readonly perMonth: bigint | undefined;
  readonly freeBytes: number | undefined;
  readonly regions: readonly string[] | undefined;
  /** Why there is no valid offer. */
  readonly fault: string | undefined;
};

export type PricedList = {
  /** Undefined if no offer names a price. */
  readonly token: Token | undefined;
  readonly blockTime_s: number;
  readonly providers: PricedProvider[];
};

/** The cheapest first; those without a price last. Equal ones keep their order. */
export function byPrice(a: Pick<PricedProvider, "price">, b: Pick<PricedProvider, "price">): number {
  if (a.price === undefined || b.price === undefined) {
    return Number(a.price === undefined) - Number(b.price === undefined);
  }
  return a.price < b.price ? -1 : a.price > b.price ? 1 : 0;
}

/** The token that most offers name; of equal ones the first by address. */
export function usualToken(offers: readonly Pick<Offer, "prices">[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { prices } of offers)
    for (const { token } of prices) counts.set(token, (counts.get(token) ?? 0) + 1);
  const sorted = [...counts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  return sorted[0]?.[0];
}

type Listed = {
  readonly records: readonly ProviderRecord[];
  readonly registry: string;
  /** The only token of interest. */
  readonly only: string | undefined;
};

/** Asks every provider for its offer: one that gives none is listed without a price. */
export async function priced(
  provider: JsonRpcProvider,
  { records, registry, only }: Listed,
): Promise<PricedList> {
  const [block, { chainId }, libp2p] = await Promise.all([
    provider.getBlock("latest"),
    provider.getNetwork(),
    dialingNode(),
  ]);
  try {
    const head = block?.number ?? 0;
    const scope = { provider, line: { libp2p }, chainId: Number(chainId), registry: lower(registry), head };
    const found = await offersOf(
      scope,
      records.map(({ operator }) => operator),
    );
    const valid = [...found.values()].filter((one): one is Offer => typeof one !== "string");
    const blockTime_s = await measureBlockTime(provider, { block: head, time_s: block?.timestamp ?? 0 });
    const address = only?.toLowerCase() ?? usualToken(valid);
    const token = address === undefined ? undefined : await readToken(provider, getAddress(address));
    const providers = records.map((record): PricedProvider => {
      const offer = found.get(record.operator);
      if (offer === undefined || typeof offer === "string") {
        const none = { price: undefined, perMonth: undefined, freeBytes: undefined, regions: undefined };
        return { ...record, ...none, fault: offer ?? "was not asked: too many providers" };
      }
      const price = offer.prices.find((one) => one.token === address)?.price;
      const perMonth = price === undefined ? undefined : perMonthOf(price, blockTime_s);
      const { freeBytes, regions } = offer;
      return { ...record, price, perMonth, freeBytes, regions, fault: undefined };
    });
    return { token, blockTime_s, providers };
  } finally {
    await libp2p.stop();
  }
}
