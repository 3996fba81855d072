/** R42: the settings of a provider that offers its room, and the policy by which it accepts requests. */
import { z } from "zod";
import { address } from "../../daemon/settings/address.ts";
import { maxOfferPrices, maxOfferRegions, maxRegionBytes } from "../../protocol/codec/offer.ts";
import { textFault } from "../../protocol/codec/typed-text.ts";

const TiB = 2 ** 40;
const noAddress = `0x${"00".repeat(20)}`;

const region = z.string().superRefine((text, context) => {
  const fault = textFault(text, maxRegionBytes);
  if (fault !== undefined) context.addIssue(fault);
});

export const offerSchema = z.strictObject({
  /** Factories whose groups are believed: any other contract may claim money that it does not have. */
  factories: z.array(address).min(1),
  /** Least price in each token that is accepted, in whole tokens a TiB and month of 30 days. Token zero: the chain's coin. */
  prices: z
    .array(
      z.strictObject({
        token: address,
        perMonth: z.string().regex(/^\d{1,30}(\.\d{1,30})?$/, 'expected an amount in quotes, such as "4.5"'),
      }),
    )
    .min(1)
    .max(maxOfferPrices),
  /** Seconds of a block, by which a price a month becomes one a block. */
  blockTime_s: z.number().min(1e-9).max(9e6).default(12),
  regions: z.array(region).max(maxOfferRegions).default([]),
  /** Bytes. */
  largestPiece: z.int().min(1).default(TiB),
  /** Blocks. */
  minLockup: z.int().min(0).default(0),
  /** Blocks that the escrow must carry this provider's data beyond what R32 requires. */
  minRunway: z.int().min(0).default(0),
  /** Largest part of each amount that the group's keepers may get, in 1/10000. */
  maxKeeperShareBps: z.int().min(0).max(10_000).default(1_000),
  /** Largest part of all room that one payer's data may take, in percent. */
  maxPayerShare: z.int().min(1).max(100).default(100),
  /** Most bytes of one payer that wait until its group commits to them. */
  maxWaitingBytes: z.int().min(1).default(TiB),
  /** Blocks between the end of a commitment and the deletion of its data. */
  graceBlocks: z.int().min(0).default(7_200),
  /** Takes data that is stored as it is, and fetches it from other providers. */
  public: z.boolean().default(true),
  /** Payers; empty: all. */
  allow: z.array(address).default([]),
  deny: z.array(address).default([]),
  /** Committees that may serve a group; empty: all. A payer can form a committee of its own, which may say that nothing was proven. */
  committees: z.array(address).default([]),
});

export type OfferSettings = z.output<typeof offerSchema>;

/** The settings of a provider that offers nothing. */
export const closedOffer: OfferSettings = {
  ...offerSchema.parse({ factories: [noAddress], prices: [{ token: noAddress, perMonth: "0" }] }),
  factories: [],
  prices: [],
};
