import { describe, expect, it } from "vitest";
import { committeeAfter, unformed } from "../../../../../keeper/adapters/chain-ethers/committee-events.ts";
import type { CommitteeState } from "../../../../../keeper/adapters/chain-ethers/committee-events.ts";

const seed = `0x${"5e".repeat(32)}`;
const group = `0x${"67".repeat(20)}`;

/** The state after these events, each in a block of its own from block 100 on. */
function after(
  ...events: readonly (readonly [name: string, args: Record<string, unknown>])[]
): CommitteeState {
  return events.reduce<CommitteeState>(
    (state, [name, args], i) =>
      committeeAfter(state, { address: "0xc0", block: 100 + i, tx: "0x", name, args }),
    unformed,
  );
}

const formed = ["Formed", { originBlock: 100n, seed }] as const;
const enters = (number: bigint, entered: bigint) =>
  ["GroupEntered", { number, group, ceiling: 4n, entered }] as const;
const leaves = (number: bigint, left: bigint) => ["GroupLeaves", { number, group, left }] as const;

describe("the begin of a committee's interval (R5)", () => {
  it("is its origin, then the first block of the first group", () => {
    expect(after(formed).ts).toBe(100);
    expect(after(formed, enters(1n, 120n)).ts).toBe(120);
  });

  it("stays with a group that is served, and moves back for one that begins earlier", () => {
    expect(after(formed, enters(1n, 120n), enters(2n, 130n)).ts).toBe(120);
    expect(after(formed, enters(1n, 160n), enters(2n, 125n)).ts).toBe(125);
  });

  it("begins anew only when every membership that it served is certified through its end", () => {
    const left = [formed, enters(1n, 120n), leaves(1n, 200n)] as const;
    expect(after(...left, enters(2n, 240n)).ts).toBe(120);
    const certified = ["Certified", { ts: 120n, te: 200n, remembered: false }] as const;
    expect(after(...left, certified, enters(2n, 240n)).ts).toBe(240);
    // A membership that ended as it began was never served.
    expect(after(formed, enters(1n, 120n), leaves(1n, 120n), enters(2n, 240n)).ts).toBe(240);
    const never = [enters(2n, 260n), leaves(2n, 260n)] as const;
    expect(after(...left, ...never, certified, enters(3n, 240n)).ts).toBe(240);
  });

  it("counts the latest end that was ever told: an end that comes forward does not lower it", () => {
    const events = [formed, enters(1n, 120n), leaves(1n, 400n), leaves(1n, 150n)] as const;
    const certified = ["Certified", { ts: 120n, te: 200n, remembered: false }] as const;
    expect(after(...events, certified, enters(2n, 240n)).ts).toBe(200);
  });
});

describe("versions (R37)", () => {
  const waits = (version: bigint) => ["VersionCompleted", { version, completedAt: 101n }] as const;
  const rotates = (version: bigint) => ["SeatRotated", { version, index: 1n }] as const;
  const resigns = (version: bigint, index: bigint) => ["MemberResigned", { version, index }] as const;
  const begins = (version: bigint, other: string) =>
    ["VersionActivated", { version, seed: other, from: 150n }] as const;

  describe("that are proposed", () => {
    const operators = [`0x${"A1".repeat(20)}`, `0x${"a2".repeat(20)}`];
    const [one, other] = operators.map((operator) => operator.toLowerCase()) as [string, string];
    const proposes = (version: bigint, base: bigint) =>
      ["VersionProposed", { version, base, operators }] as const;
    const consents = (version: bigint, operator: string) =>
      ["MemberConsented", { version, index: 0n, operator }] as const;
    const open = (state: CommitteeState): number[] => [...state.proposals.keys()];

    it("are open with their consents until they are withdrawn", () => {
      const state = after(formed, proposes(2n, 1n), proposes(3n, 1n), consents(3n, other), consents(9n, one));
      const second = { version: 2, base: 1, operators: [one, other], consented: [] };
      expect([...state.proposals.values()]).toEqual([second, { ...second, version: 3, consented: [other] }]);
      expect(
        open(after(formed, proposes(2n, 1n), proposes(3n, 1n), ["VersionVoid", { version: 2n }])),
      ).toEqual([3]);
    });

    it("are all void once one of them is complete, and are based on it afterwards", () => {
      const complete = [formed, proposes(2n, 1n), proposes(3n, 1n), waits(2n)] as const;
      expect(open(after(...complete))).toEqual([]);
      const later = after(...complete, begins(2n, seed), proposes(4n, 2n));
      expect(later.era).toBe(2);
      expect(open(later)).toEqual([4]);
    });

    it("outlive the rotation of a key, which is no base of theirs", () => {
      const state = after(formed, proposes(2n, 1n), rotates(3n), waits(3n), begins(3n, seed));
      expect([state.version, state.era, open(state)]).toEqual([3, 1, [2]]);
    });
  });

  it("of the same members with another key keep those that resigned", () => {
    const state = after(formed, resigns(1n, 2n), rotates(2n), waits(2n), begins(2n, seed));
    expect(state).toMatchObject({ version: 2, resigned: [2], rotated: undefined, complete: undefined });
  });

  it("of other members begin with those that resigned from them, and replace a rotation that waits", () => {
    const other = `0x${"0d".repeat(32)}`;
    const waiting = [formed, resigns(1n, 2n), rotates(2n), waits(2n), waits(3n), resigns(3n, 0n)] as const;
    expect(after(...waiting)).toMatchObject({ version: 1, resigned: [2], rotated: { version: 2 } });
    expect(after(...waiting, begins(3n, other))).toMatchObject({
      version: 3,
      seed: other,
      resigned: [0],
      rotated: undefined,
      complete: undefined,
    });
  });
});
