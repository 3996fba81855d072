/** R24: pages of pinned records that this keeper has written or checked. Any holder may serve them. */
import { pageHash } from "../../protocol/codec/record-pages.ts";
import type { Hex } from "../../protocol/hash.ts";

export class RecordPages {
  readonly #maxBytes: number;
  readonly #pages = new Map<Hex, Uint8Array>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a page and drops the oldest pages beyond the bound. */
  keep(page: Uint8Array, hash = pageHash(page)): Hex {
    if (this.#pages.has(hash) || page.length > this.#maxBytes) return hash;
    this.#pages.set(hash, page);
    this.#bytes += page.length;
    for (const [oldest, { length }] of this.#pages) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#pages.delete(oldest);
      this.#bytes -= length;
    }
    return hash;
  }

  find(hash: Hex): Uint8Array | undefined {
    return this.#pages.get(hash);
  }
}
