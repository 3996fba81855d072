import {
  dataLeavesPerSegment,
  hashBytes,
  leafBytes,
  segmentBytes,
  leavesPerSegment,
  pieceGeometry,
} from "./geometry.ts";
import { sha256 } from "./primitives.ts";

/** Domain tags: the first byte of every SHA-256 input of the storage rules (R10 defines 0 to 2). */
export const domainTags = { leaf: 0, node: 1, root: 2, list: 3, proof: 4 } as const;

// Leaf inputs have one size and node inputs another, so two buffers serve all hashes.
const leafInput = new Uint8Array(1 + leafBytes);
leafInput[0] = domainTags.leaf;
const nodeInput = new Uint8Array(1 + 2 * hashBytes);
nodeInput[0] = domainTags.node;

/** SHA-256(00 ‖ 1024 bytes); shorter `data` is padded with zeros. */
export function leafHash(data: Uint8Array): Uint8Array {
  if (data.length > leafBytes)
    throw new RangeError(`leaf: expected at most 1024 bytes, actual ${data.length}`);
  leafInput.set(data, 1);
  leafInput.fill(0, 1 + data.length);
  return sha256(leafInput);
}

/** SHA-256(01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return sha256(nodeInput);
}

/** The root: SHA-256(02 ‖ uint64 big-endian size ‖ top). */
export function rootHash(size: number, top: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 8 + hashBytes);
  input[0] = domainTags.root;
  new DataView(input.buffer).setBigUint64(1, BigInt(size));
  input.set(top, 9);
  return sha256(input);
}

/** All levels of a perfect tree over `level` (2^k nodes), lowest first; the last level has the top alone. */
export function treeLevels(level: readonly Uint8Array[]): Uint8Array[][] {
  const levels: Uint8Array[][] = [[...level]];
  let current = levels[0] as Uint8Array[];
  while (current.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < current.length; i += 2) {
      next.push(nodeHash(current[i] as Uint8Array, current[i + 1] as Uint8Array));
    }
    levels.push(next);
    current = next;
  }
  return levels;
}

/** The 128 leaf hashes of a segment: 124 of data (zero-padded) and four of zeros. */
export function segmentLeaves(segment: Uint8Array): Uint8Array[] {
  if (segment.length > segmentBytes) {
    throw new RangeError(`segment: expected at most ${segmentBytes} bytes, actual ${segment.length}`);
  }
  const leaves: Uint8Array[] = [];
  for (let i = 0; i < leavesPerSegment; i++) {
    const data =
      i < dataLeavesPerSegment ? segment.subarray(i * leafBytes, (i + 1) * leafBytes) : new Uint8Array();
    leaves.push(leafHash(data));
  }
  return leaves;
}

export function segmentRoot(segment: Uint8Array): Uint8Array {
  return topOf(segmentLeaves(segment));
}

/** The top over segment roots, padded to a power of two with 32 zero bytes each. */
export function topHash(segmentRoots: readonly Uint8Array[]): Uint8Array {
  const padded = [...segmentRoots];
  let width = 1;
  while (width < padded.length) width *= 2;
  while (padded.length < width) padded.push(new Uint8Array(hashBytes));
  return topOf(padded);
}

/** Root of a piece in memory (R10). @throws RangeError if it is empty */
export function pieceRoot(data: Uint8Array): Uint8Array {
  const { segments, size } = pieceGeometry(data.length);
  const roots: Uint8Array[] = [];
  for (let i = 0; i < segments; i++) {
    roots.push(segmentRoot(data.subarray(i * segmentBytes, (i + 1) * segmentBytes)));
  }
  return rootHash(size, topHash(roots));
}

function topOf(level: readonly Uint8Array[]): Uint8Array {
  const levels = treeLevels(level);
  return (levels[levels.length - 1] as Uint8Array[])[0] as Uint8Array;
}
