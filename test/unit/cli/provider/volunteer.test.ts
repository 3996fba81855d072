/** Which files a host takes of an archive, to the byte, and which edition it follows. */
import { describe, expect, it } from "vitest";
import { canonicalBytes, manifestRoot } from "../../../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../../../archive/schema.ts";
import {
  bytesOnDisk,
  chooseFiles,
  type Choice,
  type ChoiceScope,
} from "../../../../cli/provider/volunteer/choose.ts";
import { announcedEdition, editionOf } from "../../../../cli/provider/volunteer/edition.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { fileNamed, manifestOf } from "../../../support/archive/manifests.ts";

const me = "0x00000000000000000000000000000000000000AA";
const others = ["0x01", "0x02", "0x03"].map((end) => `0x${"0".repeat(38)}${end.slice(2)}`);

function choose(files: readonly ArchiveFile[], changes: Partial<ChoiceScope>): Choice {
  return chooseFiles({
    manifest: manifestOf(files),
    manifestBytes: 1_000,
    isManifestStored: false,
    stored: [],
    begun: new Set(),
    holders: files.map(() => []),
    operator: me,
    capacity: Number.MAX_SAFE_INTEGER,
    copies: 3,
    ...changes,
  });
}

const names = ({ taken }: Choice): string[] => taken.map(({ name }) => name);
const file = (name: string, bytes: number, changes: Partial<ArchiveFile> = {}): ArchiveFile =>
  fileNamed(name, { bytes, priority: 1, ...changes });

describe("a host's choice", () => {
  const [rare, common, derived] = [
    file("rare", 2_000_000),
    file("common", 2_000_000),
    file("derived", 1_000_000, { priority: 0, derivedFrom: { file: "rare", by: "powersoftau" } }),
  ] as const;
  const files = [common, derived, rare];
  const holders = [others.slice(0, 2), [], []];

  it("begins with what has the fewest copies, leaves out what has enough, and takes derivable files last", () => {
    expect(names(choose(files, { holders }))).toEqual(["rare", "common", "derived"]);
    expect(names(choose(files, { holders: [others, [], others] }))).toEqual(["derived"]);
    expect(names(choose(files, { holders, copies: 2 }))).toEqual(["rare", "derived"]);
  });

  it("keeps its bytes to the byte, hash trees and the manifest included, and says what stays out", () => {
    const exact = bytesOnDisk(1_000) + bytesOnDisk(rare.bytes) + bytesOnDisk(common.bytes);
    const fits = choose(files, { holders, capacity: exact });
    expect(names(fits)).toEqual(["rare", "common"]);
    expect(fits.free).toBe(0);
    expect(fits.out).toMatchObject([{ name: "derived", bytes: bytesOnDisk(derived.bytes) }]);
    const tight = choose(files, { holders, capacity: exact - 1 });
    expect(names(tight)).toEqual(["rare", "derived"]);
    expect(tight.out.map(({ name }) => name)).toEqual(["common"]);
    const none = choose(files, { holders, capacity: 10 });
    expect(names(none)).toEqual([]);
    expect(none.out).toHaveLength(3);
  });

  it("counts what is stored already, and does not take it again", () => {
    const stored = [rare, file("dropped", 500_000)].map(({ root, bytes }) => ({ root, size: bytes }));
    const used = bytesOnDisk(rare.bytes) + bytesOnDisk(500_000);
    const scope = { holders, stored, isManifestStored: true };
    const fits = choose(files, { ...scope, capacity: used + bytesOnDisk(common.bytes) });
    expect(names(fits)).toEqual(["common"]);
    expect(fits.free).toBe(0);
    expect(names(choose(files, { ...scope, capacity: used - 1 }))).toEqual([]);
  });

  it("continues with a file that it began", () => {
    const capacity = bytesOnDisk(1_000) + bytesOnDisk(common.bytes);
    expect(names(choose(files, { holders, capacity, begun: new Set([common.root]) }))).toEqual(["common"]);
  });
});

describe("an announced edition", () => {
  const first = editionOf(manifestOf([fileNamed("a"), fileNamed("b")]));
  const next = (
    before: Manifest,
    files: readonly ArchiveFile[],
    dropped: Manifest["dropped"] = [],
  ): Manifest => ({
    ...manifestOf(files),
    edition: before.edition + 1,
    previous: manifestRoot(canonicalBytes(before)),
    dropped,
  });
  const gone = { name: "b", root: fileNamed("b").root, reason: "elsewhere" };
  const second = next(first.manifest, [fileNamed("a"), fileNamed("c")], [gone]);
  const third = next(second, [fileNamed("a"), fileNamed("c"), fileNamed("d")]);
  const reading =
    (...all: Manifest[]) =>
    async (root: Hex): Promise<Manifest> => {
      const found = all.find((one) => manifestRoot(canonicalBytes(one)) === root);
      if (found === undefined) throw new Error("no source gives it");
      return Promise.resolve(found);
    };
  const rootOf = (manifest: Manifest): Hex => editionOf(manifest).root;

  it("is the known one, or follows it over editions that are read one by one", async () => {
    expect(await announcedEdition(first.root, [first], reading())).toEqual(first);
    const found = await announcedEdition(rootOf(third), [first], reading(second, third));
    expect(found.manifest.edition).toBe(3);
  });

  it("is refused if nobody gives it, if it drops a file silently, or if it is of another archive", async () => {
    await expect(announcedEdition(rootOf(third), [first], reading(third))).rejects.toMatchObject({
      code: 3,
      message: expect.stringMatching(/no provider gives it/),
    });
    const silent = next(first.manifest, [fileNamed("a")]);
    await expect(announcedEdition(rootOf(silent), [first], reading(silent))).rejects.toMatchObject({
      code: 1,
      message: expect.stringMatching(/b is not in this edition/),
    });
    const other = manifestOf([fileNamed("x")]);
    await expect(announcedEdition(rootOf(other), [first], reading(other))).rejects.toMatchObject({
      code: 1,
      message: expect.stringMatching(/no edition before it is the manifest/),
    });
  });
});
