import { createHash } from "node:crypto";
import { blake2b } from "@noble/hashes/blake2.js";
import { beforeAll, describe, expect, it } from "vitest";
import { pointThreads } from "../../../../cli/inspect/ceremony-threads.ts";
import { drandChain } from "../../../../ceremony/beacon/drand.ts";
import { curves } from "../../../../ceremony/curves.ts";
import type { Progress } from "../../../../ceremony/powers-of-tau/point-stream.ts";
import { inspectPtau } from "../../../../ceremony/ptau/inspect.ts";
import type { PtauOptions } from "../../../../ceremony/ptau/inspect.ts";
import { CeremonyFileError } from "../../../../ceremony/report.ts";
import { concatBytes } from "../../../../storage/core/bytes.ts";
import { sourceOf } from "../../../support/ceremony/bytes-source.ts";
import {
  beaconValue,
  joinFile,
  makePtauFiles,
  number32,
  patched,
  splitFile,
  withSection,
} from "../../../support/ceremony/ptau-files.ts";
import type { PtauFiles } from "../../../support/ceremony/ptau-files.ts";
import { publicRounds } from "../beacon/rounds.ts";

/** Offsets in a contribution with BN254. */
const at = {
  tauG1: 0,
  tauG2: 64,
  alphaG1: 192,
  betaG1: 256,
  betaG2: 320,
  tauS: 448,
  tauSx: 512,
  tauSpx: 832,
  alphaSpx: 960,
  betaSpx: 1088,
  hashState: 1216,
  nextChallenge: 1432,
  type: 1496,
  fieldsLength: 1500,
  fields: 1504,
};
const [g1, g2] = [64, 128];
const alice = 4;
const bob = alice + 1504 + 7;
const beacon = bob + 1504 + 5;

let files: PtauFiles;

beforeAll(async () => {
  files = await makePtauFiles("bn128", 4);
}, 120_000);

const inspect = (bytes: Uint8Array, options: PtauOptions = {}) =>
  inspectPtau(sourceOf("pot.ptau", bytes), options);

/** `whole` with other contributions. */
const changed = (change: (section: Uint8Array) => Uint8Array): Uint8Array =>
  withSection(files.whole, 7, change);

/** Copies a part of the section over another part. */
const copied = (section: Uint8Array, from: number, to: number, bytes: number): Uint8Array =>
  patched(section, to, section.slice(from, from + bytes));

/** The names of the checks that fail, by contribution. */
async function failures(bytes: Uint8Array, options: PtauOptions = {}): Promise<Record<number, string[]>> {
  const report = await inspect(bytes, options);
  const failed = report.contributions.flatMap(({ index, checks }) => {
    const names = Object.keys(checks).filter((name) => !checks[name]);
    return names.length > 0 ? [[index, names] as const] : [];
  });
  expect(report.ok).toBe(report.problems.length === 0);
  for (const { ok, checks } of report.contributions) expect(ok).toBe(Object.values(checks).every(Boolean));
  return Object.fromEntries(failed);
}

/** A point as the file has it: little-endian, times 2^256 modulo the prime. */
function montgomery(coordinates: readonly bigint[]): Uint8Array {
  const { prime } = curves.bn254;
  return concatBytes(
    ...coordinates.map((value) => {
      const hex = (((value << 256n) % prime) + prime).toString(16);
      const form = BigInt(`0x${hex}`) % prime;
      return Buffer.from(form.toString(16).padStart(64, "0"), "hex").reverse();
    }),
  );
}

describe("a .ptau file of snarkjs", () => {
  it("holds with all its points, and has the hashes that snarkjs printed", async () => {
    const seen: string[] = [];
    const tools = {
      createHash: () => blake2b.create({ dkLen: 64 }),
      onProgress: ({ label, done, total }: Progress) => void seen.push(`${label}: ${done} of ${total}`),
    };
    const report = await inspect(files.whole, { allPoints: true, tools });
    expect(report).toMatchObject({ kind: "ptau", curve: "bn254", power: 4, problems: [], ok: true });
    expect(report.contributions.map(({ name }) => name)).toEqual(["Alice", "Bob", "Beacon"]);
    expect(report.contributions.map(({ hash }) => hash)).toEqual(files.hashes.map((hash) => `0x${hash}`));
    expect(report.contributions.every(({ ok }) => ok)).toBe(true);
    expect(report.beacon).toMatchObject({
      source: "iterated-hash",
      value: `0x${beaconValue}`,
      iterations: 1024,
      ok: true,
    });
    expect(report.checked).toContain("all points have the hash that the last contribution states");
    // 31 powers of tau in G1, 16 in G2, 16 times alpha, 16 times beta.
    expect(seen).toEqual(
      [31, 16, 16, 16].map((points, i) => `checking section ${i + 2} of pot.ptau: ${points} of ${points}`),
    );
  });

  it("holds in several tasks on two threads, and a wrong point at the border of two tasks does not", async () => {
    const large = (await makePtauFiles("bn128", 11, { prepare: false })).people;
    const tools = { createHash: () => createHash("blake2b512"), workers: pointThreads(2) };
    const report = await inspect(large, { allPoints: true, tools });
    expect(report).toMatchObject({ power: 11, problems: [], ok: true });
    expect(report.checked).toContain("all points have the hash that the last contribution states");
    // The last point of the first task is the first one of the second task.
    const wrong = withSection(large, 2, (section) => patched(section, 2048 * g1, section.slice(g1, 2 * g1)));
    const { problems } = await inspect(wrong, { allPoints: true, tools });
    expect(problems).toEqual([
      expect.stringMatching(/in section 2 .* every point is the one before times tau/),
      expect.stringMatching(/all points have the hash/),
    ]);
  });

  it("holds on BLS12-381, too", async () => {
    const other = await makePtauFiles("bls12-381", 2);
    const report = await inspect(other.whole, { allPoints: true });
    expect(report).toMatchObject({ curve: "bls12-381", power: 2, problems: [], ok: true });
    expect(report.contributions.map(({ hash }) => hash)).toEqual(other.hashes.map((hash) => `0x${hash}`));
    expect(report.beacon?.ok).toBe(true);
  });

  it("says that the other points were not read", async () => {
    const report = await inspect(files.people);
    expect(report).toMatchObject({ ok: true, beacon: undefined });
    expect(report.notChecked).toContain("the other points: only the first of each section were read");
  });

  it("without points shows the chain of keys, and says that the points are not bound", async () => {
    const sections = splitFile(files.whole).filter(({ id }) => id === 1 || id === 7);
    const report = await inspect(joinFile(sections), { allPoints: true });
    expect(report.ok).toBe(true);
    expect(report.contributions.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(report.notChecked.join()).toContain("the file has no points, so only the chain of keys is shown");
  });

  it("with fewer powers than the ceremony says that their hash is not bound", async () => {
    // 2^2 of 2^4 powers: 7, 4, 4, 4 and 1 points.
    const lengths: Record<number, number> = { 2: 7 * g1, 3: 4 * g2, 4: 4 * g1, 5: 4 * g1 };
    const sections = splitFile(files.whole).map(({ id, bytes }) => ({
      id,
      bytes: bytes.slice(0, lengths[id]),
    }));
    const file = withSection(joinFile(sections), 1, (head) => patched(head, 36, number32(2)));
    const report = await inspect(file, { allPoints: true });
    expect(report).toMatchObject({ power: 2, ok: true });
    expect(report.notChecked.join()).toContain("the file has 2^2 of the ceremony's 2^4 powers");
  });

  it("prepared for phase 2 says that only the sizes of these points were compared", async () => {
    const report = await inspect(files.prepared);
    expect(report.ok).toBe(true);
    expect(report.notChecked.join()).toContain("prepared for phase 2 (sections 12 to 15): only their sizes");
    const without = joinFile(splitFile(files.prepared).filter(({ id }) => id !== 14));
    await expect(inspect(without)).rejects.toThrow("expected a section 14");
    const short = withSection(files.prepared, 13, (section) => section.subarray(g2));
    await expect(inspect(short)).rejects.toThrow("size of section 13: expected 3968 bytes, actual 3840");
  });

  it("does not hash a beacon's value more often than allowed", async () => {
    const report = await inspect(files.whole, { maxBeaconExponent: 9 });
    expect(report.ok).toBe(true);
    expect(report.beacon).toMatchObject({ ok: undefined });
    expect(report.notChecked.join()).toContain("its 2^10 hashes are more than the 2^9 allowed");
    expect(report.contributions[2]?.checks).not.toHaveProperty("beaconKey");
  });

  it("has a beacon whose value is not that of another source", async () => {
    const { chain, round } = publicRounds.find(
      (one) => one.chain === "quicknet",
    ) as (typeof publicRounds)[number];
    const drand = { source: "drand", chain: drandChain(chain), round } as const;
    const report = await inspect(files.whole, { origin: drand });
    expect(report).toMatchObject({ ok: false, beacon: { source: "drand", ok: false } });
    expect(report.problems.join()).toContain(
      "beacon: round 42 of the drand chain quicknet: expected its value",
    );
    const block = { source: "block", chainId: 1n, number: 5, hash: `0x${beaconValue}` } as const;
    expect(await inspect(files.whole, { origin: block })).toMatchObject({
      ok: true,
      beacon: { source: "block" },
    });
    expect((await inspect(files.people, { origin: block })).problems).toEqual([
      "beacon: expected one from block, actual none",
    ]);
  });
});

describe("a forged .ptau file", () => {
  const ratios = ["tauG1", "tauG2", "alphaG1", "betaG1"] as const;
  it.each(ratios)("with another contribution's %s does not hold, nor does its successor", async (name) => {
    const bytes = name === "tauG2" ? g2 : g1;
    const file = changed((section) => copied(section, alice + at[name], bob + at[name], bytes));
    expect(await failures(file)).toEqual({ 2: [name], 3: [name] });
  });

  it("with another contribution's beta in G2 does not hold, and its hash's state does not fit", async () => {
    const file = changed((section) => copied(section, alice + at.betaG2, bob + at.betaG2, g2));
    expect(await failures(file)).toEqual({ 2: ["betaG2", "hashState"], 3: ["betaG2"] });
  });

  it("with another contribution's proof of a secret does not hold", async () => {
    const file = changed((section) => copied(section, bob + at.alphaSpx, bob + at.tauSpx, g2));
    expect(await failures(file)).toEqual({ 2: ["keyTau", "tauG1"] });
  });

  it("with a whole key of another contribution does not hold", async () => {
    const file = changed((section) => copied(section, alice + at.tauS, bob + at.tauS, 768));
    const failed = await failures(file);
    expect(Object.keys(failed)).toEqual(["2"]);
    expect(failed[2]).toEqual([
      "keyTau",
      "keyAlpha",
      "keyBeta",
      "tauG1",
      "tauG2",
      "alphaG1",
      "betaG1",
      "betaG2",
    ]);
  });

  it("with another hash of a challenge does not hold at the next contribution", async () => {
    const file = changed((section) => patched(section, alice + at.nextChallenge, new Uint8Array(64)));
    expect(await failures(file)).toEqual({
      2: ["keyTau", "keyAlpha", "keyBeta", "tauG1", "alphaG1", "betaG1"],
    });
  });

  it("with another count of bytes in a hash's state does not hold", async () => {
    const file = changed((section) => patched(section, bob + at.hashState + 192, number32(1)));
    expect(await failures(file)).toEqual({ 2: ["hashState"] });
  });

  it("with another hash's state has another hash, which all points expose only at the last contribution", async () => {
    const word = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const middle = await inspect(
      changed((section) => patched(section, bob + at.hashState + 128, word)),
      {
        allPoints: true,
      },
    );
    expect(middle.ok).toBe(true);
    expect(middle.contributions[1]?.hash).not.toBe(`0x${files.hashes[1]}`);
    expect(middle.notChecked.join()).toContain("the hashes of the responses before the last");
    const last = await inspect(
      changed((section) => patched(section, beacon + at.hashState + 128, word)),
      {
        allPoints: true,
      },
    );
    expect(last.problems).toEqual([
      "points: expected that all points have the hash that the last contribution states, actual: it is not so",
    ]);
  });

  it("with contributions in another order, or one left out, does not hold", async () => {
    const swapped = changed((section) =>
      concatBytes(
        section.subarray(0, alice),
        section.subarray(bob, beacon),
        section.subarray(alice, bob),
        section.subarray(beacon),
      ),
    );
    expect(Object.keys(await failures(swapped))).toEqual(["1", "2", "3"]);
    const left = changed((section) => concatBytes(number32(2), section.subarray(bob)));
    expect(Object.keys(await failures(left))).toEqual(["1"]);
  });

  it.each([
    ["value", 12, Uint8Array.of(0xff)],
    ["exponent", 9, Uint8Array.of(11)],
  ])("with another %s of the beacon does not hold", async (_name, offset, patch) => {
    // Fields: 1, 6, "Beacon", 2, 10, 3, 32, value.
    const file = changed((section) => patched(section, beacon + at.fields + offset, patch));
    const report = await inspect(file);
    expect(report.contributions.at(-1)?.checks["beaconKey"]).toBe(false);
    expect(report.beacon?.ok).toBe(false);
    expect(report.problems).toEqual([
      "contribution 3 (Beacon): expected the key that the beacon's value gives, actual another",
    ]);
  });

  it.each([
    [2, "powers of tau in G1", 5 * g1, 6 * g1, g1],
    [3, "powers of tau in G2", 5 * g2, 6 * g2, g2],
    [4, "powers of tau times alpha", 5 * g1, 6 * g1, g1],
    [5, "powers of tau times beta", 5 * g1, 15 * g1, g1],
  ])("with another point in section %i does not hold if all are read", async (id, name, from, to, bytes) => {
    const file = withSection(files.whole, id, (section) => copied(section, from, to, bytes));
    expect((await inspect(file)).ok).toBe(true);
    expect((await inspect(file, { allPoints: true })).problems).toEqual([
      `points: expected that in section ${id} (${name}) every point is the one before times tau, actual: it is not so`,
      "points: expected that all points have the hash that the last contribution states, actual: it is not so",
    ]);
  });

  it("with another first point, or the points of another file, does not hold", async () => {
    const first = withSection(files.whole, 2, (section) => copied(section, 2 * g1, g1, g1));
    expect((await inspect(first)).problems.join()).toContain(
      "the first points of section 2 (powers of tau in G1) are those",
    );
    const sections = splitFile(files.people).filter(({ id }) => id !== 7);
    const contributions = splitFile(files.whole).filter(({ id }) => id === 7);
    const { problems } = await inspect(joinFile([...sections, ...contributions]));
    expect(problems).toHaveLength(5);
  });
});

describe("a .ptau file against its format", () => {
  /** A point of the curve in G2, outside the subgroup: nearly every point is. */
  const outside = (): Uint8Array => {
    const { G2 } = curves.bn254;
    for (let c0 = 1n; ; c0++) {
      const point = G2.fromX([c0, 0n], true);
      if (!point || point.isTorsionFree()) continue;
      const { x, y } = G2.coordinatesOf(point);
      return montgomery([...x, ...y]);
    }
  };

  const points: [string, () => Uint8Array, number, string][] = [
    [
      "a point off the curve",
      () => montgomery([1n, 3n]),
      at.alphaG1,
      "alpha in G1: expected a point on the curve",
    ],
    [
      "a point at infinity",
      () => new Uint8Array(g1),
      at.tauSx,
      "x·s of the tau key: expected a point that is not at infinity",
    ],
    [
      "a coordinate above the prime",
      () => new Uint8Array(g1).fill(0xff),
      at.tauG1,
      "tau in G1: expected coordinates below",
    ],
    [
      "a point of G2 outside the subgroup",
      outside,
      at.betaSpx,
      "point of G2 of the beta key: expected a point in the subgroup",
    ],
  ];
  it.each(points)("is refused with %s in a contribution", async (_name, point, offset, message) => {
    const refused = inspect(changed((section) => patched(section, bob + offset, point())));
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(`pot.ptau: section 7: contribution 2: ${message}`);
  });

  it("is refused with such a point among the powers", async () => {
    const all = { allPoints: true };
    const off = withSection(files.whole, 4, (section) => patched(section, 9 * g1, montgomery([1n, 3n])));
    await expect(inspect(off, all)).rejects.toThrow(
      /point 9 of section 4 at byte 4712: expected a point on the curve/,
    );
    const wrong = withSection(files.whole, 3, (section) => patched(section, 9 * g2, outside()));
    await expect(inspect(wrong, all)).rejects.toThrow(
      /point 9 of section 3 at byte \d+: expected a point in the subgroup/,
    );
    const none = withSection(files.whole, 6, () => new Uint8Array(g2));
    await expect(inspect(none)).rejects.toThrow(
      /point 0 of section 6 at byte \d+: expected a point that is not at infinity/,
    );
  });

  const fields =
    (bytes: readonly number[]) =>
    (section: Uint8Array): Uint8Array =>
      concatBytes(
        section.subarray(0, beacon + at.fieldsLength),
        number32(bytes.length),
        Uint8Array.from(bytes),
      );
  const contributions: [string, (section: Uint8Array) => Uint8Array, string][] = [
    [
      "a count of 2^32 - 1",
      (s) => patched(s, 0, number32(0xffff_ffff)),
      "number of contributions: expected at most 3 in",
    ],
    ["a count above", (s) => patched(s, 0, number32(4)), "number of contributions: expected at most 3 in"],
    [
      "a count below",
      (s) => patched(s, 0, number32(2)),
      "bytes after contribution 2: expected none, actual 1548",
    ],
    [
      "no contribution",
      () => number32(0),
      "contributions: expected at least one, actual none: everybody knows",
    ],
    ["a cut contribution", (s) => s.subarray(0, -1), "contribution 3"],
    [
      "type 2",
      (s) => patched(s, bob + at.type, number32(2)),
      "contribution 2: type: expected 0 (a contribution) or 1",
    ],
    [
      "a contribution of type beacon",
      (s) => patched(s, bob + at.type, number32(1)),
      "contribution 2: fields: expected exponent and value of the beacon",
    ],
    [
      "a beacon of type contribution",
      (s) => patched(s, beacon + at.type, number32(0)),
      "contribution 3: fields: expected no beacon in a contribution of type 0",
    ],
    [
      "fields beyond the end",
      (s) => patched(s, beacon + at.fieldsLength, number32(1000)),
      "length of the fields: expected at most 44 bytes, actual 1000",
    ],
    [
      "a name beyond its fields",
      (s) => patched(s, beacon + at.fields + 1, Uint8Array.of(255)),
      "contribution 3: field 1: expected 255 bytes, actual 42 to the end",
    ],
    [
      "fields out of order",
      fields([2, 10, 1, 1, 65]),
      "number of a field: expected 3 to 3, in order, actual 1",
    ],
    ["a field twice", fields([1, 0, 1, 0]), "number of a field: expected 2 to 3, in order, actual 1"],
    ["an unknown field", fields([4, 0]), "number of a field: expected 1 to 3, in order, actual 4"],
    ["an exponent of 64", fields([2, 64, 3, 1, 1]), "exponent of the beacon: expected at most 63, actual 64"],
    ["an empty value", fields([2, 10, 3, 0]), "expected exponent and value of the beacon"],
    [
      "too many bytes in a hash's block",
      (s) => patched(s, bob + at.hashState + 200, number32(129)),
      "state of the hash: expected at most 128 bytes in the last block",
    ],
  ];
  it.each(contributions)("is refused with %s", async (_name, change, message) => {
    const refused = inspect(changed(change));
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  const heads: [string, number, Uint8Array, string][] = [
    ["another prime", 4, Uint8Array.of(1), "prime of the base field: expected that of BN254 or BLS12-381"],
    [
      "another size of the prime",
      0,
      number32(48),
      "prime of the base field: expected that of BN254 or BLS12-381",
    ],
    ["power 0", 36, number32(0), "section 1: power: expected 1 to 4, actual 0"],
    ["a power above the ceremony's", 36, number32(5), "section 1: power: expected 1 to 4, actual 5"],
    ["a ceremony of 2^33", 40, number32(33), "power of the ceremony: expected 1 to 32, actual 33"],
    [
      "a smaller power than its points",
      36,
      number32(3),
      "size of section 2: expected 960 bytes, actual 1984",
    ],
  ];
  it.each(heads)("is refused with %s", async (_name, offset, patch, message) => {
    const refused = inspect(withSection(files.whole, 1, (head) => patched(head, offset, patch)));
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  it.each([1, 3, 7])("is refused without section %i", async (id) => {
    const file = joinFile(splitFile(files.whole).filter((one) => one.id !== id));
    await expect(inspect(file)).rejects.toThrow(`expected a section ${id}, actual`);
  });

  it("is refused without a contribution", async () => {
    await expect(inspect(files.empty)).rejects.toThrow("contributions: expected at least one, actual none");
  });

  it("replaces control characters of a name", async () => {
    const file = changed((section) => patched(section, alice + at.fields + 2, Uint8Array.of(0x1b, 0x5b)));
    expect((await inspect(file)).contributions[0]?.name).toBe("\ufffd[ice");
  });
});
