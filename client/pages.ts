/** Lists for calls that take a bounded number of entries. */

/** Consecutive parts of at most `size` entries; none for an empty list. */
export function inPages<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
