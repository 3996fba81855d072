/** The protocol's arithmetic against independent brute-force models. */
import fc from "fast-check";
import { AbiCoder, getAddress, keccak256 } from "ethers";
import { describe, expect, it } from "vitest";
import { decideValue, lowerMedian } from "../../protocol/median.ts";
import { faultBound, isCommitteeSize, quorum } from "../../protocol/quorum.ts";
import {
  bySlot,
  slotBytes,
  slotRuns,
  spaceTime,
  type CommittedChange,
  type SlotRecord,
} from "../../protocol/spacetime.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "../../protocol/turns.ts";

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => `0x${Buffer.from(b).toString("hex")}`);
const committeeSizes = fc.integer({ min: 1, max: 10 }).map((f) => 3 * f + 1);

describe("quorum (R2)", () => {
  it("is the smallest size for which any two quorums share more than f keepers", () => {
    for (let n = 4; n <= 124; n += 3) {
      const f = faultBound(n);
      const overlap = (q: number) => 2 * q - n;
      expect(overlap(quorum(n))).toBeGreaterThan(f);
      expect(overlap(quorum(n) - 1)).toBeLessThanOrEqual(f);
      expect(n - f).toBeGreaterThanOrEqual(quorum(n));
      expect(isCommitteeSize(n)).toBe(true);
    }
  });
});

describe("turns (R5, R6, R7)", () => {
  const arbitrary = committeeSizes.chain((n) =>
    fc.record({
      ts: fc.nat(),
      seed: hex(32),
      operators: fc.uniqueArray(hex(20), { minLength: n, maxLength: n }),
      interval: fc.integer({ min: 1, max: 500 }),
      turn: fc.integer({ min: 1, max: 100 }),
      turns: fc.integer({ min: 1, max: 40 }),
    }),
  );

  it("orders keepers as ethers' abi.encode and keccak256", () => {
    fc.assert(
      fc.property(arbitrary, ({ ts, seed, operators }) => {
        const coder = AbiCoder.defaultAbiCoder();
        const key = (index: number) =>
          BigInt(
            keccak256(
              coder.encode(["uint64", "bytes32", "address"], [ts, seed, getAddress(operators[index]!)]),
            ),
          );
        const order = turnOrder(ts, seed, operators);
        expect([...order].sort((a, b) => a - b)).toEqual(operators.map((_, i) => i));
        for (let i = 1; i < order.length; i++) expect(key(order[i - 1]!) < key(order[i]!)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("assigns each block from the first window on to one turn, with leader and failed keepers as in a block-by-block model", () => {
    fc.assert(
      fc.property(arbitrary, ({ ts, operators, interval, turn, turns }) => {
        const n = operators.length;
        const f = faultBound(n);
        const params = { interval, turn };
        const order = operators.map((_, i) => n - 1 - i);
        const lapsed: number[] = [];
        let leader = 0;
        for (let number = 1; number <= turns; number++) {
          const window = turnWindow(ts, params, number);
          expect(turnAt(window.from, ts, params)).toBe(number);
          expect(turnAt(window.to - 1, ts, params)).toBe(number);
          expect(turnAt(window.from - 1, ts, params)).toBe(number - 1);
          expect(leaderOf(order, number)).toBe(order[leader]);
          expect(failedLeaders(order, number, f)).toEqual(lapsed.slice(-f));
          expect(failedLeaders(order, number, f)).not.toContain(order[leader]);
          lapsed.push(order[leader]!);
          leader = (leader + 1) % n;
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("space-time (R14, R15)", () => {
  const amount = fc.bigInt({ min: 0n, max: 2n ** 70n });
  const arbitrary = fc.record({
    fromSlot: fc.integer({ min: 0, max: 50 }),
    length: fc.integer({ min: 0, max: 40 }),
    before: amount,
    committed: fc.uniqueArray(fc.record({ fromSlot: fc.integer({ min: 0, max: 95 }), bytes: amount }), {
      maxLength: 6,
      selector: (step) => step.fromSlot,
    }),
    records: fc.array(fc.tuple(fc.integer({ min: 0, max: 95 }), fc.option(amount, { nil: 0n }))),
    slotBlocks: fc.integer({ min: 1, max: 100 }),
  });

  const each = (blocks: number) => (from: number, to: number) => (to - from) * blocks;

  function listOf(records: Iterable<[number, bigint]>): SlotRecord[] {
    return bySlot([...records].map(([slot, bytes]) => ({ slot, bytes })));
  }

  /** The rule applied slot by slot. */
  function model(
    from: number,
    to: number,
    before: bigint,
    committed: CommittedChange[],
    records: Map<number, bigint>,
  ) {
    const values: bigint[] = [];
    let previous = before;
    for (let slot = from; slot < to; slot++) {
      let cap = 0n;
      let latest = -1;
      for (const step of committed) {
        if (step.fromSlot <= slot && step.fromSlot > latest) {
          latest = step.fromSlot;
          cap = step.bytes;
        }
      }
      const record = records.get(slot);
      const value = record === undefined ? previous : record;
      previous = value > cap ? cap : value;
      values.push(previous);
    }
    return values;
  }

  it("equals the slot-by-slot model", () => {
    fc.assert(
      fc.property(arbitrary, ({ fromSlot, length, before, committed, records, slotBlocks }) => {
        const map = new Map(records);
        const range = { fromSlot, toSlot: fromSlot + length, before, committed, records: listOf(map) };
        const expected = model(fromSlot, fromSlot + length, before, committed, map);
        expect(slotBytes(slotRuns(range))).toEqual(expected);
        expect(spaceTime(slotRuns(range), each(slotBlocks))).toBe(
          expected.reduce((sum, bytes) => sum + bytes * BigInt(slotBlocks), 0n),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("is additive over adjacent intervals and independent of the order of arrival", () => {
    fc.assert(
      fc.property(
        arbitrary,
        fc.nat(),
        ({ fromSlot, length, before, committed, records, slotBlocks }, cut) => {
          const unique = [...new Map(records)];
          const whole = { fromSlot, toSlot: fromSlot + length, before, committed, records: listOf(unique) };
          const middle = fromSlot + (length === 0 ? 0 : cut % (length + 1));
          const left = { ...whole, toSlot: middle, records: listOf([...unique].reverse()) };
          const right = {
            ...whole,
            fromSlot: middle,
            before: slotBytes(slotRuns(left)).at(-1) ?? before,
            committed: [...committed].reverse(),
          };
          expect(
            spaceTime(slotRuns(left), each(slotBlocks)) + spaceTime(slotRuns(right), each(slotBlocks)),
          ).toBe(spaceTime(slotRuns(whole), each(slotBlocks)));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("decision (R22)", () => {
  const value = fc.bigInt({ min: 0n, max: 2n ** 100n });

  it("is a revealed value with at most half the values below it and at most half above", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
        const m = lowerMedian(values);
        const below = values.filter((v) => v < m).length;
        const above = values.filter((v) => v > m).length;
        expect(values).toContain(m);
        expect(2 * below).toBeLessThan(values.length);
        expect(2 * above).toBeLessThanOrEqual(values.length);
      }),
      { numRuns: 300 },
    );
  });

  it("is between two honest values for any values of f faulty keepers and any number of reveals from q to n (S4)", () => {
    const scene = committeeSizes.chain((n) =>
      fc.integer({ min: quorum(n), max: n }).chain((count) =>
        fc.record({
          lies: fc.array(value, { minLength: faultBound(n), maxLength: faultBound(n) }),
          honest: fc.array(value, { minLength: count - faultBound(n), maxLength: count - faultBound(n) }),
        }),
      ),
    );
    fc.assert(
      fc.property(scene, ({ lies, honest }) => {
        const m = lowerMedian([...lies, ...honest]);
        expect(honest.some((v) => v <= m)).toBe(true);
        expect(honest.some((v) => v >= m)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("agrees exactly if f+1 values satisfy the inequality, computed with fractions", () => {
    fc.assert(
      fc.property(
        committeeSizes,
        fc.array(fc.bigInt({ min: 0n, max: 60n }), { minLength: 21, maxLength: 31 }),
        fc.integer({ min: 0, max: 10_000 }),
        (n, pool, toleranceBps) => {
          const values = pool.slice(0, quorum(n));
          const f = faultBound(n);
          const sorted = values.map(Number).sort((a, b) => a - b);
          const m = sorted[Math.ceil(sorted.length / 2) - 1]!;
          let near = 0;
          for (const v of sorted) if (Math.abs(v - m) * 10_000 <= toleranceBps * m) near++;
          expect(decideValue(values, f, toleranceBps)).toEqual({ value: BigInt(m), agreed: near > f });
        },
      ),
      { numRuns: 500 },
    );
  });
});
