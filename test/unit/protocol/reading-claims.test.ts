/** Which vouchers a provider redeems (R47). */
import { expect, it } from "vitest";
import { claimsOf } from "../../../protocol/reading-claims.ts";

const open = { deposited: 100n, spent: 20n, expiry: 50 };

it("redeems what is worth it, the channel that expires first, first, and nothing of an expired one", () => {
  const newest = [
    { voucher: { amount: 90n }, channel: open },
    { voucher: { amount: 200n }, channel: { ...open, expiry: 40 } },
    { voucher: { amount: 29n }, channel: open },
    { voucher: { amount: 20n }, channel: open },
    { voucher: { amount: 90n }, channel: { ...open, expiry: 30 } },
  ];
  const { worth, small, nothing } = claimsOf(newest, { block: 30, leastEach: 10n });
  expect(worth.map(({ gain, expiry }) => [gain, expiry])).toEqual([
    [80n, 40],
    [70n, 50],
  ]);
  expect(small.map(({ gain }) => gain)).toEqual([9n]);
  expect(nothing.map(({ voucher }) => voucher.amount)).toEqual([90n, 20n]);
  expect(claimsOf(newest, { block: 30, leastEach: 0n }).small).toEqual([]);
});
