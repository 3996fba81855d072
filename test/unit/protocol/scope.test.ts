/** R14, R17, R38: which providers of which groups are in the scope of a turn. */
import { describe, expect, it } from "vitest";
import type { DataCheckpoint, GroupEntry, ProviderEntry } from "../../../protocol/committee.ts";
import { isIdle, membershipWithin } from "../../../protocol/committee.ts";
import { keccakWords, zeroHash } from "../../../protocol/hash.ts";
import { blocksInside, scopeOf } from "../../../protocol/scope.ts";
import type { Scope } from "../../../protocol/scope.ts";
import { defaultParams } from "../../../sim/cluster.ts";
import { committeeAt, groupOf, providerEntry } from "../../support/machine.ts";

const [ts, te] = [70, 130];

/** A provider with these bytes from these blocks on. */
function provider(index: number, ...history: readonly [number, bigint][]): ProviderEntry {
  const entry = providerEntry(index);
  const first = entry.history[0] as DataCheckpoint;
  return { ...entry, history: history.map(([fromBlock, bytes]) => ({ ...first, fromBlock, bytes })) };
}

const scope = (...groups: readonly GroupEntry[]): Scope => scopeOf(defaultParams, ts, { te, groups });
const names = ({ entries }: Scope): string[] => entries.map((one) => `${one.group}/${one.provider}`);
const settled = { settledThrough: ts };

describe("the scope of a turn", () => {
  it("is in the order of group numbers and providers, however the chain lists them", () => {
    const groups = [
      groupOf(10, [provider(2, [10, 5n]), provider(0, [10, 5n])], settled),
      groupOf(9, [provider(7, [10, 5n])], settled),
    ];
    const found = scope(...groups);
    expect(names(found)).toEqual(["9/7", "10/0", "10/2"]);
    expect(found.groups.map(({ number }) => number)).toEqual([9, 10]);
    expect(found.records.ranges.map(({ group, provider: p }) => `${group}/${p}`)).toEqual(names(found));
    expect(found.root).toBe(keccakWords(9, 7, 10, 0, 10, 2));
  });

  it("may be empty, with root zero and no leaf", () => {
    for (const found of [
      scope(),
      scope(groupOf(1, [], settled)),
      scope(groupOf(1, [provider(0, [10, 0n])], settled)),
    ]) {
      expect([found.entries.length, found.root, found.records.leafCount]).toEqual([0, zeroHash, 0]);
    }
  });

  it("has the providers with a committed slot in the membership's part of the interval", () => {
    const begins = groupOf(1, [provider(0, [10, 5n])], { entered: 100, settledThrough: 100 });
    const ends = groupOf(2, [provider(0, [10, 5n]), provider(1, [105, 5n])], { left: 100, ...settled });
    const ahead = groupOf(3, [provider(0, [10, 5n])], { entered: 130, settledThrough: 130 });
    const over = groupOf(4, [provider(0, [10, 5n])], { left: 70, settledThrough: 40 });
    const gone = groupOf(5, [provider(0, [10, 5n], [70, 0n]), provider(1, [129, 5n])], settled);
    const found = scope(begins, ends, ahead, over, gone);
    expect(names(found)).toEqual(["1/0", "2/0"]);
    expect(found.records.ranges.map(({ fromSlot, toSlot }) => [fromSlot, toSlot])).toEqual([
      [18, 24],
      [12, 18],
    ]);
    expect(found.entries.map(({ from, to }) => [from, to])).toEqual([
      [100, 130],
      [70, 100],
    ]);
  });

  it("leaves out a membership all of whose blocks were settled or credited as of te", () => {
    const member = (settledThrough: number, left: number | undefined): GroupEntry =>
      groupOf(1, [provider(0, [10, 5n])], { settledThrough, left });
    expect(names(scope(member(100, 100)))).toEqual([]);
    expect(names(scope(member(95, 100)))).toEqual(["1/0"]);
    expect(names(scope(member(130, undefined)))).toEqual([]);
    // An earlier certificate of the group may still be unsettled.
    expect(names(scope(member(10, undefined)))).toEqual(["1/0"]);
  });

  it("has a slot that a membership's end cuts, which counts its blocks inside only", () => {
    const found = scope(groupOf(1, [provider(0, [10, 5n])], { left: 98, ...settled }));
    expect(found.records.ranges.map(({ fromSlot, toSlot }) => [fromSlot, toSlot])).toEqual([[12, 18]]);
    const blocks = blocksInside(defaultParams, found.entries[0] as Scope["entries"][number]);
    expect([blocks(12, 13), blocks(17, 18), blocks(12, 18), blocks(18, 19)]).toEqual([5, 3, 28, 0]);
  });

  it("takes for a slot what is committed in its first block", () => {
    const ranges = (...history: readonly [number, bigint][]): unknown =>
      scope(groupOf(1, [provider(0, ...history)], settled)).records.ranges.map(({ fromSlot, toSlot }) => [
        fromSlot,
        toSlot,
      ]);
    expect(ranges([10, 5n], [101, 0n])).toEqual([[12, 19]]);
    expect(ranges([10, 5n], [100, 0n])).toEqual([[12, 18]]);
    expect(ranges([101, 5n])).toEqual([[19, 24]]);
    // Of two changes for one slot the later one counts.
    expect(ranges([98, 5n], [99, 0n])).toEqual([]);
  });

  it("counts a provider of several groups in each of them", () => {
    const one = provider(0, [10, 5n]);
    expect(names(scope(groupOf(1, [one], settled), groupOf(2, [one], settled)))).toEqual(["1/0", "2/0"]);
  });
});

describe("an idle committee (R5)", () => {
  it("has no membership that reaches beyond ts", () => {
    const member = (left: number | undefined): GroupEntry => groupOf(1, [], { left });
    expect(isIdle(committeeAt(70, { groups: [] }))).toBe(true);
    expect(isIdle(committeeAt(70, { groups: [member(70)] }))).toBe(true);
    expect(isIdle(committeeAt(70, { groups: [member(75)] }))).toBe(false);
    expect(isIdle(committeeAt(70, { groups: [member(70), member(undefined)] }))).toBe(false);
  });

  it("cuts a membership to the interval", () => {
    expect(membershipWithin({ entered: 80, left: 100 }, 70, 130)).toEqual({ from: 80, to: 100 });
    expect(membershipWithin({ entered: 10, left: undefined }, 70, 130)).toEqual({ from: 70, to: 130 });
  });
});
