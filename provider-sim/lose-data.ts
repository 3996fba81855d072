/** The lose-data fault: overwrites stored bytes in place, also while the daemon runs. */
import { chmod, open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { leafBytes } from "../storage/core/geometry.ts";
import type { PieceList } from "../storage/core/piece-list.ts";
import type { PieceStore } from "../storage/disk/store.ts";

/** One stored digest covers this many bytes, so this is the smallest loss. */
const blockBytes = 4 * leafBytes;
const chunkBytes = 1 << 20;

/**
 * Destroys `fraction` (0 to 1) of each piece, rounded to whole blocks of 4 KiB: inverts all bits from the start of the file; 1 truncates
 * the file. Returns the number of bytes destroyed.
 */
export async function loseData(store: PieceStore, list: PieceList, fraction: number): Promise<number> {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RangeError(`fraction: expected 0 to 1, actual ${fraction}`);
  }
  let lost = 0;
  for (const piece of list.pieces) {
    const path = join(store.pieceDir(piece.root), "data");
    await chmod(path, 0o644);
    const blocks = Math.round((piece.size * fraction) / blockBytes);
    const bytes = fraction === 1 ? piece.size : Math.min(piece.size, blocks * blockBytes);
    lost += bytes;
    if (fraction === 1) await truncate(path, 0);
    else await invert(path, bytes);
  }
  return lost;
}

async function invert(path: string, bytes: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const buffer = Buffer.alloc(chunkBytes);
    for (let position = 0; position < bytes;) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(chunkBytes, bytes - position), position);
      if (bytesRead === 0) break;
      for (let i = 0; i < bytesRead; i++) buffer[i] = ~(buffer[i] as number);
      await file.write(buffer, 0, bytesRead, position);
      position += bytesRead;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
