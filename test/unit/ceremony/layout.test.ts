/** Sizes of Powers of Tau files: those that the ceremonies published, and no two alike. */
import { expect, it } from "vitest";
import { curveNames, layoutOf, layoutOfSize, layouts } from "../../../ceremony/powers-of-tau/layout.ts";

it("are those of the files that the ceremonies published", () => {
  // Perpetual Powers of Tau, 2^28.
  expect(layoutOf("challenge", "bn254", 28).size).toBe(103_079_215_232);
  expect(layoutOf("response", "bn254", 28).size).toBe(51_539_608_416);
  // Zcash's Powers of Tau, 2^21.
  expect(layoutOf("challenge", "bls12-381", 21).size).toBe(1_207_959_712);
  expect(layoutOf("response", "bls12-381", 21).size).toBe(603_981_040);
});

it("differ between all kinds, curves and powers, and lead back to their layout", () => {
  const all = curveNames.flatMap((name) => [...layouts("challenge", name), ...layouts("response", name)]);
  expect(new Set(all.map(({ size }) => size)).size).toBe(all.length);
  for (const { size, kind, power, curve } of all) {
    expect(layoutOfSize(size)).toMatchObject({ kind, power, curve: { name: curve.name } });
    expect(layoutOfSize(size + 1)).toBeUndefined();
  }
});

it("are the sums of head, sections and key, with no byte between them", () => {
  for (const { sections, kind, size, keyStart } of curveNames.flatMap((name) => layouts("response", name))) {
    let at = 64;
    for (const { start, points, pointBytes } of sections) {
      expect(start).toBe(at);
      at += points * pointBytes;
    }
    expect(kind).toBe("response");
    expect(keyStart).toBe(at);
    expect([768, 1152]).toContain(size - at);
  }
});
