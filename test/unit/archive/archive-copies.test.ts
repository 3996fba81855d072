/** Copies of an archive's files from the holdings of its groups (R46). */
import { describe, expect, it } from "vitest";
import { archiveCopies } from "../../../client/archives.ts";
import type { ArchiveGroup } from "../../../client/archives.ts";
import type { HeldData, ProvenData } from "../../../client/holdings.ts";

const list = `0x${"11".repeat(32)}` as const;
const held = (operator: string, from: number, to?: number): HeldData => ({
  provider: 0,
  operator,
  listRoot: list,
  bytes: 100n,
  from,
  to,
});
const proven = (operator: string, from: number, to: number, bps: bigint): ProvenData => {
  const committed = 100n * BigInt(to - from);
  return { provider: 0, operator, from, to, committed, proven: (committed * bps) / 10_000n };
};
const group = (
  holdings: { held: HeldData[]; proven: ProvenData[]; settledThrough: number },
  roots: ReadonlySet<string> | undefined = new Set(["r"]),
): ArchiveGroup => ({ holdings: { ...holdings, deposits: [] }, rootsOf: () => roots });

describe("the copies of an archive", () => {
  it("count from nine tenths of the data on", () => {
    for (const [bps, copies] of [
      [9_000n, 1],
      [8_999n, 0],
    ] as const) {
      const one = group({ held: [held("a", 0)], proven: [proven("a", 0, 100, bps)], settledThrough: 100 });
      expect(archiveCopies(["r"], [one], { from: 0, to: 100 }).files[0]?.now).toBe(copies);
    }
  });

  it("still count while the next two settlements are awaited, and no longer", () => {
    const one = group({ held: [held("a", 0)], proven: [proven("a", 50, 100, 10_000n)], settledThrough: 100 });
    const at = (to: number): number | undefined =>
      archiveCopies(["r"], [one], { from: 60, to }).files[0]?.now;
    expect([at(100), at(200), at(201)]).toEqual([1, 1, 0]);
    // Of an interval that another one followed, nothing counts beyond its end.
    const failed = group({
      held: [held("a", 0)],
      proven: [proven("a", 0, 100, 10_000n), proven("a", 100, 200, 0n)],
      settledThrough: 200,
    });
    expect(archiveCopies(["r"], [failed], { from: 0, to: 200 }).files[0]?.now).toBe(0);
  });

  it("do not count after a provider left, although the settlement before was whole", () => {
    const one = group({
      held: [held("a", 0, 100)],
      proven: [proven("a", 0, 100, 10_000n)],
      settledThrough: 100,
    });
    expect(archiveCopies(["r"], [one], { from: 0, to: 101 }).files[0]?.now).toBe(0);
  });

  it("are those of all groups together, a provider once", () => {
    const both = ["a", "b"].map((operator) =>
      group({ held: [held(operator, 0)], proven: [proven(operator, 0, 100, 10_000n)], settledThrough: 100 }),
    );
    const again = group({
      held: [held("a", 0)],
      proven: [proven("a", 0, 100, 10_000n)],
      settledThrough: 100,
    });
    const { files } = archiveCopies(["r"], [...both, again], { from: 0, to: 100 });
    expect(files[0]).toMatchObject({ now: 2, worst: { block: 0, copies: 2 } });
  });

  it("leave data out whose list nobody gives, and name it", () => {
    const one = group(
      {
        held: [held("a", 0), held("b", 500), held("c", 0, 20)],
        proven: [proven("a", 0, 100, 10_000n)],
        settledThrough: 100,
      },
      undefined,
    );
    const nobody: ArchiveGroup = { ...one, rootsOf: () => undefined };
    const { files, unread } = archiveCopies(["r"], [nobody], { from: 20, to: 500 });
    expect(files[0]?.now).toBe(0);
    // The others begin after the window, and end before it.
    expect(unread).toEqual([held("a", 0)]);
  });

  it("count nothing of a provider that committed to no byte, and does not ask for its list", () => {
    const empty = { ...held("a", 0), bytes: 0n };
    const one = group({ held: [empty], proven: [proven("a", 0, 100, 10_000n)], settledThrough: 100 });
    expect(archiveCopies(["r"], [one], { from: 0, to: 100 })).toMatchObject({
      files: [{ now: 0 }],
      unread: [],
    });
  });
});
