/** The lose-data fault: bytes really go, in place, under the running daemon. */
import { chmod, open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { leafBytes } from "../storage/core/geometry.ts";
import type { PieceList } from "../storage/core/piece-list.ts";
import type { PieceStore } from "../storage/disk/store.ts";

/** What a stored digest covers: less than this cannot be lost alone. */
const BLOCK_BYTES = 4 * leafBytes;
const CHUNK_BYTES = 1 << 20;

/**
 * Destroys `fraction` (0 to 1) of each piece's bytes, rounded to whole 4 KiB blocks: all bits inverted from the start
 * on, so that nothing of it can be read again; with 1 the files are cut to nothing. Returns bytes destroyed.
 */
export async function loseData(store: PieceStore, list: PieceList, fraction: number): Promise<number> {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RangeError(`fraction: expected 0 to 1, actual ${fraction}`);
  }
  let lost = 0;
  for (const piece of list.pieces) {
    const path = join(store.pieceDir(piece.root), "data");
    await chmod(path, 0o644);
    const blocks = Math.round((piece.size * fraction) / BLOCK_BYTES);
    const bytes = fraction === 1 ? piece.size : Math.min(piece.size, blocks * BLOCK_BYTES);
    lost += bytes;
    if (fraction === 1) await truncate(path, 0);
    else await invert(path, bytes);
  }
  return lost;
}

async function invert(path: string, bytes: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (let position = 0; position < bytes;) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK_BYTES, bytes - position), position);
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
