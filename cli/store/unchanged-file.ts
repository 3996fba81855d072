/** Reads from a file that must stay as it is while it is stored. */
import { open } from "node:fs/promises";
import type { BigIntStats } from "node:fs";

/** A file that changed, disappeared or cannot be read. The message names it. */
export class SourceChangedError extends Error {
  override readonly name = "SourceChangedError";
}

/** The size and time that a file must keep while it is stored. */
export type FileMark = { readonly path: string; readonly size: number; readonly mtime_ns: bigint };

export function markOf(path: string, stats: BigIntStats): FileMark {
  return { path, size: Number(stats.size), mtime_ns: stats.mtimeNs };
}

/** Reads from a file that must not change meanwhile. @throws SourceChangedError with its name */
export async function readUnchanged(mark: FileMark, start: number, target: Uint8Array): Promise<void> {
  const { path } = mark;
  try {
    const file = await open(path, "r");
    try {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await file.read(target, filled, target.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      const { size, mtimeNs } = await file.stat({ bigint: true });
      if (filled < target.length || Number(size) !== mark.size || mtimeNs !== mark.mtime_ns) {
        throw new SourceChangedError(
          `${path} changed while it was stored: expected ${mark.size} bytes, actual ${size}; run the command again when nothing writes to it`,
        );
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SourceChangedError) throw error;
    throw new SourceChangedError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
