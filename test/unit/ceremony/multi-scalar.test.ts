/** Sums of points times scalars, against one product after another. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { curves } from "../../../ceremony/curves.ts";
import { sumOfProducts } from "../../../ceremony/multi-scalar.ts";

const { G1 } = curves["bls12-381"];

it("is the sum of the products, for any number of points and with scalars of any length", () => {
  const entry = fc.tuple(
    fc.bigInt({ min: 1n, max: 50n }),
    fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })),
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), (entries) => {
      const points = entries.map(([k]) => G1.base.multiplyUnsafe(k));
      const scalars = entries.map(([, scalar]) => scalar);
      const expected = entries.reduce((sum, [k, scalar]) => sum + k * scalar, 0n) % curves["bls12-381"].order;
      expect(sumOfProducts(G1.zero, points, scalars).equals(G1.base.multiplyUnsafe(expected))).toBe(true);
    }),
    { numRuns: 20 },
  );
});

it("refuses another number of scalars", () => {
  expect(() => sumOfProducts(G1.zero, [G1.base], [])).toThrow(/expected 1, actual 0/);
});
