/** Parts of a multipart upload: whole ranges (R43), so that every range is in one part. */
import { rangeBytes, rangeCount } from "../core/range.ts";

/** Stores accept so many parts of an object. */
const maxParts = 10_000;
/** Stores refuse parts below 5 MiB but for the last one: three ranges have more, and four need fewer requests. */
const fewestRanges = 4;
/** A part is in memory while it is sent. */
export const maxPartBytes = 128 * 1024 * 1024;
/** Largest piece on an object store: 1.2 TiB. */
export const maxObjectBytes = maxParts * Math.floor(maxPartBytes / rangeBytes) * rangeBytes;

/** Ranges of each part of a piece but the last. */
export function rangesPerPart(size: number): number {
  return Math.max(fewestRanges, Math.ceil(rangeCount(size) / maxParts));
}

/** Bytes of each part of a piece but the last. */
export function partBytesOf(size: number): number {
  return rangesPerPart(size) * rangeBytes;
}

export function partCount(size: number): number {
  return Math.ceil(size / partBytesOf(size));
}
