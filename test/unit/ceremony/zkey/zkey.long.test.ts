import { beforeAll, describe, expect, it } from "vitest";
import { CeremonyFileError } from "../../../../ceremony/report.ts";
import { inspectZkey } from "../../../../ceremony/zkey/inspect.ts";
import type { ZkeyOptions } from "../../../../ceremony/zkey/inspect.ts";
import { concatBytes } from "../../../../storage/core/bytes.ts";
import { sourceOf } from "../../../support/ceremony/bytes-source.ts";
import {
  beaconValue,
  joinFile,
  number32,
  patched,
  splitFile,
  withSection,
} from "../../../support/ceremony/ptau-files.ts";
import { makeZkeyFiles } from "../../../support/ceremony/zkey-files.ts";
import type { ZkeyFiles } from "../../../support/ceremony/zkey-files.ts";

/** Offsets in a contribution with BN254. */
const at = { delta: 0, s: 64, sx: 128, spx: 192, transcript: 320, type: 384, fieldsLength: 388, fields: 392 };
const [g1, g2] = [64, 128];
const alice = 68;
const bob = alice + 392 + 7;
const beacon = bob + 392 + 5;

let files: ZkeyFiles;

beforeAll(async () => {
  files = await makeZkeyFiles();
}, 120_000);

const magic = { magic: "zkey" };
const inspect = (bytes: Uint8Array, options: ZkeyOptions = {}) =>
  inspectZkey(sourceOf("c.zkey", bytes), options);
const changed = (id: number, change: (section: Uint8Array) => Uint8Array): Uint8Array =>
  withSection(files.whole, id, change, magic);
const copied = (section: Uint8Array, from: number, to: number, bytes: number): Uint8Array =>
  patched(section, to, section.slice(from, from + bytes));

async function failures(bytes: Uint8Array): Promise<Record<number, string[]>> {
  const report = await inspect(bytes);
  const failed = report.contributions.flatMap(({ index, checks }) => {
    const names = Object.keys(checks).filter((name) => !checks[name]);
    return names.length > 0 ? [[index, names] as const] : [];
  });
  expect(report.ok).toBe(report.problems.length === 0);
  return Object.fromEntries(failed);
}

describe("a .zkey file of snarkjs", () => {
  it("holds, and has the hashes that snarkjs printed", async () => {
    const report = await inspect(files.whole);
    expect(report).toMatchObject({ kind: "zkey", curve: "bn254", power: 2, problems: [], ok: true });
    expect(report.contributions.map(({ name }) => name)).toEqual(["Alice", "Bob", "Beacon"]);
    expect(report.contributions.map(({ hash }) => hash)).toEqual(files.hashes.map((hash) => `0x${hash}`));
    expect(report.beacon).toMatchObject({ value: `0x${beaconValue}`, iterations: 1024, ok: true });
    expect(report.notChecked.join()).toContain(
      "the points of the key need the circuit and the file of phase 1",
    );
  });

  it("does not hash a beacon's value more often than allowed", async () => {
    const report = await inspect(files.whole, { maxBeaconExponent: 9 });
    expect(report).toMatchObject({ ok: true, beacon: { ok: undefined } });
    expect(report.notChecked.join()).toContain("its 2^10 hashes are more than the 2^9 allowed");
  });

  it("has a beacon whose value is that of a block", async () => {
    const origin = { source: "block", chainId: 1n, number: 5, hash: `0x${beaconValue}` } as const;
    expect(await inspect(files.whole, { origin })).toMatchObject({
      ok: true,
      beacon: { source: "block", ok: true },
    });
    const other = { ...origin, hash: `0x${"00".repeat(32)}` } as const;
    expect(await inspect(files.whole, { origin: other })).toMatchObject({ ok: false, beacon: { ok: false } });
  });
});

describe("a forged .zkey file", () => {
  it("with another delta does not hold, nor do its successors", async () => {
    const file = changed(10, (section) => copied(section, alice + at.delta, bob + at.delta, g1));
    expect(await failures(file)).toEqual({ 2: ["delta"], 3: ["transcript", "delta"] });
  });

  it("with another proof of the secret does not hold", async () => {
    const file = changed(10, (section) => copied(section, alice + at.spx, bob + at.spx, g2));
    expect(await failures(file)).toEqual({ 2: ["keyDelta", "delta"], 3: ["transcript"] });
  });

  it("with another pair does not hold", async () => {
    const file = changed(10, (section) => copied(section, alice + at.s, bob + at.s, 2 * g1));
    expect(await failures(file)).toEqual({ 2: ["transcript", "keyDelta"], 3: ["transcript"] });
  });

  it("with another transcript or another circuit's hash does not hold", async () => {
    const transcript = changed(10, (section) =>
      patched(section, bob + at.transcript, Uint8Array.of(1, 2, 3)),
    );
    expect(await failures(transcript)).toEqual({ 2: ["transcript", "keyDelta", "delta"], 3: ["transcript"] });
    const circuit = changed(10, (section) => patched(section, 0, new Uint8Array(64)));
    expect(await failures(circuit)).toEqual({ 1: ["transcript"], 2: ["transcript"], 3: ["transcript"] });
  });

  it("with a contribution left out, or two in another order, does not hold", async () => {
    const left = changed(10, (section) =>
      concatBytes(section.subarray(0, 64), number32(2), section.subarray(bob)),
    );
    expect(await failures(left)).toEqual({ 1: ["transcript", "delta"], 2: ["transcript"] });
    const swapped = changed(10, (section) =>
      concatBytes(
        section.subarray(0, alice),
        section.subarray(bob, beacon),
        section.subarray(alice, bob),
        section.subarray(beacon),
      ),
    );
    expect(Object.keys(await failures(swapped))).toEqual(["1", "2", "3"]);
  });

  it("with the last contribution left out does not hold: the key has another delta", async () => {
    const file = changed(10, (section) =>
      concatBytes(section.subarray(0, 64), number32(2), section.subarray(alice, beacon)),
    );
    const report = await inspect(file);
    expect(report.contributions.every(({ ok }) => ok)).toBe(true);
    expect(report.problems).toEqual([
      "expected that delta in G1 is that of the last contribution, actual: it is another",
    ]);
  });

  it("with another delta in the head does not hold", async () => {
    const last = splitFile(files.whole).find(({ id }) => id === 2)?.bytes.length as number;
    // The last two points of the head are delta in G1 and G2; gamma in G2 stands before them.
    const file = changed(2, (head) => copied(head, last - 2 * g2 - g1, last - g2, g2));
    expect((await inspect(file)).problems).toEqual([
      "expected that delta in G2 is the same as in G1, actual: it is another",
    ]);
  });

  it.each([
    ["value", 12, Uint8Array.of(0xff)],
    ["exponent", 9, Uint8Array.of(11)],
  ])("with another %s of the beacon does not hold", async (_name, offset, patch) => {
    const file = changed(10, (section) => patched(section, beacon + at.fields + offset, patch));
    expect(await failures(file)).toEqual({ 3: ["beaconKey"] });
  });

  it.each([
    ["s", at.s],
    ["x·s", at.sx],
  ])("with another %s in the beacon's key does not hold, for the beacon too", async (_name, offset) => {
    const file = changed(10, (section) => copied(section, alice + offset, beacon + offset, g1));
    expect(await failures(file)).toEqual({ 3: ["transcript", "keyDelta", "beaconKey"] });
  });
});

describe("a .zkey file against its format", () => {
  const contributions: [string, (section: Uint8Array) => Uint8Array, string][] = [
    [
      "a count of 2^32 - 1",
      (s) => patched(s, 64, number32(0xffff_ffff)),
      "number of contributions: expected at most 3",
    ],
    [
      "a count below",
      (s) => patched(s, 64, number32(2)),
      "bytes after contribution 2: expected none, actual 436",
    ],
    [
      "no bytes",
      () => new Uint8Array(0),
      "section 10: hash of the circuit: expected 64 bytes, actual 0 to the end",
    ],
    ["a cut contribution", (s) => s.subarray(0, -1), "contribution 3"],
    [
      "a point off the curve",
      (s) => patched(s, bob + at.s, Uint8Array.of(1)),
      "contribution 2: s of the key: expected a point on the curve",
    ],
    [
      "a point at infinity",
      (s) => patched(s, bob + at.delta, new Uint8Array(g1)),
      "contribution 2: delta in G1: expected a point that is not at infinity",
    ],
    [
      "a coordinate above the prime",
      (s) => patched(s, bob + at.spx, new Uint8Array(g2).fill(0xff)),
      "contribution 2: point of G2 of the key: expected coordinates below",
    ],
    [
      "type 2",
      (s) => patched(s, bob + at.type, number32(2)),
      "contribution 2: type: expected 0 (a contribution) or 1",
    ],
    [
      "fields beyond the end",
      (s) => patched(s, beacon + at.fieldsLength, number32(1000)),
      "length of the fields: expected at most 44 bytes",
    ],
  ];
  it.each(contributions)("is refused with %s", async (_name, change, message) => {
    const refused = inspect(changed(10, change));
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  // Size and prime of the base field, size and order of the scalars, then three counts.
  const heads: [string, number, Uint8Array, string][] = [
    ["another prime", 4, Uint8Array.of(1), "prime of the base field: expected that of BN254 or BLS12-381"],
    [
      "a prime of 2^32 - 1 bytes",
      0,
      number32(0xffff_ffff),
      "prime of the base field: expected that of BN254",
    ],
    ["a prime of no bytes", 0, number32(0), "prime of the base field: expected that of BN254"],
    ["another order", 40, Uint8Array.of(2), "order of the groups: expected that of bn254"],
    ["an order of 2^32 - 1 bytes", 36, number32(0xffff_ffff), "order of the groups: expected that of bn254"],
    [
      "more public inputs than variables",
      76,
      number32(4),
      "public inputs: expected fewer than the 4 variables, actual 4",
    ],
    ["a domain of 3", 80, number32(3), "size of the domain: expected a power of two, actual 3"],
    ["a domain of 0", 80, number32(0), "size of the domain: expected a power of two, actual 0"],
    ["another domain", 80, number32(8), "size of section 9: expected 512 bytes, actual 256"],
    ["another number of variables", 72, number32(5), "size of section 5: expected 320 bytes, actual 256"],
  ];
  it.each(heads)("is refused with %s", async (_name, offset, patch, message) => {
    const refused = inspect(changed(2, (head) => patched(head, offset, patch)));
    await expect(refused).rejects.toThrow(CeremonyFileError);
    await expect(refused).rejects.toThrow(message);
  });

  it("is refused with a head that is too long or too short", async () => {
    await expect(inspect(changed(2, (head) => head.subarray(0, 3)))).rejects.toThrow(
      "prime of the base field",
    );
    await expect(inspect(changed(2, (head) => head.subarray(0, -1)))).rejects.toThrow(
      "delta in G2: expected 128 bytes",
    );
    await expect(inspect(changed(2, (head) => concatBytes(head, Uint8Array.of(0))))).rejects.toThrow(
      "bytes after delta: expected none, actual 1",
    );
    await expect(inspect(changed(2, () => new Uint8Array(4096)))).rejects.toThrow(
      "size of section 2: expected at most 2048 bytes, actual 4096",
    );
  });

  it.each([1, 2, 3, 4, 8, 9, 10])("is refused without section %i", async (id) => {
    const file = joinFile(
      splitFile(files.whole).filter((one) => one.id !== id),
      magic,
    );
    await expect(inspect(file)).rejects.toThrow(`expected a section ${id}, actual`);
  });

  it("is refused without a contribution, and for another proof system", async () => {
    await expect(inspect(files.empty)).rejects.toThrow("contributions: expected at least one, actual none");
    await expect(inspect(files.plonk)).rejects.toThrow("proof system: expected 1 (Groth16)");
    const more = joinFile([...splitFile(files.whole), { id: 11, bytes: new Uint8Array(1) }], magic);
    await expect(inspect(more)).rejects.toThrow("sections: expected 1 to 10, actual 11");
  });
});
