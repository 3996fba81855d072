/** A beacon that takes time: a public value, hashed 2^exponent times with SHA-256. */
import { sha256 } from "../../storage/core/primitives.ts";

/** The largest exponent that the file formats can state. */
export const maxExponent = 63;

/** Between two calls of `onProgress`: some hundredths of a second. */
const hashesPerStep = 2 ** 16;

export type IterateOptions = {
  /** Called after each 2^16 hashes with the hashes made so far and in all; awaited, so that the caller can yield to other work. */
  readonly onProgress?: (done: bigint, total: bigint) => void | Promise<void>;
};

/**
 * SHA-256 applied 2^exponent times to `value`; 32 bytes.
 * @param exponent 0 to 63; the caller sets a lower bound for values from strangers
 * @throws RangeError if the exponent is out of range
 */
export async function iterateSha256(
  value: Uint8Array,
  exponent: number,
  { onProgress }: IterateOptions = {},
): Promise<Uint8Array> {
  if (!Number.isInteger(exponent) || exponent < 0 || exponent > maxExponent) {
    throw new RangeError(`exponent of a beacon: expected 0 to ${maxExponent}, actual ${exponent}`);
  }
  const total = 2n ** BigInt(exponent);
  const step = Math.min(hashesPerStep, 2 ** exponent);
  let current = value;
  for (let done = 0n; done < total;) {
    for (let i = 0; i < step; i++) current = sha256(current);
    done += BigInt(step);
    await onProgress?.(done, total);
  }
  return current;
}
