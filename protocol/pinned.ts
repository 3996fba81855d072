/** R24: limits on the records that one turn pins, and on the pages that carry them. */

/** Limit for all pinned records of a turn. */
export const maxPinnedBytes = 16 * 1024 * 1024;
export const pageBytes = 512 * 1024;
export const maxPages = Math.ceil(maxPinnedBytes / pageBytes);

/** One pinned provider in a proposal: group, provider, bitmap of keepers. */
export const pinnedBytes = 4 + 4 + 16;

/** Upper bound of one record in a page: its name, leaf, receipt, lengths and a path of `depth` hashes. A test checks it. */
export function maxRecordBytes(depth: number): number {
  return 320 + 32 * depth;
}

/** Most providers whose records are pinned, so that the list fits 128 KiB of a proposal. */
export const maxPinned = Math.floor((128 * 1024) / pinnedBytes);
