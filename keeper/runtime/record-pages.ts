/** R24: pages of other keepers' records that were fetched and checked here, to be served on: any holder may serve. */
import type { Hex } from "../core/hash.ts";

export class RecordPages {
  readonly #maxBytes: number;
  readonly #pages = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a checked page; the oldest make room. */
  keep(root: Hex, provider: number, fromSlot: number, page: Uint8Array): void {
    const key = keyOf(root, provider, fromSlot);
    if (this.#pages.has(key) || page.length > this.#maxBytes) return;
    this.#pages.set(key, page);
    this.#bytes += page.length;
    for (const [oldest, { length }] of this.#pages) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#pages.delete(oldest);
      this.#bytes -= length;
    }
  }

  find(root: Hex, provider: number, fromSlot: number): Uint8Array | undefined {
    return this.#pages.get(keyOf(root, provider, fromSlot));
  }
}

function keyOf(root: Hex, provider: number, fromSlot: number): string {
  return `${root}/${provider}/${fromSlot}`;
}
