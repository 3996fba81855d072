/** R9: the seed of one group's leaves, from the seed that a keeper signs for a provider and a slot. */
import { keccak256, word, wordBytes } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** keccak256(abi.encode(bytes seed, address group, uint32 provider)): offset, group, provider, length, bytes padded to words. */
export function leafSeed(seed: Uint8Array, group: Hex, provider: number): Uint8Array {
  const padded = Math.ceil(seed.length / wordBytes) * wordBytes;
  const out = new Uint8Array(4 * wordBytes + padded);
  [word(3 * wordBytes), word(group), word(provider), word(seed.length)].forEach((value, i) =>
    out.set(value, i * wordBytes),
  );
  out.set(seed, 4 * wordBytes);
  return keccak256(out);
}
