import { leafBytes } from "./geometry.ts";
import { locate } from "./piece-list.ts";
import type { PieceList } from "./piece-list.ts";
import { sha256 } from "./primitives.ts";

/** R11: number of leaves in a challenge. */
export const leavesPerChallenge = 16;

const sampleDomain = new TextEncoder().encode("WHITEPAY_SAMPLE_V1");
const offsetDomain = new TextEncoder().encode("WHITEPAY_OFFSET_V1");
const wordLimit = 1n << 64n;

export type Draw = {
  /** Index in the piece list. */
  readonly piece: number;
  /** Index among the piece's data leaves. */
  readonly leaf: number;
};

/**
 * R9, R11: the 16 draws of a challenge, in order, with replacement. Each draw is a uniform byte of the provider's data, mapped to
 * its leaf; a leaf that is drawn twice counts twice, proven or not.
 *
 * Expansion of the seed: block j = SHA-256("WHITEPAY_SAMPLE_V1" ‖ seed ‖ uint32 j), j = 0, 1, …, read as four big-endian
 * 64-bit words. A word w is used if w < ⌊2^64 / total⌋ · total, and selects byte w mod total.
 */
export function sampleLeaves(seed: Uint8Array, list: PieceList): Draw[] {
  const words = uniformWords(sampleDomain, seed, list.totalBytes);
  return Array.from({ length: leavesPerChallenge }, () => {
    const { piece, offset } = locate(list, words());
    return { piece, leaf: Math.floor(offset / leafBytes) };
  });
}

/**
 * R8: block of the challenge, counted from the slot's start: uniform in [confirmations, slot − answer), from the same seed under
 * another domain ("WHITEPAY_OFFSET_V1"), so the leaves do not reveal the block, nor the block the leaves.
 */
export function challengeOffset(
  seed: Uint8Array,
  params: { slot: number; answer: number; confirmations: number },
): number {
  const width = params.slot - params.answer - params.confirmations;
  if (width < 1) {
    throw new RangeError(`slot: expected more than confirmations + answer blocks, actual ${params.slot}`);
  }
  return params.confirmations + Number(uniformWords(offsetDomain, seed, BigInt(width))());
}

/** Shared buffer for a domain, a seed and a counter. */
const input = new Uint8Array(256);
const inputView = new DataView(input.buffer);

/** Block number `counter` of the words (R11). */
function blockOf(tag: Uint8Array, seed: Uint8Array, counter: number): DataView {
  const length = tag.length + seed.length + 4;
  if (length > input.length)
    throw new RangeError(`seed: expected a shorter one, actual ${seed.length} bytes`);
  input.set(tag);
  input.set(seed, tag.length);
  inputView.setUint32(length - 4, counter);
  const digest = sha256(input.subarray(0, length));
  return new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** Source of uniform integers below `bound` (1 to 2^64 − 1), by rejection sampling. */
function uniformWords(tag: Uint8Array, seed: Uint8Array, bound: bigint): () => bigint {
  if (bound < 1n || bound >= wordLimit)
    throw new RangeError(`bound: expected 1 to 2^64 - 1, actual ${bound}`);
  const limit = wordLimit - (wordLimit % bound);
  let counter = 0;
  let block: DataView | undefined;
  let used = 0;
  return () => {
    for (;;) {
      if (block === undefined || used + 8 > block.byteLength) {
        block = blockOf(tag, seed, counter++);
        used = 0;
      }
      const word = block.getBigUint64(used);
      used += 8;
      if (word < limit) return word % bound;
    }
  };
}
