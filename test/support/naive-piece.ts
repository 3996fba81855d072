/** R10 written a second time from the rule: recursive, slow, without code of storage/. */
import { createHash } from "node:crypto";

const sha = (...parts: Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** Digest of `nodes`, a power of two of them, by halving. */
function fold(nodes: readonly Buffer[]): Buffer {
  if (nodes.length === 1) return nodes[0]!;
  const half = nodes.length / 2;
  return sha(Buffer.of(1), fold(nodes.slice(0, half)), fold(nodes.slice(half)));
}

/** All leaf hashes of the padded tree: 124 data leaves and 4 zero ones for each segment. */
function naiveLeaves(file: Uint8Array): Buffer[][] {
  const segments: Buffer[][] = [];
  for (let start = 0; start < file.length; start += 124 * 1024) {
    const leaves: Buffer[] = [];
    for (let i = 0; i < 128; i++) {
      const from = start + i * 1024;
      const to = Math.min(from + 1024, start + 124 * 1024, file.length);
      const leaf = Buffer.alloc(1024);
      if (i < 124 && from < to) leaf.set(file.subarray(from, to));
      leaves.push(sha(Buffer.of(0), leaf));
    }
    segments.push(leaves);
  }
  return segments;
}

/** The piece's root, 32 bytes. */
export function naiveRoot(file: Uint8Array): Buffer {
  const roots = naiveLeaves(file).map(fold);
  while (Math.log2(roots.length) % 1 !== 0) roots.push(Buffer.alloc(32));
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(file.length));
  return sha(Buffer.of(2), size, fold(roots));
}
