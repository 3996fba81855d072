/** R24: what a disputed provider is paid for, slot by slot, from the records of the pinned keepers. */
import { describe, expect, it } from "vitest";
import type { RecordLeaf } from "../../../../protocol/records.ts";
import { integrateExchanged } from "../../../../keeper/core/stages/integrate.ts";
import { groupAt, hashAt, providerEntry } from "../../../support/machine.ts";

const [slotBlocks, slots] = [5n, 3];
const proven = (bytes: bigint): RecordLeaf => ({ kind: "proven", bytes, receiptHash: hashAt(1) });
const failed: RecordLeaf = { kind: "failed" };
const carried = (bytes: bigint): RecordLeaf => ({ kind: "carried", bytes });

function exchanged(...pinned: readonly (readonly RecordLeaf[])[]): bigint {
  return integrateExchanged(
    groupAt(10),
    providerEntry(0),
    { provider: 0, fromSlot: 0, toSlot: slots },
    pinned,
  );
}

const all = (leaf: RecordLeaf): RecordLeaf[] => Array.from({ length: slots }, () => leaf);

describe("the value of a disputed provider", () => {
  it("is the lower median of all pinned keepers, and each of them counts", () => {
    const [a, b, c, d] = [100n, 200n, 300n, 400n].map((bytes) => all(proven(bytes)));
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error("four");
    const sum = (bytes: bigint): bigint => bytes * slotBlocks * BigInt(slots);
    expect(exchanged(a, b, c, d)).toBe(sum(200n));
    expect(exchanged(d, c, b, a)).toBe(sum(200n));
    expect(exchanged(a, b, c)).toBe(sum(200n));
    expect(exchanged(b, c, d)).toBe(sum(300n));
    expect(exchanged(a, b, d)).toBe(sum(200n));
    expect(exchanged(a, c, d)).toBe(sum(300n));
  });

  it("is taken slot by slot, not of the sums", () => {
    const one = [proven(900n), proven(100n), proven(100n)];
    const two = [proven(100n), proven(900n), proven(100n)];
    const three = [proven(100n), proven(100n), proven(900n)];
    expect(exchanged(one, two, three)).toBe(300n * slotBlocks);
  });

  it("takes what is carried into the first slot from its leaf, and nothing that later leaves claim", () => {
    const claims = [carried(500n), carried(1_600n), carried(1_600n)];
    expect(exchanged(claims, claims, claims)).toBe(1_500n * slotBlocks);
    const after = [failed, carried(1_600n), proven(700n)];
    expect(exchanged(after, after, after)).toBe(700n * slotBlocks);
  });

  it("never counts more for a slot than is committed", () => {
    const more = [carried(9_999n), proven(9_999n), carried(9_999n)];
    expect(exchanged(more, more, more)).toBe(3n * 1_600n * slotBlocks);
  });
});
