/** Finds a piece of a list by its root. */
import { equalBytes } from "./bytes.ts";
import type { PieceEntry, PieceEntries } from "./piece-list.ts";

/** The first six bytes of a root, as a number. */
function keyOf(root: Uint8Array): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = key * 256 + (root[i] as number);
  return key;
}

/** Positions of a list's entries in the order of their roots: 12 bytes of memory an entry. */
export class PieceIndex {
  readonly #pieces: PieceEntries;
  readonly #keys: Float64Array;
  readonly #order: Uint32Array;

  constructor(pieces: PieceEntries) {
    const keys = Float64Array.from(pieces, ({ root }) => keyOf(root));
    this.#order = Uint32Array.from(keys, (_, i) => i).sort(
      (a, b) => (keys[a] as number) - (keys[b] as number) || a - b,
    );
    this.#keys = Float64Array.from(this.#order, (place) => keys[place] as number);
    this.#pieces = pieces;
  }

  find(root: Uint8Array): PieceEntry | undefined {
    const key = keyOf(root);
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.#keys.length && this.#keys[i] === key; i++) {
      const entry = this.#pieces.at(this.#order[i] as number);
      if (entry !== undefined && equalBytes(entry.root, root)) return entry;
    }
    return undefined;
  }
}
