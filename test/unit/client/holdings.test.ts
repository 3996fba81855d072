/** What a group's providers held and proved, from events in the order in which a contract may emit them (R33–R35). */
import { describe, expect, it } from "vitest";
import { holdingsOf } from "../../../client/holdings.ts";
import type { GroupEvent } from "../../../client/watch.ts";

const group = `0x${"aa".repeat(20)}`;
const operator = `0x${"01".repeat(20)}`;
const root = (number: number): string => `0x${number.toString(16).padStart(64, "0")}`;

let block = 0;
function event(name: string, args: Record<string, unknown>): GroupEvent {
  return { name, block: ++block, logIndex: 0, transaction: root(block), contract: group, args };
}
const data = (from: number, list: number, bytes: number) => ({
  provider: 0n,
  from: BigInt(from),
  root: root(list),
  size: BigInt(bytes),
});
const added = event("ProviderAdded", { ...data(100, 1, 10), operator });
const changed = (from: number, list: number, bytes: number) => event("DataChanged", data(from, list, bytes));
const leaves = (from: number) => event("LeaveScheduled", { provider: 0n, from: BigInt(from) });
const closed = (through: number) => event("ProviderClosed", { provider: 0n, through: BigInt(through) });
const credited = (from: number, through: number) =>
  event("Credited", { from: BigInt(from), through: BigInt(through) });

/** List, first block and block after the last of each of the provider's data. */
const spans = (...events: GroupEvent[]) =>
  holdingsOf(group, [added, ...events]).held.map(({ listRoot, from, to }) => [Number(listRoot), from, to]);

describe("what a provider holds", () => {
  it("is replaced by a change for the same block or for an earlier one", () => {
    expect(spans(changed(200, 2, 20))).toEqual([
      [1, 100, 200],
      [2, 200, undefined],
    ]);
    expect(spans(changed(200, 2, 20), changed(200, 3, 30))).toEqual([
      [1, 100, 200],
      [3, 200, undefined],
    ]);
    expect(spans(changed(200, 2, 20), changed(150, 3, 30))).toEqual([
      [1, 100, 150],
      [3, 150, undefined],
    ]);
  });

  it("ends where it leaves: the last notice counts, and a close no later than the notice", () => {
    expect(spans(leaves(300), leaves(250))).toEqual([[1, 100, 250]]);
    expect(spans(leaves(250), leaves(300))).toEqual([[1, 100, 300]]);
    expect(spans(leaves(300), closed(250))).toEqual([[1, 100, 250]]);
    expect(spans(leaves(300), closed(350))).toEqual([[1, 100, 300]]);
    expect(spans(closed(250))).toEqual([[1, 100, 250]]);
  });

  it("is nothing that would begin when it has left", () => {
    expect(spans(changed(300, 2, 20), leaves(300))).toEqual([[1, 100, 300]]);
    expect(spans(changed(299, 2, 20), leaves(300))).toEqual([
      [1, 100, 299],
      [2, 299, 300],
    ]);
  });
});

it("blocks that were paid without a settlement prove nothing (R34)", () => {
  const events = [added, changed(200, 2, 20), credited(150, 250)];
  const { proven, settledThrough } = holdingsOf(group, events);
  const committed = 50n * 10n + 50n * 20n;
  expect(proven).toEqual([{ provider: 0, operator, from: 150, to: 250, proven: 0n, committed }]);
  expect(settledThrough).toBe(250);
  expect(holdingsOf(group, [added, leaves(150), credited(150, 250)]).proven).toEqual([]);
});
