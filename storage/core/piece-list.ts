import { concatBytes } from "./bytes.ts";
import { HASH_BYTES } from "./geometry.ts";
import { TAG, pureHash } from "./merkle.ts";
import type { Hash } from "./merkle.ts";

/** A list of 40-byte entries of at most 2.5 MiB: a keeper holds one for each provider. */
export const MAX_PIECES = 65_536;
export const ENTRY_BYTES = HASH_BYTES + 8;

export interface PieceEntry {
  /** R10's root, 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes. */
  readonly size: number;
}

/** A provider's data: ordered pieces, the total, and where each piece starts in the row of all bytes. */
export interface PieceList {
  readonly pieces: readonly PieceEntry[];
  readonly totalBytes: bigint;
  /** `starts[i]` = bytes of all pieces before i. */
  readonly starts: readonly bigint[];
  /** SHA-256(03 ‖ uint64 total bytes ‖ uint32 count ‖ (root ‖ uint64 size) of each piece in order). */
  readonly root: Uint8Array;
}

/** Throws a RangeError for an empty or too long list, a bad size or a root that is not 32 bytes. */
export function makePieceList(pieces: readonly PieceEntry[], hash: Hash = pureHash): PieceList {
  if (pieces.length < 1 || pieces.length > MAX_PIECES) {
    throw new RangeError(`piece list: expected 1 to ${MAX_PIECES} pieces, actual ${pieces.length}`);
  }
  const starts: bigint[] = [];
  let totalBytes = 0n;
  for (const [index, piece] of pieces.entries()) {
    if (piece.root.length !== HASH_BYTES) {
      throw new RangeError(`piece ${index}: expected a root of 32 bytes, actual ${piece.root.length}`);
    }
    if (!Number.isSafeInteger(piece.size) || piece.size < 1) {
      throw new RangeError(`piece ${index}: expected a size of 1 byte or more, actual ${piece.size}`);
    }
    starts.push(totalBytes);
    totalBytes += BigInt(piece.size);
  }
  const head = new Uint8Array(1 + 8 + 4);
  const view = new DataView(head.buffer);
  head[0] = TAG.list;
  view.setBigUint64(1, totalBytes);
  view.setUint32(9, pieces.length);
  const root = hash(concatBytes(head, ...pieces.map(encodeEntry)));
  return { pieces, totalBytes, starts, root };
}

/** root ‖ uint64 size: also the form of an entry on the wire. */
export function encodeEntry(piece: PieceEntry): Uint8Array {
  const out = new Uint8Array(ENTRY_BYTES);
  out.set(piece.root);
  new DataView(out.buffer).setBigUint64(HASH_BYTES, BigInt(piece.size));
  return out;
}

/** The piece that holds byte `position` of the provider's data, and the byte's place in it. */
export function locate(list: PieceList, position: bigint): { piece: number; offset: number } {
  if (position < 0n || position >= list.totalBytes) {
    throw new RangeError(`position: expected below ${list.totalBytes}, actual ${position}`);
  }
  let low = 0;
  let high = list.starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((list.starts[middle] as bigint) <= position) low = middle;
    else high = middle - 1;
  }
  return { piece: low, offset: Number(position - (list.starts[low] as bigint)) };
}
