/** Which copies are made anew: by the condition of their providers in the last settlement and now. */
import { describe, expect, it } from "vitest";
import { faultOf, needsRepair } from "../../../../cli/store/repair.ts";
import { makePieceList } from "../../../../storage/core/piece-list.ts";

const [first, second, left] = ["a1", "b2", "c3"].map((byte) => `0x${byte.repeat(20)}`) as [
  string,
  string,
  string,
];
const settledThrough = 100;
const page = { state: { settledThrough } };
const list = makePieceList([{ root: new Uint8Array(32), size: 1 }]);
const well = {
  account: {
    operator: first,
    leavesAt: undefined,
    activeFrom: settledThrough - 1,
    proven: { paid: 9_000n, committed: 10_000n },
  },
  list,
  fault: undefined,
};
const account = (change: object): typeof well => ({ ...well, account: { ...well.account, ...change } });

describe("a provider", () => {
  it.each([
    ["that proved 90 % is well", well, undefined],
    [
      "that proved less is not",
      account({ proven: { paid: 8_999n, committed: 10_000n } }),
      "proved 89.99 % of its data in the last settlement",
    ],
    [
      "that was in no settlement yet is well",
      account({ activeFrom: settledThrough, proven: { paid: 0n, committed: 1n } }),
      undefined,
    ],
    ["with notice is not, though it proves and answers", account({ leavesAt: 7 }), "leaves at block 7"],
    [
      "without an answer is not, though it proved all",
      { ...account({ proven: { paid: 1n, committed: 1n } }), list: undefined, fault: "late" },
      "does not answer: late",
    ],
    ["that is not in the group any more is not", undefined, "has left"],
  ] as const)("%s", (_, holder, fault) => {
    expect(faultOf({ page }, holder)).toBe(fault);
  });
});

describe("a repair", () => {
  const item = (...providers: string[]) => ({
    name: "a",
    kind: "file" as const,
    bytes: 1,
    modified_us: 0,
    fingerprint: "0x",
    isPublic: false,
    wanted: providers.length,
    copies: providers.map((provider) => ({ provider, root: "0x" as const, bytes: 1 })),
  });
  const group = (holders: readonly (typeof well)[], ...providers: string[]) => ({
    page,
    holders,
    catalogue: { sequence: 1, items: [item(...providers)] },
  });
  const leaving = account({ operator: second, leavesAt: 7 });

  it.each([
    ["is not needed while every copy is at a provider that is well", group([well], first), false],
    ["is not needed for a provider without a copy", group([well, leaving], first), false],
    ["is needed for a copy at a provider that leaves", group([well, leaving], first, second), true],
    ["is needed for a copy at a provider that has left", group([well], first, left), true],
    ["compares addresses without regard to case", group([well], first.toUpperCase()), false],
  ] as const)("%s", (_, stored, isNeeded) => {
    expect(needsRepair(stored)).toBe(isNeeded);
  });
});
