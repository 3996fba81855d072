/** A provider's price: in the contract's unit, and as people say it, in tokens per TiB and month. */
import { groupAbi } from "../../client/abi.ts";
import { connectChain } from "../../client/connect.ts";
import { perMonthOf, priceFor } from "../../client/prices.ts";
import { measureBlockTime } from "../../client/status.ts";
import { readToken } from "../../client/token.ts";
import { parseAmount, roughAmount } from "../../client/units.ts";
import { callView } from "../../client/view-call.ts";
import type { ProviderConfig } from "../../provider/config.ts";
import { counted } from "../../protocol/counted.ts";
import { usageError } from "../console/exit.ts";

export type PriceWish = {
  /** Token units per 2^64 byte·blocks. */
  readonly price?: bigint;
  /** Whole tokens per TiB and month of 30 days. */
  readonly pricePerMonth?: string;
  /** Everything else that the chain would say is given, too: no endpoint is needed. */
  readonly offline: boolean;
};

export type SignedPrice = {
  readonly price: bigint;
  /** Both units in words; undefined while the group does not exist, as its token is unknown. */
  readonly text: string | undefined;
};

/** @throws CliError exit 2 unless exactly one of the two is given; WhitePayError `input` if a monthly price has no group */
export async function consentPrice(
  { chain }: Pick<ProviderConfig, "chain">,
  group: string,
  { price, pricePerMonth, offline }: PriceWish,
): Promise<SignedPrice> {
  if ((price === undefined) === (pricePerMonth === undefined)) {
    throw usageError("expected one of --price and --price-per-month");
  }
  if (price !== undefined && offline) return { price, text: undefined };
  const provider = await connectChain(chain);
  try {
    if (price !== undefined && (await provider.getCode(group)) === "0x") return { price, text: undefined };
    const [config] = await callView(provider, {
      what: "group",
      abi: groupAbi,
      address: group,
      name: "config",
    });
    const token = await readToken(provider, (config as { token: string }).token);
    const head = await provider.getBlock("latest");
    const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
    const blockTime_s = await measureBlockTime(provider, at);
    const units = price ?? priceFor({ perMonth: parseAmount(pricePerMonth ?? "", token), blockTime_s });
    const perMonth = roughAmount(perMonthOf(units, blockTime_s), token);
    const pace = `${Number(blockTime_s.toPrecision(3))} s`;
    return {
      price: units,
      text: `${counted(units, "unit")} per 2^64 byte·blocks: about ${perMonth} a TiB and month in blocks of ${pace}`,
    };
  } finally {
    provider.destroy();
  }
}
