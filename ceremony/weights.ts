/** Random scalars for linear combinations: a sum of checks holds by chance with a probability of 2^-128 if one of them does not. */
import { randomBytes } from "@noble/hashes/utils.js";

const weightBytes = 16;

export function randomWeights(count: number): bigint[] {
  const view = new DataView(randomBytes(count * weightBytes).buffer);
  return Array.from(
    { length: count },
    (_, i) => (view.getBigUint64(i * weightBytes) << 64n) | view.getBigUint64(i * weightBytes + 8),
  );
}
