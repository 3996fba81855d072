/** R24: how many bytes of records one turn pins, and the pages in which they are exchanged. */

/** All records that are pinned in a turn. */
export const maxPinnedBytes = 16 * 1024 * 1024;
export const pageBytes = 512 * 1024;
export const maxPages = Math.ceil(maxPinnedBytes / pageBytes);
