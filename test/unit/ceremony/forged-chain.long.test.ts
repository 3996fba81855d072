/** Forged chains with both curves: each forgery fails exactly the checks that show it. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { beforeAll, describe, expect, it } from "vitest";
import { curves } from "../../../ceremony/curves.ts";
import type { Group } from "../../../ceremony/curves.ts";
import { layoutOf, pointStart, sectionOf } from "../../../ceremony/powers-of-tau/layout.ts";
import type { FileKind, SectionName } from "../../../ceremony/powers-of-tau/layout.ts";
import { encoders, makeChain } from "../../support/ceremony/powers.ts";
import type { MadeChain } from "../../support/ceremony/powers.ts";
import { failedChecks, replaced, verifyBytes } from "../../support/ceremony/verify.ts";
import type { NamedBytes } from "../../support/ceremony/verify.ts";
import type { CeremonyReport } from "../../../ceremony/report.ts";

const power = 2;

describe.each(["bn254", "bls12-381"] as const)("a chain of two contributions with %s", (name) => {
  const curve = curves[name];
  const library = name === "bn254" ? bn254 : bls12_381;
  const { g1, g2 } = encoders(name);
  const otherG1 = library.G1.Point.BASE.multiplyUnsafe(99n);
  const otherG2 = library.G2.Point.BASE.multiplyUnsafe(99n);
  let chain: MadeChain;
  let all: readonly NamedBytes[];

  beforeAll(() => {
    chain = makeChain(name, { power, contributions: 2 });
    const { challenges, responses } = chain;
    all = [0, 1].flatMap((i): NamedBytes[] => [
      [`challenge ${i + 1}`, challenges[i] as Uint8Array],
      [`response ${i + 1}`, responses[i] as Uint8Array],
    ]);
  });

  const startOf = (kind: FileKind, section: SectionName, index: number): number =>
    pointStart(sectionOf(layoutOf(kind, name, power), section), index);
  const withFile = (file: string, bytes: Uint8Array): NamedBytes[] =>
    all.map((own) => (own[0] === file ? [file, bytes] : own));
  const bytesOf = (file: string): Uint8Array => (all.find(([own]) => own === file) as NamedBytes)[1];
  const forged = (file: string, start: number, bytes: Uint8Array): Promise<CeremonyReport> =>
    verifyBytes(withFile(file, replaced(bytesOf(file), start, bytes)));
  const keyStart = layoutOf("response", name, power).keyStart as number;
  const spxStart = (i: number): number =>
    keyStart + 6 * g1(otherG1, false).length + i * g2(otherG2, false).length;

  it("holds, and so do its responses alone, and a transcript of its accumulators", async () => {
    const [whole, responses, transcript] = [
      await verifyBytes(all),
      await verifyBytes(all.filter((_, i) => i % 2 === 1)),
      await verifyBytes([["transcript", chain.transcript]]),
    ];
    const hashes = whole.contributions.map(({ hash }) => hash);
    for (const report of [whole, responses, transcript]) {
      expect(report).toMatchObject({
        kind: "powers-of-tau-chain",
        curve: name,
        power,
        ok: true,
        problems: [],
      });
      expect(report.contributions.map(({ hash }) => hash)).toEqual(hashes);
    }
    expect(transcript.contributions.map((own) => own.name)).toEqual([
      "transcript, record 1",
      "transcript, record 2",
    ]);
  });

  it("from its second response on says that the powers before are unknown", async () => {
    const report = await verifyBytes([["response 2", bytesOf("response 2")]]);
    expect(report.ok).toBe(true);
    expect(Object.keys(report.contributions[0]?.checks ?? {})).not.toContain("tauG1");
    expect(report.notChecked.join("\n")).toMatch(/does not answer the first challenge/);
  });

  it("with another point in a key fails the proof of that secret, and what follows from it", async () => {
    const report = await forged("response 2", spxStart(1), g2(otherG2, false));
    expect(failedChecks(report)).toEqual([[], ["keyAlpha", "alphaG1"]]);
    expect(report.problems).toEqual([
      expect.stringMatching(/^response 2: the key's proof of knowledge of α: expected .*, actual another$/),
      expect.stringMatching(/^response 2: α in G1: expected .*, actual another point$/),
    ]);
  });

  it("with a point in its first response that is not the product fails there and in the next head", async () => {
    const report = await forged("response 1", startOf("response", "alphaTauG1", 0), g1(otherG1, true));
    expect(failedChecks(report)[0]).toEqual(["alphaG1", "nextHead", "nextPoints"]);
  });

  it("with another high power in its last response fails the random combination of that section alone", async () => {
    const g1Section = await forged("response 2", startOf("response", "betaTauG1", 3), g1(otherG1, true));
    expect(failedChecks(g1Section)).toEqual([[], ["powersBetaG1"]]);
    const g2Section = await forged("response 2", startOf("response", "tauG2", 2), g2(otherG2, true));
    expect(failedChecks(g2Section)).toEqual([[], ["powersTauG2"]]);
  });

  it("with a high power in a challenge that is not the response's fails the comparison and the chain", async () => {
    const report = await forged("challenge 2", startOf("challenge", "tauG1", 5), g1(otherG1, false));
    expect(failedChecks(report)).toEqual([["nextPoints"], ["chain"]]);
    expect(report.problems[0]).toMatch(
      /challenge 2: expected the points of response 1, actual another point 5 of tauG1/,
    );
  });

  it("with a first challenge that is not made of generators fails", async () => {
    const report = await forged("challenge 1", startOf("challenge", "betaTauG1", 2), g1(otherG1, false));
    expect(report.problems[0]).toMatch(/challenge 1: hash of the first challenge: expected 0x.*, actual 0x/);
    expect(failedChecks(report)[0]).toEqual(["chain"]);
  });

  it("with its contributions swapped fails both", async () => {
    const [first, second] = [bytesOf("response 1"), bytesOf("response 2")];
    const report = await verifyBytes(
      [
        ["a", second],
        ["b", first],
      ],
      "hashes",
    );
    expect(report.notChecked.join("\n")).toMatch(/a does not answer the first challenge/);
    expect(failedChecks(report)[1]).toEqual(["chain", "tauG1", "tauG2", "alphaG1", "betaG1", "betaG2"]);
  });

  it("with a contribution of another ceremony fails it", async () => {
    const other = makeChain(name, { power, contributions: 2, seed: 2 }).responses[1] as Uint8Array;
    const report = await verifyBytes(withFile("response 2", other), "hashes");
    expect(failedChecks(report)).toEqual([[], ["chain", "tauG1", "tauG2", "alphaG1", "betaG1", "betaG2"]]);
    const keysAlone = await verifyBytes(withFile("response 2", other), "keys");
    expect(failedChecks(keysAlone)[1]).toEqual(["tauG1", "tauG2", "alphaG1", "betaG1", "betaG2"]);
  });

  it("with a point outside the subgroup is refused", async () => {
    const group = (name === "bn254" ? curve.G2 : curve.G1) as Group<unknown>;
    const section = name === "bn254" ? "tauG2" : "tauG1";
    let point: ReturnType<typeof group.decode> | undefined;
    for (let x = 1n; point === undefined || point.isTorsionFree(); x++)
      point = group.fromX(group.degree === 1 ? [x] : [x, 0n], false);
    const bytes = group.encode(point, "compressed");
    for (const index of [1, 3])
      await expect(forged("response 2", startOf("response", section, index), bytes)).rejects.toThrow(
        new RegExp(`response 2, point ${index} of ${section} at byte \\d+: .* outside the subgroup`),
      );
  });

  it("as a transcript with another record's key, or read by its keys alone, says so", async () => {
    const { transcript } = chain;
    const record = transcript.length / 2;
    const keyBytes =
      layoutOf("record", name, power).size - (layoutOf("record", name, power).keyStart as number);
    const key = transcript.subarray(record - keyBytes, record);
    const report = await verifyBytes(
      [["t", replaced(transcript, transcript.length - keyBytes, key)]],
      "hashes",
    );
    expect(failedChecks(report)[0]).toEqual([]);
    expect(failedChecks(report)[1]).toContain("keyTau");
    const swapped = concatBytes(transcript.subarray(record), transcript.subarray(0, record));
    expect((await verifyBytes([["t", swapped]], "hashes")).ok).toBe(false);
    const keysAlone = await verifyBytes([["t", transcript]], "keys");
    expect(Object.keys(keysAlone.contributions[1]?.checks ?? {})).toEqual(["tauG2", "betaG2"]);
    expect(keysAlone.notChecked.join("\n")).toMatch(/they need the hash of a challenge/);
  });
});
