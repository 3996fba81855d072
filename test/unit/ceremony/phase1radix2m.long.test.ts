/** phase1radix2m files of both curves: what holds, and each section with a point that is not its own. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { beforeAll, describe, expect, it } from "vitest";
import { phase1Layout, phase1Layouts } from "../../../ceremony/phase1radix2m/layout.ts";
import type { Phase1Section } from "../../../ceremony/phase1radix2m/layout.ts";
import { layoutOfSize, pointStart, sectionOf } from "../../../ceremony/powers-of-tau/layout.ts";
import type { Depth } from "../../../ceremony/powers-of-tau/chain.ts";
import type { CeremonyReport } from "../../../ceremony/report.ts";
import { makePhase1 } from "../../support/ceremony/phase1.ts";
import { encoders } from "../../support/ceremony/powers.ts";
import { replaced, verifyBytes } from "../../support/ceremony/verify.ts";

const power = 2;
const verify = (bytes: Uint8Array, depth: Depth = "points", name = "file"): Promise<CeremonyReport> =>
  verifyBytes([[name, bytes]], depth);

/** A section, the point that is replaced, and the beginnings of the problems. */
const forgeries: readonly [Phase1Section, number, readonly string[]][] = [
  ["alphaG1", 0, ["the Lagrange basis times α"]],
  ["betaG1", 0, ["β in G1 and in G2", "the Lagrange basis times β"]],
  ["betaG2", 0, ["β in G1 and in G2"]],
  ["lagrangeAlphaG1", 3, ["the Lagrange basis times α"]],
  ["lagrangeBetaG1", 1, ["the Lagrange basis times β"]],
  ["quotients", 2, ["the multiples of τ^n − 1"]],
];

describe.each(["bn254", "bls12-381"] as const)("phase1radix2m02 of %s", (name) => {
  const library = name === "bn254" ? bn254 : bls12_381;
  const { g1, g2 } = encoders(name);
  const layout = phase1Layout(name, power);
  let file: Uint8Array;
  beforeAll(() => {
    file = makePhase1(name, power);
  });

  const other = (section: Phase1Section): Uint8Array =>
    sectionOf(layout, section).group === "G1"
      ? g1(library.G1.Point.BASE.multiplyUnsafe(99n), false)
      : g2(library.G2.Point.BASE.multiplyUnsafe(99n), false);
  const forged = (section: Phase1Section, index: number): Promise<CeremonyReport> =>
    verify(replaced(file, pointStart(sectionOf(layout, section), index), other(section)));

  it("holds, and with one quotient, too", async () => {
    expect(file).toHaveLength(layout.size);
    const report = await verify(file);
    expect(report).toMatchObject({ kind: "phase1radix2m", curve: name, power, ok: true, problems: [] });
    expect((await verify(makePhase1(name, 1))).ok).toBe(true);
  });

  it.each(forgeries)(
    "with another point in %s fails what it belongs to",
    async (section, index, expected) => {
      const { problems, ok } = await forged(section, index);
      expect(ok).toBe(false);
      expect(problems).toEqual(expected.map((text) => expect.stringContaining(`file: ${text}`)));
    },
  );

  it.each([
    ["lagrangeG1", 2],
    ["lagrangeG2", 1],
    ["quotients", 0],
  ] as const)("with another point in %s, on which others depend, fails", async (section, index) => {
    expect((await forged(section, index)).problems.length).toBeGreaterThan(0);
  });

  it("with two points of the basis in each other's place fails", async () => {
    let swapped = file;
    for (const section of ["lagrangeG1", "lagrangeG2", "lagrangeAlphaG1", "lagrangeBetaG1"] as const) {
      const own = sectionOf(layout, section);
      const [a, b] = [pointStart(own, 1), pointStart(own, 2)];
      const at = (start: number): Uint8Array => swapped.slice(start, start + own.pointBytes);
      swapped = replaced(replaced(swapped, a, at(b)), b, at(a));
    }
    expect((await verify(swapped)).ok).toBe(false);
  });

  it("read in part says what was left out, and truncated is refused with the size that fits its name", async () => {
    const part = await verify(file, "keys");
    expect(part.ok).toBe(true);
    expect(part.notChecked.join("\n")).toMatch(/all points but the first three/);
    await expect(verify(file.subarray(1), "points", "phase1radix2m02")).rejects.toThrow(
      new RegExp(
        `phase1radix2m02: truncated, or too long: expected .*${file.length} bytes .*actual ${file.length - 1} bytes`,
      ),
    );
    const off = replaced(file, 63, Uint8Array.of((file[63] as number) ^ 1));
    await expect(verify(off)).rejects.toThrow(/point 0 of alphaG1 at byte 0: expected a point on the curve/);
  });
});

it("a basis over the root of unity of ffjavascript holds, too", async () => {
  expect((await verify(makePhase1("bn254", power, 5n))).ok).toBe(true);
});

it("sizes are those of no challenge, no response and no other such file", () => {
  const sizes = phase1Layouts.map(({ size }) => size);
  expect(new Set(sizes).size).toBe(sizes.length);
  expect(sizes.filter((size) => layoutOfSize(size) !== undefined)).toEqual([]);
  // Zcash's file for 2^21 points.
  expect(phase1Layout("bls12-381", 21).size).toBe(576 * 2 ** 21 + 288);
});
