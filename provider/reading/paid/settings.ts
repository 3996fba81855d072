/** R47: the settings of a provider that takes money for reading. */
import { z } from "zod";
import { address } from "../../../daemon/settings/address.ts";

const units = z
  .string()
  .regex(/^\d{1,28}$/, 'expected whole units of the token in quotes, such as "1000000"')
  .transform(BigInt);

export const priceSchema = z.strictObject({
  /** Zero: the chain's coin. */
  token: address,
  /** Units of the token a GiB; each range is rounded up. */
  perGiB: units,
  /**
   * What everybody reads for nothing. `bytesPerDay`: of all readers together, in a day of UTC; `bytesPerAddress`: of one network address (IPv6:
   * 64 bits), because accounts and peer ids cost nothing to make.
   */
  free: z
    .strictObject({
      bytesPerDay: z.int().min(0).default(0),
      bytesPerAddress: z.int().min(0).default(0),
    })
    .default({ bytesPerDay: 0, bytesPerAddress: 0 }),
  /** Blocks after which a deposit is believed. Default: when the chain calls its block final. */
  confirmations: z.int().min(0).max(100_000).optional(),
  redeem: z
    .strictObject({
      /** The daemon redeems when vouchers are worth so many units in all. Default: only before a channel expires. */
      above: units.optional(),
      /** Units that a voucher must be worth to be redeemed: less costs more gas than it brings. */
      leastEach: units.default(1n),
      /** Receiver. Default: the operator's key. */
      to: address.optional(),
    })
    .prefault({}),
});

export type PriceSettings = z.output<typeof priceSchema>;
