/**
 * Sums of points times scalars by Pippenger's buckets. The library's own runs over all bits of the group's order; the random scalars of
 * a linear combination have 128, so this one takes half the time.
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";

/** Bits of a random scalar: the chance that wrong points pass is 2^-128. */
export const scalarBits = 128;

function digitsOf(scalar: bigint, windows: number, windowBits: number): Uint32Array {
  const mask = (1n << BigInt(windowBits)) - 1n;
  const out = new Uint32Array(windows);
  for (let i = 0, rest = scalar; i < windows; i++, rest >>= BigInt(windowBits)) out[i] = Number(rest & mask);
  return out;
}

/** In variable time: for public values only. @param scalars not negative, one for each point */
export function sumOfProducts<F>(
  zero: WeierstrassPoint<F>,
  points: readonly WeierstrassPoint<F>[],
  scalars: readonly bigint[],
): WeierstrassPoint<F> {
  if (points.length !== scalars.length)
    throw new RangeError(`scalars: expected ${points.length}, actual ${scalars.length}`);
  const bits = scalars.reduce((most, scalar) => Math.max(most, scalar.toString(2).length), 1);
  const windowBits = Math.max(2, Math.floor(Math.log2(points.length + 1)) - 2);
  const windows = Math.ceil(bits / windowBits);
  const digits = scalars.map((scalar) => digitsOf(scalar, windows, windowBits));
  let sum = zero;
  for (let window = windows - 1; window >= 0; window--) {
    for (let i = 0; i < windowBits; i++) sum = sum.double();
    const buckets: (WeierstrassPoint<F> | undefined)[] = Array.from({ length: 2 ** windowBits });
    for (const [i, point] of points.entries()) {
      const digit = digits[i]?.[window] ?? 0;
      if (digit !== 0) buckets[digit] = buckets[digit]?.add(point) ?? point;
    }
    let running = zero;
    for (const bucket of buckets.slice(1).reverse()) {
      if (bucket) running = running.add(bucket);
      sum = sum.add(running);
    }
  }
  return sum;
}
