/** R14, R24: space-time from a keeper's own records, with carried bytes, and from the records of pinned keepers. */
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../../../keeper/core/effects.ts";
import { integrate, integrateExchanged } from "../../../../../keeper/core/stages/integrate.ts";
import { scopeOf as scopeOfTurn } from "../../../../../protocol/scope.ts";
import type { ScopeEntry } from "../../../../../protocol/scope.ts";
import { defaultParams } from "../../../../../sim/cluster.ts";
import type { RecordLeaf } from "../../../../../protocol/records.ts";
import {
  committeeAt,
  groupOf,
  hashAt,
  Machine,
  machineConfig,
  providerEntry,
} from "../../../../support/machine.ts";

const slotBlocks = 5n;
const fullSlots = 12n;
const slots = 3;

function values(machine: Machine, ts: number, te: number): bigint[] {
  const { state } = machine;
  const { committee } = state;
  if (committee === undefined) throw new Error("no committee");
  const step = { state, config: machineConfig, effects: [] };
  const { params, groups } = committee;
  return integrate(step, params, scopeOfTurn(params, ts, { te, groups })).values.map(({ value }) => value);
}

/** A machine that starts with the writes of another one. */
function restarted(effects: readonly Effect[]): Machine {
  const writes = effects.flatMap((effect) => (effect.kind === "persist" ? effect.writes : []));
  const machine = new Machine();
  machine.step({
    kind: "restored",
    head: Math.max(-1, ...writes.map((w) => (w.kind === "head" ? w.head : -1))),
    records: writes.flatMap((w) => (w.kind === "record" ? [w.record] : [])),
    notes: [],
    own: [],
    certificates: [],
    consents: [],
    salts: [],
    before: writes.flatMap((w) => (w.kind === "before" ? [w] : [])),
  });
  return machine;
}

describe("bytes carried into an interval", () => {
  it("are those of the last slot before it, even if the keeper was down when the interval before was settled", () => {
    const first = new Machine();
    first.step({ kind: "committee", snapshot: committeeAt(10) });
    first.walk(10, 60, () => "proven");
    const second = restarted(first.effects);
    second.step({ kind: "committee", snapshot: committeeAt(70) });
    second.jump(30, 131); // no block of the interval was seen in time to challenge
    expect(values(second, 70, 130)).toEqual([0, 1].map(() => 1_600n * slotBlocks * fullSlots));
  });

  it("are 0 if the last challenge before it failed or a reorg removed the first block of its slot", () => {
    const first = new Machine();
    first.step({ kind: "committee", snapshot: committeeAt(10) });
    first.walk(10, 29, () => "proven");
    first.walk(30, 60, (provider) => (provider === 0 ? "unreachable" : "proven"));
    const second = restarted(first.effects);
    second.step({ kind: "committee", snapshot: committeeAt(70) });
    second.jump(10, 131, 1);
    expect(values(second, 70, 130)).toEqual([0n, 0n]);
    const third = restarted(first.effects);
    third.step({ kind: "committee", snapshot: committeeAt(70) });
    third.jump(10, 131);
    expect(values(third, 70, 130)).toEqual([0n, 1_600n * slotBlocks * fullSlots]);
  });

  it("follow the blocks that an update shows together with the settlement (R13)", () => {
    const blocksOf = (from: number, to: number, fork = 0) =>
      Array.from({ length: to - from + 1 }, (_, i) => ({ number: from + i, hash: hashAt(from + i, fork) }));
    const first = new Machine();
    first.step({ kind: "committee", snapshot: committeeAt(10) });
    first.walk(10, 29, () => "proven");
    first.walk(30, 60, (provider) => (provider === 0 ? "unreachable" : "proven"));
    // Restarted on an endpoint that lags behind the records, and then sees all missing blocks at once.
    const second = restarted(first.effects);
    second.step({ kind: "committee", snapshot: committeeAt(10) });
    second.jump(10, 29);
    second.step({ kind: "hashes", blocks: blocksOf(30, 131) });
    second.step({ kind: "committee", snapshot: committeeAt(70) });
    second.jump(30, 131);
    expect(values(second, 70, 130)).toEqual([0n, 1_600n * slotBlocks * fullSlots]);
    // A reorg of the slots in which provider 0 failed, in the update that shows the settlement.
    first.step({ kind: "hashes", blocks: blocksOf(30, 75, 1) });
    first.step({ kind: "committee", snapshot: committeeAt(70) });
    first.jump(30, 75, 1);
    expect(values(first, 70, 130)).toEqual([0, 1].map(() => 1_600n * slotBlocks * fullSlots));
  });

  it("do not include a record of a slot whose first block is not known (R13)", () => {
    const first = new Machine();
    first.step({ kind: "committee", snapshot: committeeAt(10) });
    first.walk(10, 60, () => "proven");
    const second = restarted(first.effects);
    second.step({ kind: "committee", snapshot: committeeAt(10) });
    second.jump(30, 71);
    expect(values(second, 10, 70)).toEqual([0, 1].map(() => 1_600n * slotBlocks * (fullSlots - 4n)));
  });

  it("are carried over two settlements during which the keeper was down, and capped by the commitment then", () => {
    const first = new Machine();
    first.step({ kind: "committee", snapshot: committeeAt(10) });
    first.walk(10, 75, () => "proven");
    first.step({ kind: "committee", snapshot: committeeAt(70) });
    const second = restarted(first.effects);
    const providers = [0, 1]
      .map((i) => providerEntry(i))
      .map((p) => ({
        ...p,
        history: p.history.map((c) => ({ ...c, fromBlock: 100, bytes: 1_000n })),
      }));
    second.step({ kind: "committee", snapshot: committeeAt(190, { providers }) });
    second.jump(130, 251);
    expect(values(second, 190, 250)).toEqual([0, 1].map(() => 1_000n * slotBlocks * fullSlots));
  });

  it("are carried over a change of the data that the keeper did not see, and capped by it from then on", () => {
    const machine = new Machine();
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    machine.walk(10, 75, () => "proven");
    machine.step({ kind: "committee", snapshot: committeeAt(70) });
    machine.walk(76, 90, () => "proven");
    // No block from 91 to 159. The data changed in 105, and [70, 130) was settled: the chain shows nothing of before 105.
    const providers = [0, 1]
      .map((i) => providerEntry(i))
      .map((p) => ({
        ...p,
        history: p.history.map((c) => ({ ...c, fromBlock: 105, bytes: 1_200n })),
      }));
    machine.step({ kind: "committee", snapshot: committeeAt(130, { providers }) });
    machine.jump(91, 191);
    expect([...(machine.state.before.get(130)?.values() ?? [])]).toEqual([1_200n, 1_200n]);
    expect(values(machine, 130, 190)).toEqual([0, 1].map(() => 1_200n * slotBlocks * fullSlots));
  });

  it("keep the commitment history of one settled interval and no more", () => {
    const machine = new Machine();
    machine.step({ kind: "committee", snapshot: committeeAt(10) });
    machine.walk(10, 75, () => "proven");
    for (let ts = 70; ts <= 70 + 60 * 40; ts += 60) {
      const providers = [0, 1]
        .map((i) => providerEntry(i))
        .map((p) => ({
          ...p,
          history: p.history.map((c) => ({ ...c, fromBlock: ts - 5, bytes: BigInt(ts) })),
        }));
      machine.step({ kind: "committee", snapshot: committeeAt(ts, { providers }) });
      machine.jump(machine.state.head + 1, ts + 70);
    }
    for (const { history } of machine.state.committee?.groups.flatMap(({ providers }) => providers) ?? []) {
      expect(history.length).toBeLessThanOrEqual(3);
      expect(history.map(({ fromBlock }) => fromBlock)).toEqual(
        history.map(({ fromBlock }) => fromBlock).sort((a, b) => a - b),
      );
    }
  });
});

const proven = (bytes: bigint): RecordLeaf => ({ kind: "proven", bytes, receiptHash: hashAt(1) });
const failed: RecordLeaf = { kind: "failed" };
const carried = (bytes: bigint): RecordLeaf => ({ kind: "carried", bytes });

function exchanged(...pinned: readonly (readonly RecordLeaf[])[]): bigint {
  return integrateExchanged(
    defaultParams,
    scopeOfTurn(defaultParams, 10, { te: 70, groups: [groupOf(1, [providerEntry(0)])] })
      .entries[0] as ScopeEntry,
    { group: 1, provider: 0, fromSlot: 0, toSlot: slots },
    pinned,
  );
}

const all = (leaf: RecordLeaf): RecordLeaf[] => Array.from({ length: slots }, () => leaf);

describe("the value of a disputed provider (R24)", () => {
  it("is the lower median of all pinned keepers; each of them counts", () => {
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

  it("is the sum of the medians of the slots, not the median of the sums", () => {
    const one = [proven(900n), proven(100n), proven(100n)];
    const two = [proven(100n), proven(900n), proven(100n)];
    const three = [proven(100n), proven(100n), proven(900n)];
    expect(exchanged(one, two, three)).toBe(300n * slotBlocks);
  });

  it("takes the carried bytes of the first slot from its leaf and ignores those of later leaves", () => {
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

describe("the leaves of a record tree (R18)", () => {
  const withHistory = (...history: readonly [number, bigint][]): ReturnType<typeof providerEntry> => {
    const entry = providerEntry(0);
    const [first] = entry.history;
    if (first === undefined) throw new Error("expected a checkpoint");
    return { ...entry, history: history.map(([fromBlock, bytes]) => ({ ...first, fromBlock, bytes })) };
  };
  const scopeOf = (entry: ReturnType<typeof providerEntry>): unknown =>
    scopeOfTurn(defaultParams, 10, { te: 70, groups: [groupOf(1, [entry])] }).records.ranges.map(
      ({ fromSlot, toSlot }) => [fromSlot, toSlot],
    )[0];

  it("are the slots with committed bytes", () => {
    expect(scopeOf(withHistory([10, 1_600n]))).toEqual([0, 12]);
    expect(scopeOf(withHistory([25, 1_600n]))).toEqual([3, 12]);
    expect(scopeOf(withHistory([10, 1_600n], [40, 0n]))).toEqual([0, 6]);
    expect(scopeOf(withHistory([70, 1_600n]))).toBeUndefined();
  });

  it("include a slot in which a commitment ends (R16)", () => {
    expect(scopeOf(withHistory([10, 1_600n], [41, 0n]))).toEqual([0, 7]);
  });
});
