/** Points of ceremonies from and to bytes: against @noble's own encodings, and every refusal. */
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import type { WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PointError, curves } from "../../../ceremony/curves.ts";
import type { Curve, Group, PointForm } from "../../../ceremony/curves.ts";
import { sameRatio } from "../../../ceremony/same-ratio.ts";

const names = ["bn254", "bls12-381"] as const;
const forms: readonly PointForm[] = ["uncompressed", "compressed", "compressed-snarkjs"];
const scalar = (curve: Curve): fc.Arbitrary<bigint> => fc.bigInt({ min: 1n, max: curve.order - 1n });

/** Whether each form, and the coordinates, lead back to the point. */
function roundTrips<F>(group: Group<F>, k: bigint): boolean {
  const point = group.base.multiplyUnsafe(k);
  const { x, y } = group.coordinatesOf(point);
  return (
    forms.every((form) => group.decode(group.encode(point, form), form).equals(point)) &&
    group.fromCoordinates(x, y).equals(point)
  );
}

/** The encoding of what the bytes decode to; undefined if they are refused. */
function reencoded(group: Group<bigint>, bytes: Uint8Array, form: PointForm): Uint8Array | undefined {
  try {
    return group.encode(group.decode(bytes, form), form);
  } catch (error) {
    if (error instanceof PointError) return undefined;
    throw error;
  }
}

/** A point on the curve that is outside the subgroup, from the first x that has one. */
function outside<F>(group: Group<F>): ReturnType<Group<F>["decode"]> {
  for (let x = 1n; ; x++) {
    const point = group.fromX(group.degree === 1 ? [x] : [x, 0n], false);
    if (point && !point.isTorsionFree()) return point;
  }
}

describe.each(names)("points of %s", (name) => {
  const curve = curves[name];

  it("are the same after encoding and decoding, in every form", () => {
    fc.assert(
      fc.property(scalar(curve), (k) => {
        expect(roundTrips(curve.G1, k)).toBe(true);
        expect(roundTrips(curve.G2, k)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  it("have one encoding: bytes that decode are the bytes of their point", () => {
    const bytes = fc.uint8Array({ minLength: curve.fieldBytes, maxLength: curve.fieldBytes });
    let decoded = 0;
    fc.assert(
      fc.property(bytes, fc.constantFrom(...forms.slice(1)), (random, form) => {
        const again = reencoded(curve.G1, random, form);
        if (again) decoded++;
        expect(again ?? random).toEqual(random);
      }),
      { numRuns: 400, seed: 7 },
    );
    expect(decoded).toBeGreaterThan(0);
  });

  it.each(["G1", "G2"] as const)("of %s are refused with expected and actual", (id) => {
    const group = curve[id] as Group<unknown>;
    for (const form of forms) {
      const good = group.encode(group.base, form);
      const infinity = new Uint8Array(good.length);
      infinity[0] = form === "compressed" && name === "bls12-381" ? 0xc0 : 0x40;
      const tooLarge = new Uint8Array(good.length).fill(0xff);
      tooLarge[0] = (good[0] as number) | (name === "bn254" ? 0x3f : 0x1f);
      const refused = (bytes: Uint8Array, text: RegExp): void =>
        expect(() => group.decode(bytes, form), form).toThrow(text);
      refused(good.subarray(1), /^expected \d+ bytes, actual \d+$/);
      refused(infinity, /actual the point at infinity/);
      refused(tooLarge, /below the field's prime/);
    }
    const off = group.encode(group.base, "uncompressed");
    off[off.length - 1] = (off.at(-1) as number) ^ 1;
    expect(() => group.decode(off, "uncompressed")).toThrow(/actual a point off the curve/);
    expect(() => group.decode(new Uint8Array(off.length), "uncompressed")).toThrow(/at infinity/);
    const flagged = group.encode(group.base, "uncompressed");
    flagged[0] = (flagged[0] as number) | 0x80;
    expect(() => group.decode(flagged, "uncompressed")).toThrow(/expected no flags/);
    expect(() => group.encode(group.zero, "compressed")).toThrow(/at infinity/);
  });

  it("without a point for their x are refused", () => {
    const missing = [...Array(50).keys()].find((x) => curve.G1.fromX([BigInt(x)], false) === undefined);
    const bytes = new Uint8Array(curve.fieldBytes);
    bytes[bytes.length - 1] = missing as number;
    expect(() => curve.G1.decode(bytes, "compressed-snarkjs")).toThrow(/no point has this x/);
  });

  it("outside the subgroup are refused, and the cofactor brings them in", () => {
    const groups = name === "bn254" ? [curve.G2] : [curve.G1, curve.G2];
    for (const group of groups as readonly Group<unknown>[]) {
      const point = outside(group);
      expect(() => group.assertInSubgroup(point)).toThrow(/outside the subgroup/);
      const cleared = group.timesCofactor(point);
      expect(() => group.assertInSubgroup(cleared)).not.toThrow();
      const Point = point.constructor as WeierstrassPointCons<unknown>;
      // The library's quick test of the subgroup against its definition.
      expect(mulAddUnsafe(Point, [point], [curve.order], true).is0()).toBe(false);
      expect(mulAddUnsafe(Point, [cleared], [curve.order], true).is0()).toBe(true);
    }
  });

  it("have the same ratio exactly if one scalar leads from each first to each second", () => {
    const { G1, G2 } = curve;
    fc.assert(
      fc.property(scalar(curve), scalar(curve), scalar(curve), (a, c, x) => {
        const g1 = G1.base.multiplyUnsafe(a);
        const g2 = G2.base.multiplyUnsafe(c);
        const [h1, h2] = [g1.multiplyUnsafe(x), g2.multiplyUnsafe(x)];
        expect(sameRatio(curve, [g1, h1], [g2, h2])).toBe(true);
        expect(sameRatio(curve, [g1, h1.add(G1.base)], [g2, h2])).toBe(false);
        expect(sameRatio(curve, [g1, G1.zero], [g2, G2.zero])).toBe(false);
      }),
      { numRuns: 3 },
    );
  });
});

describe("the compressed form of BLS12-381", () => {
  it("is the one of @noble, which is Zcash's", () => {
    const curve = curves["bls12-381"];
    fc.assert(
      fc.property(scalar(curve), (k) => {
        const [p, q] = [bls12_381.G1.Point.BASE.multiplyUnsafe(k), bls12_381.G2.Point.BASE.multiplyUnsafe(k)];
        for (const [form, compressed] of [
          ["compressed", true],
          ["uncompressed", false],
        ] as const) {
          expect(curve.G1.encode(p, form)).toEqual(p.toBytes(compressed));
          expect(curve.G2.encode(q, form)).toEqual(q.toBytes(compressed));
        }
      }),
      { numRuns: 5 },
    );
  });

  it("of the generators begins with the first bytes that the Zcash specification prints", () => {
    const { G1, G2 } = curves["bls12-381"];
    expect([...G1.encode(G1.base, "compressed").subarray(0, 4)]).toEqual([0x97, 0xf1, 0xd3, 0xa7]);
    expect([...G2.encode(G2.base, "compressed").subarray(0, 4)]).toEqual([0x93, 0xe0, 0x2b, 0x60]);
  });
});

it("the generator of BN254 is (1, 2), and its G2 has c1 first", () => {
  const { G1, G2 } = curves.bn254;
  const one = G1.encode(G1.base, "uncompressed");
  expect(one[31]).toBe(1);
  expect(one[63]).toBe(2);
  expect(G1.encode(G1.base.negate(), "compressed")[0]).toBe(0x80);
  const { c0, c1 } = bn254.G2.Point.BASE.toAffine().x;
  const hex = Buffer.from(G2.encode(G2.base, "uncompressed").subarray(0, 64)).toString("hex");
  expect(hex).toBe(c1.toString(16).padStart(64, "0") + c0.toString(16).padStart(64, "0"));
});
