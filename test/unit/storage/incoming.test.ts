/** A piece that arrives in ranges on a disk: it is whole when each range is there, and published when its tree leads to its root (R43). */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { rangeBytes } from "../../../storage/core/range.ts";
import { IncomingRanges, verifiedRange } from "../../../storage/disk/incoming.ts";
import type { VerifiedRange } from "../../../storage/disk/incoming.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

type Arriving = {
  readonly entry: PieceEntry;
  /** Where the piece arrives. */
  readonly store: PieceStore;
  readonly incoming: IncomingRanges;
  /** A range as it is read from the store that has the piece. */
  readonly range: (range: number) => Promise<VerifiedRange>;
};

/** A piece of three ranges, the last of them short. */
async function arriving(): Promise<Arriving> {
  const dir = await temporaryFolder();
  const source = await PieceStore.open(join(dir, "source"));
  await writeFile(join(dir, "file"), seededBytes(2 * rangeBytes + 5_000, 7));
  const entry = await source.ingest(join(dir, "file"));
  const store = await PieceStore.open(join(dir, "store"));
  return {
    entry,
    store,
    incoming: await IncomingRanges.open(store, entry),
    range: async (range) => {
      const proven = await source.readRange(entry, range);
      const verified = proven && (await verifiedRange(entry, range, proven));
      if (verified === undefined) throw new Error(`range ${range} is not proven`);
      return verified;
    },
  };
}

describe("a piece that arrives in ranges", () => {
  it("counts a range once that arrives several times at the same moment", async () => {
    const { entry, store, incoming, range } = await arriving();
    const twice = [await range(0), await range(0)];
    await Promise.all(twice.map((one) => incoming.write(one)));
    await incoming.write(await range(2));
    expect([0, 1, 2].map((one) => incoming.has(one))).toEqual([true, false, true]);
    expect(incoming.isComplete).toBe(false);
    await expect(incoming.publish()).rejects.toThrow("expected all ranges, actual fewer");
    await incoming.write(await range(1));
    await incoming.publish();
    expect(await store.faultOf(entry)).toBeUndefined();
  });

  it("is not published with a tree file that its disk damaged meanwhile", async () => {
    const { entry, store, incoming, range } = await arriving();
    for (const one of [1, 2, 0]) await incoming.write(await range(one));
    const begun = await store.begunIncoming(entry);
    if (begun === undefined) throw new Error("nothing arrived");
    const tree = await open(begun.tree, "r+");
    await tree.write(seededBytes(32, 8), 0, 32, treeLayout(entry.size).nodeOffset(0, 5));
    await tree.close();
    const again = await IncomingRanges.open(store, entry);
    expect(again.isComplete).toBe(true);
    await expect(again.publish()).rejects.toThrow(/tree: damaged: expected the root/);
    expect(await store.storedRoots()).toEqual([]);
  });
});
