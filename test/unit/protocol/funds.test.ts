import { describe, expect, it } from "vitest";
import { certificateGas } from "../../../protocol/certificate-gas.ts";
import { defaultFeeLimits, transactionGasCap } from "../../../protocol/fees.ts";
import { balanceFor, certificateCost, certificatesLeft } from "../../../protocol/funds.ts";
import type { AccountFees, Certifying } from "../../../protocol/funds.ts";

const gwei = 10n ** 9n;
const one: Certifying = { members: 4, groups: 1, providers: 1 };
const many: Certifying = { members: 7, groups: 32, providers: 96 };

describe("the number of certificates that an account can pay", () => {
  const account: AccountFees = {
    balance: 10n ** 18n,
    market: { base: 20n * gwei, nextBase: 30n * gwei, tip: gwei },
    limits: defaultFeeLimits,
    l1Fee: 10n ** 13n,
  };
  const left = (balance: bigint, certifying = one): bigint =>
    certificatesLeft({ ...account, balance }, certifying);

  it("uses the average base fee, tip and data fee, not the maximum cost of a transaction", () => {
    const gas = certificateGas(7, { groups: 32, providers: 96 });
    expect(certificateCost(account, many)).toBe(gas * 21n * gwei + 10n ** 13n);
  });

  it("is 0 below the balance that a node requires, then one more than the rest pays for", () => {
    // What the last group needs at worst, and the committee's reserve, must be left when the group is called (R29): behind two calls
    // that pass on 63 of 64 parts each. The limit is 1.3 times the estimate.
    const worst = 300_000n + 4n * 23_000n + 47_500n + 10_000n;
    const left64ths = (worst * 64n * 64n + 63n * 63n - 1n) / (63n * 63n);
    const gas = ((certificateGas(4, { groups: 1, providers: 1 }) + left64ths) * 13n) / 10n;
    const atOnce = gas * (61n * gwei) + account.l1Fee;
    const each = certificateCost(account, one);
    expect([left(atOnce - 1n), left(atOnce), left(atOnce + each - 1n), left(atOnce + each)]).toEqual([
      0n,
      1n,
      1n,
      2n,
    ]);
  });

  it("requires no more than the gas cap of one transaction at once (R41)", () => {
    const huge: Certifying = { members: 31, groups: 1_000, providers: 3_000 };
    const atOnce = transactionGasCap * (61n * gwei) + account.l1Fee;
    expect([left(atOnce - 1n, huge), left(atOnce, huge)]).toEqual([0n, 1n]);
  });

  it("equals the inverse of the smallest balance for that number", () => {
    for (const certifying of [one, many]) {
      for (const count of [1n, 15n]) {
        const balance = balanceFor(count, account, certifying);
        expect(left(balance, certifying)).toBe(count);
        expect(left(balance - 1n, certifying)).toBe(count - 1n);
      }
    }
  });

  it("is unbounded if the cost is 0", () => {
    const free = { ...account, l1Fee: 0n, market: { base: 0n, nextBase: 0n, tip: 0n } };
    expect(certificatesLeft(free, one)).toBe(BigInt(Number.MAX_SAFE_INTEGER));
  });
});
