/** Bytes in memory as the source of a ceremony's reader. */
import type { CeremonySource } from "../../../ceremony/report.ts";

export function sourceOf(name: string, bytes: Uint8Array): CeremonySource {
  return {
    name,
    size: bytes.length,
    read: async (start, count) => {
      if (start < 0 || start + count > bytes.length)
        throw new RangeError(`${name}: expected a range below ${bytes.length}, actual ${start} + ${count}`);
      return Uint8Array.from(bytes.subarray(start, start + count));
    },
  };
}
