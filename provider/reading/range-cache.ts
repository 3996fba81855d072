/** The ranges that were read and verified last. A reader that asks for small parts one after another costs one disk read for each range. */
import { ByteCache } from "../../storage/core/byte-cache.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import type { RangeStore } from "../ports.ts";

type Found = NonNullable<Awaited<ReturnType<RangeStore["readRange"]>>>;

/** A range for each of some readers. */
const maxBytes = 16 * rangeBytes;

export class RangeCache implements RangeStore {
  readonly #store: RangeStore;
  readonly #ranges = new ByteCache<Found>(maxBytes, ({ bytes }) => bytes.length);

  constructor(store: RangeStore) {
    this.#store = store;
  }

  /** Whether the range is in memory. */
  has({ root }: PieceEntry, range: number): boolean {
    return this.#ranges.get(keyOf(root, range)) !== undefined;
  }

  async readRange(entry: PieceEntry, range: number): Promise<Found | undefined> {
    const key = keyOf(entry.root, range);
    const known = this.#ranges.get(key);
    if (known !== undefined) return known;
    const found = await this.#store.readRange(entry, range);
    if (found !== undefined) this.#ranges.set(key, found);
    return found;
  }
}

function keyOf(root: Uint8Array, range: number): string {
  return `${toHex(root)}/${range}`;
}
