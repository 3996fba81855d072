/** The store for answers to keepers and readers: a piece that it cannot prove is read soon, and mended where that is possible. */
import { toHex } from "../storage/core/bytes.ts";
import type { PieceEntry } from "../storage/core/piece-list.ts";
import type { PieceStore } from "../storage/disk/store.ts";
import type { RangeStore, SampleStore } from "./ports.ts";

export type WatchedStore = SampleStore & RangeStore;

export function watchedStore(store: PieceStore, checkSoon: (root: string) => void): WatchedStore {
  /**
   * Lets the scrub read the piece soon, unless its damage is known already. A piece that is not stored here is ignored: a request can name
   * any root.
   */
  const notice = async (entry: PieceEntry): Promise<void> => {
    const root = toHex(entry.root);
    if ((await store.notedDamage(entry)) !== undefined) return;
    if ((await store.entryOf(root))?.size === entry.size) checkSoon(root);
  };
  return {
    list: (root) => store.list(root),
    async prove(list, draws) {
      const proven = await store.prove(list, draws);
      for (const piece of new Set(proven.lost.map((one) => one.piece))) {
        await notice(list.pieces.at(piece) as PieceEntry);
      }
      return proven;
    },
    async readRange(entry, range) {
      const found = await store.readRange(entry, range);
      if (found === undefined) await notice(entry);
      return found;
    },
  };
}
