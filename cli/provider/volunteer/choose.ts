/** Which files a host takes: what it began, then what is needed most, within the bytes that it gives (R46). */
import { filesOf } from "../../../archive/manifest.ts";
import { planArchive } from "../../../archive/plan.ts";
import type { ArchiveFile, Manifest } from "../../../archive/schema.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";

/** Bytes on the disk: the file, and the hash tree that proofs are made from. */
export function bytesOnDisk(bytes: number): number {
  return bytes + treeLayout(bytes).fileBytes;
}

export type Stored = { readonly root: string; readonly size: number };
export type LeftOut = { readonly name: string; readonly bytes: number; readonly why: string };
export type Choice = {
  readonly taken: readonly ArchiveFile[];
  /** Files with fewer copies than wanted that are not taken. */
  readonly out: readonly LeftOut[];
  /** Bytes that stay free. */
  readonly free: number;
};

export type ChoiceScope = {
  readonly manifest: Manifest;
  /** Bytes of the manifest itself, which is stored, too. */
  readonly manifestBytes: number;
  /** Of this archive, at this host, the manifests included. */
  readonly stored: readonly Stored[];
  /** Roots of files of which a part was fetched. */
  readonly begun: ReadonlySet<string>;
  /** Providers with a proven copy, for each file in the manifest's order. */
  readonly holders: readonly (readonly string[])[];
  readonly operator: string;
  readonly capacity: number;
  readonly copies: number;
  /** Bytes that are taken if the manifest is stored already: 0. */
  readonly isManifestStored: boolean;
};

export function chooseFiles(scope: ChoiceScope): Choice {
  const { manifest, stored, begun, holders, operator, capacity, copies } = scope;
  const there = new Set(stored.map(({ root }) => root));
  const used = stored.reduce((sum, { size }) => sum + bytesOnDisk(size), 0);
  const own = scope.isManifestStored ? 0 : bytesOnDisk(scope.manifestBytes);
  let free = Math.max(0, capacity - used - own);
  const files = filesOf(manifest);
  // Two names may have one root.
  const wanted = [...new Map(files.map((file, i) => [file.root, { file, at: holders[i] ?? [] }])).values()];
  const taken: ArchiveFile[] = [];
  for (const { file } of wanted) {
    const cost = bytesOnDisk(file.bytes);
    if (there.has(file.root) || !begun.has(file.root) || cost > free) continue;
    free -= cost;
    taken.push(file);
  }
  const mine = new Set([...there, ...taken.map(({ root }) => root)]);
  const planned = planArchive(
    wanted.map(({ file, at }) => ({
      name: file.name,
      bytes: bytesOnDisk(file.bytes),
      priority: file.priority,
      isDerivable: file.derivedFrom !== undefined,
      holders: mine.has(file.root) ? [...at, operator] : at,
    })),
    [{ provider: operator, bytes: free }],
    copies,
  );
  const [plan] = planned.providers;
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const name of plan?.files ?? []) taken.push(byName.get(name) as ArchiveFile);
  const left = plan?.free ?? free;
  const out = planned.missing.flatMap(({ name, bytes, largestRoom }) =>
    largestRoom === undefined
      ? []
      : [{ name, bytes, why: `needs ${bytes} bytes on the disk, ${left} of ${capacity} are left` }],
  );
  return { taken, out, free: left };
}
