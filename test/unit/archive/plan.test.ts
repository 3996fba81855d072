/** The checks follow the text of the plan's rules; they share no code with it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planArchive } from "../../../archive/plan.ts";
import type { Capacity, PlannedFile } from "../../../archive/plan.ts";

const file = (name: string, bytes: number, rest: Partial<PlannedFile> = {}): PlannedFile => ({
  name,
  bytes,
  priority: 0,
  isDerivable: false,
  holders: [],
  ...rest,
});
const room = (provider: string, bytes: number): Capacity => ({ provider, bytes });
const filesAt = (plan: ReturnType<typeof planArchive>, provider: string): readonly string[] =>
  plan.providers.find((one) => one.provider === provider)?.files ?? [];

describe("the plan of an archive", () => {
  it("takes the higher priority if there is room for one file", () => {
    const files = [file("a-old", 12, { priority: 1 }), file("new", 10, { priority: 2 })];
    const plan = planArchive(files, [room("a", 15)], 1);
    expect(filesAt(plan, "a")).toEqual(["new"]);
    expect(plan.missing).toEqual([{ name: "a-old", bytes: 12, copies: 0, wanted: 1, largestRoom: 5 }]);
  });

  it("takes the larger of two files of one priority, and of two of one size the first by its name", () => {
    const larger = planArchive([file("a", 6), file("z", 9)], [room("p", 10)], 1);
    expect(filesAt(larger, "p")).toEqual(["z"]);
    const alike = planArchive([file("z", 6), file("a", 6)], [room("p", 10)], 1);
    expect(filesAt(alike, "p")).toEqual(["a"]);
  });

  it("takes the file with fewer proven copies", () => {
    const files = [file("two", 10, { holders: ["x", "y"] }), file("one", 10, { holders: ["x"] })];
    expect(filesAt(planArchive(files, [room("a", 10)], 3), "a")).toEqual(["one"]);
  });

  it("makes the first copy of each file of a priority before the second of one", () => {
    const plan = planArchive([file("f", 10), file("g", 10)], [room("a", 10), room("b", 10)], 2);
    expect([...filesAt(plan, "a"), ...filesAt(plan, "b")].sort()).toEqual(["f", "g"]);
  });

  it("takes a file that can be computed from another one last, whatever its priority", () => {
    const files = [file("challenge", 10, { isDerivable: true, priority: 9 }), file("response", 10)];
    expect(filesAt(planArchive(files, [room("a", 10)], 1), "a")).toEqual(["response"]);
    // Also the first copy of the one comes after the second copy of the other.
    const alike = [file("challenge", 10, { isDerivable: true }), file("response", 10)];
    const plan = planArchive(alike, [room("a", 10), room("b", 10)], 2);
    expect(plan.providers.map((one) => one.files)).toEqual([["response"], ["response"]]);
  });

  it("does not give a provider what it has, in whatever capitalization", () => {
    const plan = planArchive([file("f", 1, { holders: ["0xAB"] })], [room("0xab", 10), room("0xcd", 10)], 2);
    expect(filesAt(plan, "0xab")).toEqual([]);
    expect(filesAt(plan, "0xcd")).toEqual(["f"]);
    const twice = planArchive([file("f", 1)], [room("0xAB", 10)], 2);
    expect(filesAt(twice, "0xAB")).toEqual(["f"]);
    expect(twice.missing).toEqual([{ name: "f", bytes: 1, copies: 1, wanted: 2, largestRoom: undefined }]);
  });

  it("says that each provider has a copy if more copies are wanted than there are providers", () => {
    expect(planArchive([file("f", 1)], [room("a", 10)], 2).missing).toEqual([
      { name: "f", bytes: 1, copies: 1, wanted: 2, largestRoom: undefined },
    ]);
  });

  it("puts a file where the least room is left, so that a larger one still fits elsewhere", () => {
    const files = [file("first", 4, { priority: 2 }), file("large", 100)];
    const plan = planArchive(files, [room("a", 100), room("b", 5)], 1);
    expect(filesAt(plan, "b")).toEqual(["first"]);
    expect(filesAt(plan, "a")).toEqual(["large"]);
  });

  it.each([
    ["a file twice", () => planArchive([file("f", 1), file("f", 2)], [], 1), /file once, actual f twice/],
    [
      "a provider twice",
      () => planArchive([], [room("A", 1), room("a", 1)], 1),
      /provider once, actual a twice/,
    ],
    ["a negative room", () => planArchive([], [room("a", -1)], 1), /capacity of a: .* actual -1/],
    ["half a copy", () => planArchive([], [], 0.5), /copies: .* actual 0.5/],
    [
      "a size that is no number",
      () => planArchive([file("f", Number.NaN)], [], 1),
      /bytes of f: .* actual NaN/,
    ],
  ])("refuses %s", (_, work, message) => {
    expect(work).toThrow(message);
  });
});

const names = ["a", "b", "c", "d", "e"];
const someFiles = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 3 }),
    bytes: fc.integer({ min: 0, max: 40 }),
    priority: fc.integer({ min: 0, max: 2 }),
    isDerivable: fc.boolean(),
    holders: fc.subarray(["b", "d", "z"]),
  }),
  { selector: ({ name }) => name, maxLength: 12 },
);
const someRooms = fc
  .subarray(names)
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((provider) => fc.integer({ min: 0, max: 90 }).map((bytes) => room(provider, bytes))),
    ),
  );

describe("every plan", () => {
  it("fits the rooms, gives no provider a file twice, makes no more copies than wanted, and leaves none out that would fit", () => {
    fc.assert(
      fc.property(someFiles, someRooms, fc.integer({ min: 0, max: 4 }), (files, rooms, wanted) => {
        const plan = planArchive(files, rooms, wanted);
        const sizes = new Map(files.map(({ name, bytes }) => [name, bytes]));
        for (const { provider, files: given, bytes, free } of plan.providers) {
          expect(new Set(given).size).toBe(given.length);
          expect(given.reduce((sum, name) => sum + (sizes.get(name) ?? NaN), 0)).toBe(bytes);
          expect(bytes + free).toBe(rooms.find((one) => one.provider === provider)?.bytes);
          expect(free).toBeGreaterThanOrEqual(0);
        }
        for (const { name, bytes, holders } of files) {
          const added = plan.providers.filter((one) => one.files.includes(name));
          for (const { provider } of added) expect(holders).not.toContain(provider);
          const copies = holders.length + added.length;
          expect(copies).toBeLessThanOrEqual(Math.max(wanted, holders.length));
          const others = plan.providers.filter(
            (one) => !holders.includes(one.provider) && !added.includes(one),
          );
          const largestRoom = others.length === 0 ? undefined : Math.max(...others.map(({ free }) => free));
          const isMissing = copies < wanted;
          const expected = isMissing ? [{ name, bytes, copies, wanted, largestRoom }] : [];
          expect(plan.missing.filter((one) => one.name === name)).toEqual(expected);
          expect(isMissing && (largestRoom ?? -1) >= bytes).toBe(false);
        }
      }),
    );
  });

  it("does not depend on the order of files and providers", () => {
    const shuffled = fc.tuple(someFiles, someRooms).chain(([files, rooms]) =>
      fc.record({
        files: fc.constant(files),
        rooms: fc.constant(rooms),
        otherFiles: fc.shuffledSubarray(files, { minLength: files.length }),
        otherRooms: fc.shuffledSubarray(rooms, { minLength: rooms.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ files, rooms, otherFiles, otherRooms }) => {
        expect(planArchive(otherFiles, otherRooms, 2).providers).toEqual(
          planArchive(files, rooms, 2).providers,
        );
      }),
    );
  });

  it("takes a moment for 100,000 files and 50 providers", () => {
    const files = Array.from({ length: 100_000 }, (_, i) => file(`f${i}`, i, { priority: i % 7 }));
    const rooms = Array.from({ length: 50 }, (_, i) => room(`p${i}`, 300_000_000));
    const start = performance.now();
    expect(planArchive(files, rooms, 3).missing).toHaveLength(0);
    expect(performance.now() - start).toBeLessThan(60_000);
  });
});
