/** R24: pinned records as one byte string, cut into pages that are identified by their hashes. */
import { ByteWriter, concatBytes, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { keccak } from "../hash.ts";
import type { Hex } from "../hash.ts";
import type { OpenedLeaf } from "../messages.ts";
import { maxPinnedBytes, pageBytes } from "../pinned.ts";
import type { ProviderName } from "../records.ts";
import { minOpenedBytes, readOpened, writeOpened } from "./leaves.ts";

/** The records of one keeper about one provider, slots ascending. */
export type PinnedEntry = ProviderName & {
  readonly owner: number;
  readonly leaves: readonly OpenedLeaf[];
};

export function encodePinnedEntry({ group, provider, owner, leaves }: PinnedEntry): Uint8Array {
  const w = new ByteWriter().u32(group).u32(provider).u16(owner).u32(leaves.length);
  for (const leaf of leaves) writeOpened(w, leaf);
  return w.finish();
}

/** Reads entries until the bytes end. */
export function decodePinnedEntries(bytes: Uint8Array): Result<PinnedEntry[], DecodeCode> {
  return decode(bytes, maxPinnedBytes, (r) => {
    const entries: PinnedEntry[] = [];
    while (r.remaining > 0) {
      const group = r.u32("group");
      const provider = r.u32("provider");
      const owner = r.u16("owner");
      const length = r.u32("leaves");
      if (length * minOpenedBytes > r.remaining) r.fail("range", `leaves: ${length} do not fit the pages`);
      entries.push({ group, provider, owner, leaves: Array.from({ length }, () => readOpened(r)) });
    }
    return entries;
  });
}

/** Entries in the order of the proposal; every page but the last is full. */
export function cutPages(entries: readonly Uint8Array[]): Uint8Array[] {
  const bytes = concatBytes(...entries);
  const pages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pageBytes) pages.push(bytes.slice(at, at + pageBytes));
  return pages;
}

export function pageHash(page: Uint8Array): Hex {
  return keccak(page);
}
