import { concatBytes } from "./bytes.ts";
import { hashBytes } from "./geometry.ts";
import { domainTags } from "./merkle.ts";
import { sha256 } from "./primitives.ts";

/** Limits a list to 2.5 MiB of 40-byte entries; a keeper stores one list for each provider. */
export const maxPieces = 65_536;
export const entryBytes = hashBytes + 8;

export type PieceEntry = {
  /** R10's root, 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes. */
  readonly size: number;
};

/**
 * Entries in their encoded form, concatenated. So a list of many small pieces needs no more memory than its message; one object
 * for each entry would need ten times as much (D6).
 */
export class PieceEntries implements Iterable<PieceEntry> {
  /** root ‖ uint64 size of each piece in order. */
  readonly bytes: Uint8Array;

  /** @param bytes a multiple of an entry's length, with valid sizes */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length / entryBytes;
  }

  /** Undefined outside the list. The root is a read-only view. */
  at(index: number): PieceEntry | undefined {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined;
    const start = index * entryBytes;
    return { root: this.bytes.subarray(start, start + hashBytes), size: entrySize(this.bytes, index) };
  }

  *[Symbol.iterator](): Iterator<PieceEntry> {
    for (let index = 0; index < this.length; index++) yield this.at(index) as PieceEntry;
  }

  map<T>(change: (piece: PieceEntry, index: number) => T): T[] {
    return Array.from(this, change);
  }

  /** At most `count` entries from `first` on, as a view. */
  slice(first: number, count: number): PieceEntries {
    return new PieceEntries(this.bytes.subarray(first * entryBytes, (first + count) * entryBytes));
  }
}

/** Size of the entry with this index; not a safe integer if the encoded size is too large. */
function entrySize(bytes: Uint8Array, index: number): number {
  const at = bytes.byteOffset + index * entryBytes + hashBytes;
  const view = new DataView(bytes.buffer, at, 8);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

/** A provider's data: ordered pieces, total bytes, and the start of each piece in the concatenation of all. */
export type PieceList = {
  readonly pieces: PieceEntries;
  readonly totalBytes: bigint;
  /** `starts[i]` = bytes of all pieces before i. */
  readonly starts: BigUint64Array;
  /** SHA-256(03 ‖ uint64 total bytes ‖ uint32 count ‖ (root ‖ uint64 size) of each piece in order). */
  readonly root: Uint8Array;
};

/** Bytes of memory that a list takes. */
export function listMemory(list: PieceList): number {
  return list.pieces.bytes.length + list.starts.byteLength;
}

/** @throws RangeError if a size is invalid or a root is not 32 bytes long */
export function entriesOf(pieces: Iterable<PieceEntry>): PieceEntries {
  return new PieceEntries(concatBytes(...Array.from(pieces, encodeEntry)));
}

/** @throws RangeError if the list is empty or too long, a size is invalid, or a root is not 32 bytes long */
export function makePieceList(pieces: Iterable<PieceEntry>): PieceList {
  return listOfEntries(entriesOf(pieces));
}

/** The list of decoded entries. @throws RangeError as `makePieceList` */
export function listOfEntries(pieces: PieceEntries): PieceList {
  const count = pieces.length;
  if (!Number.isInteger(count) || count < 1 || count > maxPieces) {
    throw new RangeError(`piece list: expected 1 to ${maxPieces} pieces, actual ${count}`);
  }
  const starts = new BigUint64Array(count);
  let totalBytes = 0n;
  for (let index = 0; index < count; index++) {
    const size = entrySize(pieces.bytes, index);
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(`piece ${index}: expected a size of 1 byte or more, actual ${size}`);
    }
    starts[index] = totalBytes;
    totalBytes += BigInt(size);
  }
  const head = new Uint8Array(1 + 8 + 4);
  const view = new DataView(head.buffer);
  head[0] = domainTags.list;
  view.setBigUint64(1, totalBytes);
  view.setUint32(9, count);
  return { pieces, totalBytes, starts, root: sha256(concatBytes(head, pieces.bytes)) };
}

/** root ‖ uint64 size, also in messages. @throws RangeError if the size is invalid or the root is not 32 bytes long */
function encodeEntry(piece: PieceEntry, index: number): Uint8Array {
  if (piece.root.length !== hashBytes) {
    throw new RangeError(`piece ${index}: expected a root of 32 bytes, actual ${piece.root.length}`);
  }
  if (!Number.isSafeInteger(piece.size) || piece.size < 1) {
    throw new RangeError(`piece ${index}: expected a size of 1 byte or more, actual ${piece.size}`);
  }
  const out = new Uint8Array(entryBytes);
  out.set(piece.root);
  new DataView(out.buffer).setBigUint64(hashBytes, BigInt(piece.size));
  return out;
}

/** The piece with byte `position` of the provider's data, and the offset of that byte in the piece. */
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
