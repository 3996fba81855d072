/**
 * BLAKE2b-512 continued from a stored state. A contribution of a `.ptau` file has the state of the hash of its response before the key,
 * and the key: so its hash can be computed without the gigabytes of points. The hash libraries do not give their state away.
 * Only some hundred bytes are hashed here, so clarity comes before speed (RFC 7693).
 */

/** A state between two blocks, with the bytes of the next block. */
export type Blake2bState = {
  /** Eight words of 64 bits. */
  readonly words: readonly bigint[];
  /** Bytes in the blocks before. */
  readonly count: bigint;
  /** Bytes of the block that is not full: 0 to 128. */
  readonly rest: Uint8Array;
};

/** 128 bytes of the block, eight words, the count of bytes before, the block's fill, and a word that is zero. */
export const blake2bStateBytes = 216;

const blockBytes = 128;
const mask = 0xffff_ffff_ffff_ffffn;

const initial: readonly bigint[] = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];

const schedule: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** The words that each of the eight mixings of a round changes. */
const mixings: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

const rounds = 12;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value >> bits) | (value << (64n - bits))) & mask;
}

function wordsOf(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i, true));
}

/** @param count bytes up to the end of this block */
function compress(state: readonly bigint[], block: Uint8Array, count: bigint, isLast: boolean): bigint[] {
  const message = wordsOf(block);
  const v = [...state, ...initial];
  const at = (i: number): bigint => v[i] as bigint;
  v[12] = at(12) ^ (count & mask);
  v[13] = at(13) ^ (count >> 64n);
  if (isLast) v[14] = at(14) ^ mask;
  for (let round = 0; round < rounds; round++) {
    const order = schedule[round % schedule.length] as readonly number[];
    for (const [i, [a, b, c, d]] of mixings.entries()) {
      for (const [k, [far, near]] of (
        [
          [32n, 24n],
          [16n, 63n],
        ] as const
      ).entries()) {
        const word = message[order[2 * i + k] as number] as bigint;
        v[a] = (at(a) + at(b) + word) & mask;
        v[d] = rotate(at(d) ^ at(a), far);
        v[c] = (at(c) + at(d)) & mask;
        v[b] = rotate(at(b) ^ at(c), near);
      }
    }
  }
  return state.map((word, i) => word ^ at(i) ^ at(i + 8));
}

/** The stored form of snarkjs. @returns undefined if the block's fill is more than a block */
export function readBlake2bState(bytes: Uint8Array): Blake2bState | undefined {
  const [count = 0n, fill = 0n] = wordsOf(bytes.subarray(192, 208));
  if (bytes.length !== blake2bStateBytes || fill > BigInt(blockBytes)) return undefined;
  return { words: wordsOf(bytes.subarray(128, 192)), count, rest: bytes.subarray(0, Number(fill)) };
}

/** The hash of what the state has seen and of `more`: 64 bytes. */
export function finishBlake2b({ words, count, rest }: Blake2bState, more: Uint8Array): Uint8Array {
  const left = new Uint8Array(rest.length + more.length);
  left.set(rest);
  left.set(more, rest.length);
  let state: readonly bigint[] = words;
  let at = 0;
  // The last block is never empty, unless all is.
  for (; left.length - at > blockBytes; at += blockBytes)
    state = compress(state, left.subarray(at, at + blockBytes), count + BigInt(at + blockBytes), false);
  const last = new Uint8Array(blockBytes);
  last.set(left.subarray(at));
  state = compress(state, last, count + BigInt(left.length), true);
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  for (const [i, word] of state.entries()) view.setBigUint64(8 * i, word, true);
  return out;
}
