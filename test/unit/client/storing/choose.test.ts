import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseProviders, type Candidate, type Wish } from "../../../../client/storing/choose.ts";
import { parseStoringTime, storingBlocks } from "../../../../client/storing/duration.ts";

const candidate = (name: string, change: Partial<Candidate> = {}): Candidate => ({
  operator: name,
  payee: `payee of ${name}`,
  hosts: [`host of ${name}`],
  regions: [],
  price: 10n,
  freeBytes: 1000,
  largestPiece: 500,
  minLockup: 100,
  minRunway: 0,
  maxKeeperShareBps: 1000,
  takesPublic: true,
  record: { provenBps: 10_000, bytes: 0n, since: 5 },
  ...change,
});
const wish: Wish = {
  copies: 2,
  bytes: 600,
  largestPiece: 400,
  hasPublic: false,
  lockup: 100,
  keeperShareBps: 1000,
  kept: [],
};
const chosen = (candidates: Candidate[], change: Partial<Wish> = {}) =>
  chooseProviders(candidates, { ...wish, ...change }).chosen.map(({ operator }) => operator);

describe("the choice", () => {
  it("takes the cheapest of those with a whole record, then new ones, then those with gaps", () => {
    const all = [
      candidate("gaps", { price: 1n, record: { provenBps: 9_500, bytes: 1n, since: 1 } }),
      candidate("new", { price: 2n, record: { provenBps: undefined, bytes: 0n, since: undefined } }),
      candidate("dear", { price: 30n }),
      candidate("cheap", { price: 20n }),
    ];
    expect(chosen(all, { copies: 4 })).toEqual(["cheap", "dear", "new", "gaps"]);
  });

  it("says why each other one is unfit", () => {
    const all = [
      candidate("a", { price: undefined }),
      candidate("b", { freeBytes: 599 }),
      candidate("c", { largestPiece: 399 }),
      candidate("d", { takesPublic: false }),
      candidate("e", { minLockup: 101 }),
      candidate("f", { maxKeeperShareBps: 999 }),
      candidate("g", { record: { provenBps: 8_999, bytes: 1n, since: 1 } }),
    ];
    const choice = chooseProviders(all, { ...wish, hasPublic: true });
    expect(choice.chosen).toEqual([]);
    expect(choice.unfit.map(({ why }) => why)).toEqual([
      "does not take the token",
      "has 599 bytes free of 600",
      "takes pieces of at most 399 bytes, the largest has 400",
      "does not take public data",
      "asks for a lockup of 101 blocks, the group has 100",
      "gives the keepers at most 9.99 %, the committee asks for 10 %",
      "proved 89.99 % of its data lately, less than 90 %",
    ]);
  });

  it("takes no two of one payee, machine or region, also where the cheapest one would stand in the way", () => {
    const both = candidate("both", { price: 1n, regions: ["eu", "us"] });
    const eu = candidate("eu", { regions: ["eu"] });
    const us = candidate("us", { regions: ["us"] });
    expect(chosen([both, eu, us])).toEqual(["eu", "us"]);
    const twin = candidate("twin", { price: 2n, payee: "PAYEE of both" });
    expect(chosen([both, twin, us])).toEqual(["twin", "us"]);
    const sameMachine = candidate("same", { price: 2n, hosts: ["host of both", "other"] });
    expect(chosen([both, sameMachine, candidate("far", { price: 99n })])).toEqual(["both", "far"]);
  });

  it("shares a region before it shares a party, and says so", () => {
    const one = candidate("one", { regions: ["eu"] });
    const two = candidate("two", { regions: ["eu"], price: 20n });
    const twin = candidate("twin", { payee: one.payee });
    expect(chooseProviders([one, two, twin], wish)).toMatchObject({ shares: "nothing" });
    expect(chooseProviders([one, two], wish)).toMatchObject({ shares: "region", chosen: [one, two] });
    expect(chooseProviders([one, twin], wish)).toMatchObject({ shares: "operator" });
  });

  it("adds to those that are kept, apart from them", () => {
    const kept = candidate("kept", { regions: ["eu"] });
    const eu = candidate("eu", { price: 1n, regions: ["eu"] });
    const us = candidate("us", { regions: ["us"] });
    expect(chosen([kept, eu, us], { kept: [kept] })).toEqual(["us"]);
    expect(chosen([kept, eu, us], { kept: [kept], copies: 1 })).toEqual([]);
  });

  it("is the same in any order of the candidates, and ends in time with many clashes", () => {
    const arbitrary = fc.uniqueArray(
      fc.record({
        name: fc.nat(500).map(String),
        price: fc.bigInt(0n, 5n),
        region: fc.constantFrom("eu", "us", "as"),
      }),
      { selector: ({ name }) => name, minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 12 }), (found, copies) => {
        const all = found.map(({ name, price, region }) => candidate(name, { price, regions: [region] }));
        const choice = chosen(all, { copies });
        expect(chosen(all.toReversed(), { copies })).toEqual(choice);
        expect(choice).toHaveLength(Math.min(copies, all.length));
        expect(new Set(choice).size).toBe(choice.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a storing time", () => {
  it("is blocks, days or months of 30 days", () => {
    expect(storingBlocks(parseStoringTime("500blocks"), 12)).toBe(500);
    expect(storingBlocks(parseStoringTime("1 days"), 12)).toBe(7_200);
    expect(storingBlocks(parseStoringTime("6months"), 12)).toBe(6 * 216_000);
    expect(storingBlocks(parseStoringTime("1days"), 7)).toBe(Math.ceil(86_400 / 7));
  });

  it.each(["", "6", "months", "0days", "-1days", "1.5days", "6 weeks", "1e3days", "9999999999999999days"])(
    "is not %j",
    (text) => expect(() => parseStoringTime(text)).toThrow(/time is not valid/),
  );

  it("is refused where no block number holds it", () => {
    expect(() => storingBlocks(parseStoringTime("9999999999999months"), 1)).toThrow(/too long/);
  });
});
