/** The receipts that the providers of a world gave, for the checkers. */
import type { Hex } from "../../protocol/hash.ts";
import type { Issued } from "./providers.ts";

/** By slot and hash: one map of all receipts would be copied again and again while it grows. */
export class IssuedReceipts {
  readonly #slots = new Map<number, Map<Hex, Issued>>();

  add(hash: Hex, issued: Issued): void {
    const receipts = this.#slots.get(issued.slot);
    if (receipts === undefined) this.#slots.set(issued.slot, new Map([[hash, issued]]));
    else receipts.set(hash, issued);
  }

  /** @param slot of most receipts that are asked for; a receipt of another slot is found, too */
  find(hash: Hex, slot: number): Issued | undefined {
    const expected = this.#slots.get(slot)?.get(hash);
    if (expected !== undefined) return expected;
    for (const receipts of this.#slots.values()) {
      const found = receipts.get(hash);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
