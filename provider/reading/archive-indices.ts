/**
 * R44, R46: where the files of archives are, by name. The manifest of an archive is a piece of its own; it is read once, range by range, and
 * what is kept of it has 64 bytes a file.
 */
import { FileScan } from "../../archive/file-roots.ts";
import type { FileRoots } from "../../archive/file-roots.ts";
import { maxManifestBytes } from "../../archive/schema.ts";
import { ByteCache } from "../../storage/core/byte-cache.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes, rangeCount } from "../../storage/core/range.ts";
import type { RangeStore } from "../ports.ts";

/** As much as for ranges: five manifests with the most files, or as many small ones as anybody asks for. */
const maxBytes = 16 * rangeBytes;
/** Of a manifest without files, or of a piece that is no manifest. */
const leastBytes = 256;
/** Each holds a range, and the entries of the files that it found so far. */
const mostAtOnce = 2;
/** Reading and hashing a range cost one part, looking for files in it two (measured: 8 and 16 ms a MiB). */
export const scanCost = 3;

/**
 * - `busy`: other manifests are being read
 * - `damaged`: the disk does not have the manifest's bytes
 */
export type ArchiveIndex =
  | { readonly kind: "files"; readonly files: FileRoots }
  | { readonly kind: "no-manifest"; readonly detail: string }
  | { readonly kind: "busy" | "damaged" };

/** Waits until a reader may cost so many bytes more. */
export type Pay = (bytes: number) => Promise<unknown>;

export class ArchiveIndices {
  readonly #store: RangeStore;
  readonly #known = new ByteCache<ArchiveIndex>(maxBytes, sizeOf);
  readonly #reading = new Map<string, Promise<ArchiveIndex>>();

  constructor(store: RangeStore) {
    this.#store = store;
  }

  /** @param pay called before each range that is read: the first of several readers pays for all. Rejects as `pay` and the disk do. */
  async of(manifest: PieceEntry, pay: Pay): Promise<ArchiveIndex> {
    const key = toHex(manifest.root);
    const known = this.#known.get(key) ?? this.#reading.get(key);
    if (known !== undefined) return known;
    if (manifest.size > maxManifestBytes) {
      const detail = `expected at most ${maxManifestBytes} bytes, actual ${manifest.size}`;
      return { kind: "no-manifest", detail };
    }
    if (this.#reading.size >= mostAtOnce) return { kind: "busy" };
    const reading = this.#read(manifest, pay).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    const index = await reading;
    if (index.kind !== "damaged") this.#known.set(key, index);
    return index;
  }

  async #read(manifest: PieceEntry, pay: Pay): Promise<ArchiveIndex> {
    const scan = new FileScan();
    for (let range = 0; range < rangeCount(manifest.size) && scan.fault === undefined; range++) {
      await pay(scanCost * rangeBytes);
      const found = await this.#store.readRange(manifest, range);
      if (found === undefined) return { kind: "damaged" };
      scan.add(found.bytes);
    }
    const files = scan.finish();
    return files.ok ? { kind: "files", files: files.value } : { kind: "no-manifest", detail: files.detail };
  }
}

function sizeOf(index: ArchiveIndex): number {
  return leastBytes + (index.kind === "files" ? index.files.bytes : 0);
}
