/** R24: limits on the records that one turn pins, and on the pages that carry them. */

/** Limit for all pinned records of a turn. */
export const maxPinnedBytes = 16 * 1024 * 1024;
export const pageBytes = 512 * 1024;
export const maxPages = Math.ceil(maxPinnedBytes / pageBytes);
