/** R30, R41: which groups go into which transaction, and what the keepers earn from them. */
import { describe, expect, it } from "vitest";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import { amountOf, keepersPart } from "../../../protocol/dues.ts";
import { transactionGasCap } from "../../../protocol/fees.ts";
import { nextRun, standingOf, worstGas } from "../../../protocol/handing-in.ts";
import type { Run } from "../../../protocol/handing-in.ts";
import { groupAddress, groupOf, providerEntry } from "../../support/machine.ts";

function certified(count: number, items = 1): CertifiedGroup[] {
  return Array.from({ length: count }, (_, i) => ({
    number: i + 1,
    group: groupAddress,
    items: Array.from({ length: items }, (_item, provider) => ({ provider, spaceTime: 1n })),
  }));
}

const all = (): boolean => true;

/** Every run of the certificate, the first with the certificate. */
function runs(
  groups: readonly CertifiedGroup[],
  isOpen: (group: CertifiedGroup) => boolean = all,
  n = 4,
): Run[] {
  const found: Run[] = [];
  for (let from = 0, certifies = true; ; certifies = false) {
    const run = nextRun(groups, isOpen, { from, n, certifies });
    if (run === undefined) return found;
    found.push(run);
    from = run.first + run.length;
  }
}

describe("the groups of a transaction", () => {
  it("are one run where all of them fit", () => {
    expect(runs(certified(1))).toEqual([{ first: 0, length: 1 }]);
    expect(runs(certified(200))).toEqual([{ first: 0, length: 200 }]);
  });

  it("are as many as fit half of the gas cap, and cover every group once", () => {
    const found = runs(certified(1_000));
    expect(found.length).toBeGreaterThan(3);
    expect(found.reduce((sum, { length }) => sum + length, 0)).toBe(1_000);
    found
      .slice(1)
      .forEach(({ first }, i) => expect(first).toBe((found[i]?.first ?? 0) + (found[i]?.length ?? 0)));
    // 26,526 units each by docs/figures/gas-committees.md.
    for (const { length } of found) expect(length * 26_526).toBeLessThan(Number(transactionGasCap) / 2);
    const [, second] = found;
    expect((second?.length ?? 0) * 33_000).toBeGreaterThan(Number(transactionGasCap) / 2);
  });

  it("leave enough for what the contract requires before it calls a group", () => {
    for (const items of [1, 60, 256]) {
      for (const run of runs(certified(40, items), all, 31)) {
        if (run.length === 1) continue;
        const before = (run.length - 1) * (32_000 + 8_500 * (items - 1));
        const calldata = 512 * (5 + items);
        expect(before + calldata + worstGas(items, 31)).toBeLessThanOrEqual(Number(transactionGasCap));
      }
    }
  });

  it("are alone where one is the largest, also beside the signature of the largest committee", () => {
    const large = certified(3, 256);
    expect(nextRun(large, all, { from: 0, n: 124, certifies: true })).toEqual({ first: 0, length: 1 });
    expect(nextRun(large, all, { from: 0, n: 124, certifies: false })).toEqual({ first: 0, length: 1 });
    expect(nextRun(large, all, { from: 1, n: 124, certifies: false })).toEqual({ first: 1, length: 1 });
  });

  it("skip a group that cannot be settled now, since a run has no gaps", () => {
    const closed = new Set([1, 4, 5]);
    expect(runs(certified(8), ({ number }) => !closed.has(number))).toEqual([
      { first: 1, length: 2 },
      { first: 5, length: 3 },
    ]);
    expect(runs(certified(3), () => false)).toEqual([]);
  });
});

describe("a group of a certificate over [70, 130)", () => {
  const standing = (changes: Parameters<typeof groupOf>[2]): string =>
    standingOf(groupOf(1, [], changes), 70, 130);

  it("is open if its part begins at its settledThrough, later if an earlier interval comes first, else done", () => {
    expect(standing({ settledThrough: 70 })).toBe("open");
    // It had no provider up to block 90, so these blocks count as settled.
    expect(standing({ settledThrough: 90 })).toBe("open");
    expect(standing({ settledThrough: 10 })).toBe("later");
    expect(standing({ settledThrough: 130 })).toBe("done");
    expect(standing({ entered: 100, settledThrough: 100 })).toBe("open");
    expect(standing({ left: 100, settledThrough: 100 })).toBe("done");
    expect(standing({ left: 100, settledThrough: 70 })).toBe("open");
    expect(standingOf(undefined, 70, 130)).toBe("done");
  });
});

describe("what the keepers earn from a group (R30)", () => {
  const unit = 1n << 64n;
  const priced = (...history: readonly (readonly [number, bigint, bigint])[]) => {
    const entry = providerEntry(0);
    const [first] = entry.history;
    if (first === undefined) throw new Error("expected a checkpoint");
    return {
      ...entry,
      history: history.map(([fromBlock, bytes, price]) => ({ ...first, fromBlock, bytes, price })),
    };
  };

  it("is a share of min(signed, committed) at the mean price of the committed bytes", () => {
    const provider = priced([10, 100n, unit], [100, 300n, 2n * unit]);
    // 30 blocks at 100 and 30 at 300 bytes: 12,000 byte·blocks for 21,000 units.
    expect(amountOf(provider, 12_000n, 70, 130)).toBe(21_000n);
    expect(amountOf(provider, 99_999n, 70, 130)).toBe(21_000n);
    expect(amountOf(provider, 6_000n, 70, 130)).toBe(10_500n);
    expect(amountOf(provider, 0n, 70, 130)).toBe(0n);
    expect(amountOf(priced([10, 0n, unit]), 5n, 70, 130)).toBe(0n);
    expect(amountOf(priced([10, 100n, 0n]), 6_000n, 70, 130)).toBe(0n);
  });

  it("has the fee for the reserved providers, rounded down, and only for the membership's blocks", () => {
    const items = [{ provider: 0, spaceTime: 6_000n }];
    const group = { number: 1, group: groupAddress, items };
    const member = (changes: Parameters<typeof groupOf>[2]) =>
      groupOf(1, [priced([10, 100n, unit])], { ceiling: 3, keeperFee: 65_536n, ...changes });
    expect(keepersPart(member({}), group, 70, 130)).toBe(600n + 3n * 60n);
    expect(keepersPart(member({ left: 100 }), group, 70, 130)).toBe(300n + 3n * 30n);
    expect(keepersPart(member({ keeperFee: 1n }), group, 70, 130)).toBe(600n);
  });
});
