/** Reads the fields of one section in order: numbers, bytes, and points with little-endian coordinates in Montgomery form. */
import type { Curve, Group, PointG1, PointG2 } from "./curves.ts";
import { PointError, curves } from "./curves.ts";
import { CeremonyFileError } from "./report.ts";
import { u32At } from "./sections.ts";

type Point<F> = ReturnType<Group<F>["decode"]>;

/** 1 / 2^(8·bytes) modulo the prime, computed once for each curve. */
const inverses = new Map<bigint, bigint>();

function montgomeryInverse({ prime, fieldBytes, G1 }: Curve): bigint {
  const found = inverses.get(prime);
  if (found !== undefined) return found;
  const inverse = G1.field.inv((1n << BigInt(8 * fieldBytes)) % prime);
  inverses.set(prime, inverse);
  return inverse;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.length - 8; at >= 0; at -= 8) value = (value << 64n) | view.getBigUint64(at, true);
  return value;
}

/** One coordinate: each element of the base field times 2^(8·bytes), c0 first. @throws PointError unless below the prime */
function coordinateOf(curve: Curve, bytes: Uint8Array): bigint[] {
  const { fieldBytes, prime } = curve;
  const inverse = montgomeryInverse(curve);
  const out: bigint[] = [];
  for (let at = 0; at < bytes.length; at += fieldBytes) {
    const form = littleEndian(bytes.subarray(at, at + fieldBytes));
    if (form >= prime) throw new PointError("coordinates below the field's prime", `${form}`);
    out.push((form * inverse) % prime);
  }
  return out;
}

/**
 * A point of a section: two coordinates in Montgomery form. It is on the curve; the caller checks the subgroup.
 * @throws PointError for a coordinate that is not below the prime, and a point at infinity or off the curve
 */
export function montgomeryPoint<F>(curve: Curve, group: Group<F>, bytes: Uint8Array): Point<F> {
  if (bytes.every((byte) => byte === 0))
    throw new PointError("a point that is not at infinity", "the point at infinity");
  const half = bytes.length / 2;
  return group.fromCoordinates(
    coordinateOf(curve, bytes.subarray(0, half)),
    coordinateOf(curve, bytes.subarray(half)),
  );
}

/** The curve whose base field has this prime, little-endian; undefined if it is none of them. */
export function curveOfPrime(bytes: Uint8Array): Curve | undefined {
  const prime = littleEndian(bytes);
  return Object.values(curves).find((curve) => curve.prime === prime && curve.fieldBytes === bytes.length);
}

export class SectionReader {
  readonly #curve: Curve;
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #at = 0;

  /** @param name of the file and section, for messages */
  constructor(curve: Curve, bytes: Uint8Array, name: string) {
    this.#curve = curve;
    this.#bytes = bytes;
    this.#name = name;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws CeremonyFileError if the section ends before */
  bytes(count: number, what: string): Uint8Array {
    if (count > this.remaining) throw this.refuse(what, `${count} bytes`, `${this.remaining} to the end`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  u8(what: string): number {
    return this.bytes(1, what)[0] as number;
  }

  u32(what: string): number {
    return u32At(this.bytes(4, what), 0);
  }

  g1(what: string): PointG1 {
    return this.#point(this.#curve.G1, what);
  }

  g2(what: string): PointG2 {
    return this.#point(this.#curve.G2, what);
  }

  /** A point of the subgroup. @throws CeremonyFileError if it is none */
  #point<F>(group: Group<F>, what: string): Point<F> {
    const bytes = this.bytes(group.bytesOf("uncompressed"), what);
    try {
      const point = montgomeryPoint(this.#curve, group, bytes);
      group.assertInSubgroup(point);
      return point;
    } catch (error) {
      if (error instanceof PointError) throw this.refuse(what, error.expected, error.actual);
      throw error;
    }
  }

  refuse(what: string, expected: string, actual: string): CeremonyFileError {
    return new CeremonyFileError(`${this.#name}: ${what}`, { expected, actual });
  }
}
