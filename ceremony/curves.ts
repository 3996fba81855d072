/**
 * The curves of ceremonies, over @noble/curves: points from and to bytes, subgroups, pairings. The encodings are those of the Rust crates
 * `pairing` and `bellman`: coordinates big-endian, of an extension field's element c1 before c0, flags in the first byte's highest bits.
 */
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import type { IField } from "@noble/curves/abstract/modular.js";
import type { Fp2 } from "@noble/curves/abstract/tower.js";
import type { WeierstrassPoint, WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import { sumOfProducts } from "./multi-scalar.ts";

export type CurveName = "bn254" | "bls12-381";
export type PointG1 = WeierstrassPoint<bigint>;
export type PointG2 = WeierstrassPoint<Fp2>;

/**
 * `compressed` sets three flags with BLS12-381 (compressed, infinity, greatest y) and two with BN254 (greatest y, infinity).
 * `compressed-snarkjs` sets the two of BN254 with both curves.
 */
export type PointForm = "uncompressed" | "compressed" | "compressed-snarkjs";

/** Bytes or coordinates that are no point of the group. */
export class PointError extends Error {
  override readonly name = "PointError";
  readonly expected: string;
  readonly actual: string;
  constructor(expected: string, actual: string) {
    super(`expected ${expected}, actual ${actual}`);
    this.expected = expected;
    this.actual = actual;
  }
}

type Flags = { readonly compressed: number; readonly infinity: number; readonly greatest: number };

const zcashFlags: Flags = { compressed: 0x80, infinity: 0x40, greatest: 0x20 };
const twoFlags: Flags = { compressed: 0, infinity: 0x40, greatest: 0x80 };

/** A field's element from its coordinates (c0 first), and back. */
type Coordinates<F> = {
  readonly field: IField<F>;
  readonly degree: 1 | 2;
  of(element: F): readonly bigint[];
  from(coordinates: readonly bigint[]): F;
};

type GroupParameters<F> = {
  readonly name: "G1" | "G2";
  readonly Point: WeierstrassPointCons<F>;
  readonly coordinates: Coordinates<F>;
  /** Modulus of the base field. */
  readonly prime: bigint;
  /** Bytes of an element of the base field. */
  readonly fieldBytes: number;
  readonly flags: Flags;
};

/** One of a curve's two groups. `F` is the type of its points' coordinates. */
export class Group<F> {
  readonly name: "G1" | "G2";
  readonly base: WeierstrassPoint<F>;
  readonly zero: WeierstrassPoint<F>;
  readonly #parameters: GroupParameters<F>;
  readonly #b: F;
  readonly #cofactor: bigint;

  constructor(parameters: GroupParameters<F>) {
    this.#parameters = parameters;
    const { Point } = parameters;
    this.name = parameters.name;
    this.base = Point.BASE;
    this.zero = Point.ZERO;
    const { b, h } = Point.CURVE();
    this.#b = b;
    this.#cofactor = h;
  }

  /** Elements of the base field in one coordinate: 1 in G1, 2 in G2. */
  get degree(): 1 | 2 {
    return this.#parameters.coordinates.degree;
  }

  bytesOf(form: PointForm): number {
    const { fieldBytes } = this.#parameters;
    return this.degree * fieldBytes * (form === "uncompressed" ? 2 : 1);
  }

  /**
   * A point on the curve, in its one canonical encoding. The caller checks the subgroup.
   * @throws PointError for another length, wrong flags, a coordinate that is not below the prime, a point at infinity or off the curve
   */
  decode(bytes: Uint8Array, form: PointForm): WeierstrassPoint<F> {
    if (bytes.length !== this.bytesOf(form))
      throw new PointError(`${this.bytesOf(form)} bytes`, `${bytes.length}`);
    const { greatest, first } = this.#readFlags(bytes, form);
    const plain = bytes.slice();
    plain[0] = first;
    const { coordinates, fieldBytes } = this.#parameters;
    const half = fieldBytes * coordinates.degree;
    const x = this.#readCoordinate(plain.subarray(0, half));
    if (form === "uncompressed") return this.fromCoordinates(x, this.#readCoordinate(plain.subarray(half)));
    const root = this.#yOf(this.#elementOf(x));
    if (root === undefined) throw new PointError("x of a point on the curve", "no point has this x");
    return this.#point(this.#elementOf(x), this.#isGreatest(root) === greatest ? root : this.field.neg(root));
  }

  /** @throws PointError for the point at infinity */
  encode(point: WeierstrassPoint<F>, form: PointForm): Uint8Array {
    if (point.is0()) throw new PointError("a point that is not at infinity", "the point at infinity");
    const { x, y } = point.toAffine();
    const out = new Uint8Array(this.bytesOf(form));
    this.#writeCoordinate(out, 0, x);
    if (form === "uncompressed") {
      this.#writeCoordinate(out, out.length / 2, y);
      return out;
    }
    const flags = this.#flagsOf(form);
    out[0] = (out[0] as number) | flags.compressed | (this.#isGreatest(y) ? flags.greatest : 0);
    return out;
  }

  /**
   * The point with these affine coordinates, each as elements of the base field, c0 first.
   * @throws PointError for a coordinate that is not below the prime, or a point off the curve
   */
  fromCoordinates(x: readonly bigint[], y: readonly bigint[]): WeierstrassPoint<F> {
    const [px, py] = [this.#elementOf(x), this.#elementOf(y)];
    if (!this.field.eql(this.field.sqr(py), this.#rightSide(px)))
      throw new PointError("a point on the curve", "a point off the curve");
    return this.#point(px, py);
  }

  /** The affine coordinates, each as elements of the base field, c0 first; zeros for the point at infinity. */
  coordinatesOf(point: WeierstrassPoint<F>): {
    readonly x: readonly bigint[];
    readonly y: readonly bigint[];
  } {
    const { x, y } = point.toAffine();
    const { coordinates } = this.#parameters;
    return { x: coordinates.of(x), y: coordinates.of(y) };
  }

  /** The point with this x and the greater or smaller y; undefined if there is none. It may be outside the subgroup. */
  fromX(x: readonly bigint[], greatest: boolean): WeierstrassPoint<F> | undefined {
    const element = this.#elementOf(x);
    const root = this.#yOf(element);
    if (root === undefined) return undefined;
    return this.#point(element, this.#isGreatest(root) === greatest ? root : this.field.neg(root));
  }

  /** @throws PointError if the point is not in the subgroup of prime order */
  assertInSubgroup(point: WeierstrassPoint<F>): void {
    if (!point.isTorsionFree())
      throw new PointError(
        `a point in the subgroup of prime order of ${this.name}`,
        "a point on the curve outside the subgroup",
      );
  }

  /** The point times the cofactor: a point of the subgroup. */
  timesCofactor(point: WeierstrassPoint<F>): WeierstrassPoint<F> {
    return this.#cofactor === 1n
      ? point
      : mulAddUnsafe(this.#parameters.Point, [point], [this.#cofactor], true);
  }

  /** The sum of points times scalars, which are not negative; in variable time, for public values. */
  sumOfProducts(points: readonly WeierstrassPoint<F>[], scalars: readonly bigint[]): WeierstrassPoint<F> {
    return sumOfProducts(this.zero, points, scalars);
  }

  get field(): IField<F> {
    return this.#parameters.coordinates.field;
  }

  #flagsOf(form: PointForm): Flags {
    return form === "compressed" ? this.#parameters.flags : twoFlags;
  }

  /** @returns the greatest flag, and the first byte without flags */
  #readFlags(bytes: Uint8Array, form: PointForm): { readonly greatest: boolean; readonly first: number } {
    const head = bytes[0] as number;
    const { compressed, infinity, greatest } = this.#flagsOf(form);
    const mask = compressed | infinity | greatest;
    const isCompressed = form !== "uncompressed";
    if (head & infinity) throw new PointError("a point that is not at infinity", "the point at infinity");
    if (isCompressed ? (head & compressed) !== compressed : (head & mask) !== 0)
      throw new PointError(
        isCompressed ? "the flags of a compressed point" : "no flags in an uncompressed point",
        `first byte 0x${head.toString(16).padStart(2, "0")}`,
      );
    // Without flags, infinity would be all zeros.
    if (!isCompressed && bytes.every((byte) => byte === 0))
      throw new PointError("a point that is not at infinity", "the point at infinity");
    return { greatest: isCompressed && (head & greatest) !== 0, first: head & ~mask & 0xff };
  }

  /** Elements of the base field, c0 first; encoded with the highest first. */
  #readCoordinate(bytes: Uint8Array): readonly bigint[] {
    const { fieldBytes } = this.#parameters;
    const out: bigint[] = [];
    for (let at = bytes.length - fieldBytes; at >= 0; at -= fieldBytes)
      out.push(bytesToNumberBE(bytes.subarray(at, at + fieldBytes)));
    return out;
  }

  #writeCoordinate(out: Uint8Array, start: number, element: F): void {
    const { fieldBytes, coordinates } = this.#parameters;
    let at = start;
    for (const part of [...coordinates.of(element)].reverse()) {
      out.set(numberToBytesBE(part, fieldBytes), at);
      at += fieldBytes;
    }
  }

  #elementOf(coordinates: readonly bigint[]): F {
    const { prime } = this.#parameters;
    if (coordinates.length !== this.degree || coordinates.some((part) => part < 0n || part >= prime))
      throw new PointError("coordinates below the field's prime", coordinates.join(", "));
    return this.#parameters.coordinates.from(coordinates);
  }

  #rightSide(x: F): F {
    const { field } = this;
    return field.add(field.mul(field.sqr(x), x), this.#b);
  }

  #yOf(x: F): F | undefined {
    const { field } = this;
    const square = this.#rightSide(x);
    try {
      return field.sqrt(square);
    } catch {
      // The library has no square root without an exception.
      return undefined;
    }
  }

  #isGreatest(y: F): boolean {
    const { prime, coordinates } = this.#parameters;
    const parts = coordinates.of(y);
    const highest = [...parts].reverse().find((part) => part !== 0n) ?? 0n;
    return highest > (prime - 1n) / 2n;
  }

  #point(x: F, y: F): WeierstrassPoint<F> {
    if (this.field.is0(y)) throw new PointError("a point of odd order", "a point of order 2");
    return this.#parameters.Point.fromAffine({ x, y });
  }
}

export type Pair = { readonly g1: PointG1; readonly g2: PointG2 };

export type Curve = {
  readonly name: CurveName;
  /** Modulus of the base field. */
  readonly prime: bigint;
  /** Bytes of an element of the base field. */
  readonly fieldBytes: number;
  /** Order of both groups. */
  readonly order: bigint;
  readonly G1: Group<bigint>;
  readonly G2: Group<Fp2>;
  /** Whether the product of the pairings is one. No point may be at infinity. */
  pairingProductIsOne(pairs: readonly Pair[]): boolean;
};

type Library = {
  readonly G1: { readonly Point: WeierstrassPointCons<bigint> };
  readonly G2: { readonly Point: WeierstrassPointCons<Fp2> };
  readonly fields: (typeof bn254)["fields"];
  readonly pairingBatch: (typeof bn254)["pairingBatch"];
};

function curveOf(name: CurveName, library: Library, flags: Flags): Curve {
  const { Fp, Fp2: extension, Fp12, Fr } = library.fields;
  const [prime, fieldBytes] = [Fp.ORDER, Fp.BYTES];
  const base = { prime, fieldBytes, flags };
  return {
    name,
    prime,
    fieldBytes,
    order: Fr.ORDER,
    G1: new Group({
      ...base,
      name: "G1",
      Point: library.G1.Point,
      coordinates: {
        field: Fp,
        degree: 1,
        of: (element) => [element],
        from: ([c0 = 0n]) => c0,
      },
    }),
    G2: new Group({
      ...base,
      name: "G2",
      Point: library.G2.Point,
      coordinates: {
        field: extension,
        degree: 2,
        of: ({ c0, c1 }) => [c0, c1],
        from: ([c0 = 0n, c1 = 0n]) => ({ c0, c1 }),
      },
    }),
    pairingProductIsOne: (pairs) => Fp12.eql(library.pairingBatch([...pairs]), Fp12.ONE),
  };
}

export const curves: Readonly<Record<CurveName, Curve>> = {
  bn254: curveOf("bn254", bn254, twoFlags),
  "bls12-381": curveOf("bls12-381", bls12_381, zcashFlags),
};
