/** Manifests are read once, few at a time, and what a reader makes the provider read is counted before it is read. */
import { describe, expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../../../archive/manifest.ts";
import { maxManifestBytes } from "../../../../archive/schema.ts";
import { installFastHashes } from "../../../../daemon/hashing/install.ts";
import type { RangeStore } from "../../../../provider/ports.ts";
import { ArchiveIndices, scanCost } from "../../../../provider/reading/archive-indices.ts";
import { fromHex, toHex } from "../../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../../storage/core/piece-list.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { fileNamed, manifestOf } from "../../../support/archive/manifests.ts";
import { seededBytes } from "../../../support/files.ts";

installFastHashes();

/** Pieces in memory, and how many ranges were read. */
class Disk implements RangeStore {
  reads = 0;
  readonly #pieces = new Map<string, Uint8Array>();

  put(bytes: Uint8Array): PieceEntry {
    const root = manifestRoot(bytes);
    this.#pieces.set(root, bytes);
    return { root: fromHex(root), size: bytes.length };
  }

  async readRange({ root }: PieceEntry, range: number): ReturnType<RangeStore["readRange"]> {
    this.reads++;
    const bytes = this.#pieces.get(toHex(root));
    return bytes && { bytes: bytes.slice(range * rangeBytes, (range + 1) * rangeBytes), siblings: [] };
  }
}

const manifest = (title: string, files: number): Uint8Array =>
  canonicalBytes(
    manifestOf(
      Array.from({ length: files }, (_, i) => fileNamed(`file ${i}`)),
      { title },
    ),
  );

describe("indices of archives", () => {
  it("read a manifest once for all who ask, and count each range with the search in it", async () => {
    const disk = new Disk();
    const indices = new ArchiveIndices(disk);
    const entry = disk.put(manifest("long", 6_000));
    expect(entry.size).toBeGreaterThan(rangeBytes);
    const paid: number[] = [];
    const pay = async (bytes: number): Promise<void> => void paid.push(bytes);
    const [one, other] = await Promise.all([indices.of(entry, pay), indices.of(entry, pay)]);
    expect(one).toBe(other);
    expect(one.kind === "files" && one.files.find("file 5999")).toBe(fileNamed("file 5999").root);
    await indices.of(entry, pay);
    expect(disk.reads).toBe(2);
    expect(paid).toEqual([scanCost * rangeBytes, scanCost * rangeBytes]);
  });

  it("stop at the first range of a piece that is no manifest, remember it, and read none that is too large", async () => {
    const disk = new Disk();
    const indices = new ArchiveIndices(disk);
    const entry = disk.put(seededBytes(3 * rangeBytes, 1));
    const pay = async (): Promise<void> => {};
    expect(await indices.of(entry, pay)).toMatchObject({ kind: "no-manifest" });
    expect(await indices.of(entry, pay)).toMatchObject({ kind: "no-manifest" });
    expect(disk.reads).toBe(1);
    const huge = { root: fromHex(`0x${"11".repeat(32)}`), size: maxManifestBytes + 1 };
    expect(await indices.of(huge, pay)).toMatchObject({ kind: "no-manifest" });
    expect(disk.reads).toBe(1);
  });

  it("read two manifests at a time, refuse a third, and read it when one is done", async () => {
    const disk = new Disk();
    const indices = new ArchiveIndices(disk);
    const [a, b, c] = ["a", "b", "c"].map((title) => disk.put(manifest(title, 1)));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three manifests");
    const { promise: money, resolve: payNow } = Promise.withResolvers<void>();
    const two = [indices.of(a, () => money), indices.of(b, () => money)];
    const third = indices.of(c, () => money);
    payNow();
    expect(await third).toEqual({ kind: "busy" });
    for (const one of await Promise.all(two)) expect(one.kind).toBe("files");
    expect(await indices.of(c, () => money)).toMatchObject({ kind: "files" });
  });

  it("do not remember a manifest that the disk lost", async () => {
    const disk = new Disk();
    const indices = new ArchiveIndices(disk);
    const bytes = manifest("lost", 1);
    const entry = { root: fromHex(manifestRoot(bytes)), size: bytes.length };
    const pay = async (): Promise<void> => {};
    expect(await indices.of(entry, pay)).toEqual({ kind: "damaged" });
    disk.put(bytes);
    expect(await indices.of(entry, pay)).toMatchObject({ kind: "files" });
  });
});
