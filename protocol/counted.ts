/** Counts in the texts that people read. */

/**
 * "1 provider", "2 providers".
 * @param plural where it is not the noun with an s
 */
export function counted(count: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${count} ${BigInt(count) === 1n ? noun : plural}`;
}
