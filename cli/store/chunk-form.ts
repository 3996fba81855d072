/**
 * Positions of an item's 64 KiB chunks in a copy, and the chunks that a range of the copy contains. A private copy is an age file: a head,
 * then chunks, each with a tag. A public copy is the plain bytes.
 */
import { crc32 } from "node:zlib";
import type { Envelope } from "../../client/storing/age-envelope.ts";
import { chunkBytes, chunkCount, chunkNonce, SealError, tagBytes } from "../../client/storing/age-stream.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes, rangePlace } from "../../storage/core/range.ts";
import { nodeCipher } from "./cipher.ts";

export type ChunkForm = {
  /** Bytes before the first chunk. */
  readonly head: number;
  /** Bytes of the item. */
  readonly plainBytes: number;
  /** Undefined in a public copy. */
  readonly payloadKey: Uint8Array | undefined;
};

export function chunkForm(plainBytes: number, envelope: Envelope | undefined): ChunkForm {
  return { head: envelope?.head.length ?? 0, plainBytes, payloadKey: envelope?.payloadKey };
}

function tagOf({ payloadKey }: ChunkForm): number {
  return payloadKey === undefined ? 0 : tagBytes;
}

/** Offset of a chunk in the copy. For the number of chunks it is the end of the copy. */
function startOf(form: ChunkForm, chunk: number): number {
  return form.head + Math.min(chunk * chunkBytes, form.plainBytes) + chunk * tagOf(form);
}

/** The ranges [first, end) that hold the chunks [from, to). */
export function rangesOf(
  form: ChunkForm,
  from: number,
  to: number,
): { readonly first: number; readonly end: number } {
  const first = Math.floor(startOf(form, from) / rangeBytes);
  return { first, end: Math.max(first + 1, Math.ceil(startOf(form, to) / rangeBytes)) };
}

/** The chunks [first, end) of which a range holds at least a byte. */
export function chunksIn(
  form: ChunkForm,
  size: number,
  range: number,
): { readonly first: number; readonly end: number } {
  const { start, bytes } = rangePlace(size, range);
  const each = chunkBytes + tagOf(form);
  const first = Math.max(0, Math.floor((start - form.head) / each));
  const end = Math.min(chunkCount(form.plainBytes), Math.ceil((start + bytes - form.head) / each));
  return { first, end: Math.max(first, end) };
}

/**
 * The content of a range: its whole chunks, decrypted, and its parts of the chunks that begin in the range before or end in the range after.
 */
export type OpenedRange = {
  /** The first whole chunk. */
  readonly first: number;
  /** Number of whole chunks. */
  readonly count: number;
  /** Their plain bytes. */
  readonly plain: Uint8Array;
  /** CRC-32 of the plain bytes, for the file that they are written to. */
  readonly crc: number;
  /** The end of the chunk before the first whole one; empty if it is not here. */
  readonly before: Uint8Array;
  /** The beginning of the chunk behind the last whole one; empty if it is not here. */
  readonly after: Uint8Array;
};

/** @throws SealError if the tag of a chunk does not match */
export function openRange(
  form: ChunkForm,
  { size }: Pick<PieceEntry, "size">,
  range: number,
  bytes: Uint8Array,
): OpenedRange {
  const { start } = rangePlace(size, range);
  const end = start + bytes.length;
  const touched = chunksIn(form, size, range);
  const at = (chunk: number): number => startOf(form, chunk) - start;
  // The first chunk may begin in the range before this one, and the last chunk may end in the range after it.
  const first = touched.first < touched.end && at(touched.first) < 0 ? touched.first + 1 : touched.first;
  const isCut = touched.end > first && startOf(form, touched.end) > end;
  const last = isCut ? touched.end - 1 : touched.end;
  const before =
    first > touched.first ? bytes.slice(0, Math.min(bytes.length, at(first))) : new Uint8Array(0);
  const after = isCut ? bytes.slice(at(last)) : new Uint8Array(0);
  if (form.payloadKey === undefined) {
    const plain = bytes.subarray(before.length, bytes.length - after.length);
    return { first, count: last - first, plain, crc: crc32(plain), before, after };
  }
  const plain = new Uint8Array(plainStart(form, last) - plainStart(form, first));
  for (let chunk = first; chunk < last; chunk++) {
    const opened = openChunk(form, chunk, bytes.subarray(at(chunk), at(chunk + 1)));
    plain.set(opened, plainStart(form, chunk) - plainStart(form, first));
  }
  return { first, count: last - first, plain, crc: crc32(plain), before, after };
}

function plainStart({ plainBytes }: ChunkForm, chunk: number): number {
  return Math.min(chunk * chunkBytes, plainBytes);
}

/** @throws SealError if the tag does not match */
export function openChunk(
  { plainBytes, payloadKey }: ChunkForm,
  chunk: number,
  sealed: Uint8Array,
): Uint8Array {
  if (payloadKey === undefined) return sealed;
  const isLast = chunk === chunkCount(plainBytes) - 1;
  const opened = nodeCipher.open(payloadKey, chunkNonce(chunk, isLast), sealed);
  if (opened === undefined) throw new SealError(`chunk ${chunk}: its tag does not match`);
  return opened;
}
