/** Editions of an archive: what one changes of the edition before, and whether several of them form one chain (R46). */
import type { Hex } from "../protocol/hash.ts";
import { canonicalText } from "./canonical.ts";
import { canonicalBytes, manifestRoot } from "./manifest.ts";
import type { ArchiveFile, Attestation, DroppedFile, Manifest } from "./schema.ts";

export type FileChange = {
  readonly name: string;
  /** Names of the fields that differ: sources, priority, licence, derivedFrom, collection. */
  readonly fields: readonly string[];
};

export type EditionDiff = {
  readonly added: readonly ArchiveFile[];
  /** Files of the edition before that are not in this one, or whose bytes are others now, each with its reason. */
  readonly dropped: readonly DroppedFile[];
  readonly changed: readonly FileChange[];
  readonly attestationsAdded: readonly Attestation[];
  readonly attestationsRemoved: readonly Attestation[];
  /** Sentences: each rule of a new edition that does not hold. */
  readonly faults: readonly string[];
};

type Placed = { readonly file: ArchiveFile; readonly collection: string };

function placed({ collections }: Manifest): Map<string, Placed> {
  const all = collections.flatMap(({ name, files }) => files.map((file) => ({ file, collection: name })));
  return new Map(all.map((one) => [one.file.name, one]));
}

function isSameFile(a: ArchiveFile, b: ArchiveFile): boolean {
  return a.root === b.root && a.bytes === b.bytes && a.blake2b === b.blake2b && a.sha256 === b.sha256;
}

function changedFields(before: Placed, after: Placed): string[] {
  const fields = ["sources", "priority", "licence", "derivedFrom"] as const;
  const differ = fields.filter(
    (field) => canonicalText(before.file[field] ?? null) !== canonicalText(after.file[field] ?? null),
  );
  return before.collection === after.collection ? differ : [...differ, "collection"];
}

function missingFrom(list: readonly Attestation[], other: readonly Attestation[]): Attestation[] {
  const known = new Set(other.map(canonicalText));
  return list.filter((one) => !known.has(canonicalText(one)));
}

/** Roots of the files that left, and the faults of the list `dropped`. */
function droppedFaults(before: ReadonlyMap<string, Placed>, after: Manifest): string[] {
  const now = placed(after);
  const listed = new Map(after.dropped.map((one) => [one.name, one.root]));
  const faults: string[] = [];
  for (const [name, { file }] of before) {
    const kept = now.get(name);
    if (kept !== undefined && isSameFile(kept.file, file)) continue;
    if (listed.get(name) === file.root && (kept === undefined || kept.file.root !== file.root)) continue;
    faults.push(
      kept === undefined
        ? `${name} is not in this edition: expected it in dropped with root ${file.root} and a reason`
        : `${name} has other bytes than before: expected the old ones in dropped with root ${file.root} and a reason`,
    );
  }
  for (const { name, root } of after.dropped) {
    if (before.get(name)?.file.root !== root)
      faults.push(`dropped names ${name}, which the edition before does not have with root ${root}`);
  }
  return faults;
}

function orderFaults(before: Manifest, after: Manifest): string[] {
  const faults: string[] = [];
  if (after.edition !== before.edition + 1) {
    faults.push(`edition: expected ${before.edition + 1}, actual ${after.edition}`);
  }
  const root = manifestRoot(canonicalBytes(before));
  if (after.previous !== root) faults.push(`previous: expected ${root}, actual ${after.previous ?? "null"}`);
  return faults;
}

/** What the edition `after` changes of `before`. Nothing is ever dropped silently: that is a fault. */
export function diffEditions(before: Manifest, after: Manifest): EditionDiff {
  const old = placed(before);
  const changed: FileChange[] = [];
  const added: ArchiveFile[] = [];
  for (const [name, now] of placed(after)) {
    const was = old.get(name);
    if (was === undefined || !isSameFile(was.file, now.file)) added.push(now.file);
    else {
      const fields = changedFields(was, now);
      if (fields.length > 0) changed.push({ name, fields });
    }
  }
  return {
    added,
    dropped: after.dropped,
    changed,
    attestationsAdded: missingFrom(after.attestations, before.attestations),
    attestationsRemoved: missingFrom(before.attestations, after.attestations),
    faults: [...orderFaults(before, after), ...droppedFaults(old, after)],
  };
}

/**
 * Faults of a set of manifests as the editions of one archive: each is to name the one before, from edition 1 or from the first that is given.
 * A cycle cannot be made without a collision of SHA-256, since each names the root of another; the numbers refuse it as well.
 */
export function chainFaults(editions: readonly Manifest[]): string[] {
  const sorted = [...editions].sort((a, b) => a.edition - b.edition);
  const faults: string[] = [];
  for (const [i, after] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before === undefined) continue;
    if (after.edition === before.edition) {
      faults.push(`edition ${after.edition} is given twice`);
    } else if (after.edition > before.edition + 1) {
      faults.push(
        `edition ${before.edition + 1} is missing: its root is named by edition ${before.edition + 2}`,
      );
    } else {
      faults.push(...diffEditions(before, after).faults.map((fault) => `edition ${after.edition}: ${fault}`));
    }
  }
  return faults;
}

/**
 * The chain of editions that ends with `last`, oldest first, from manifests by their announced root.
 * @returns also a sentence if it is broken: a root that is missing, a number that does not fit, or a cycle of roots
 */
export function chainOf(
  last: Hex,
  byRoot: ReadonlyMap<Hex, Manifest>,
): { readonly chain: readonly Manifest[]; readonly fault: string | undefined } {
  const chain: Manifest[] = [];
  const seen = new Set<Hex>();
  for (let root: Hex | null = last; root !== null;) {
    if (seen.has(root)) return { chain, fault: `the editions form a cycle at root ${root}` };
    seen.add(root);
    const manifest = byRoot.get(root);
    if (manifest === undefined) return { chain, fault: `the manifest with root ${root} is missing` };
    const after = chain[0];
    if (after !== undefined && after.edition !== manifest.edition + 1) {
      return { chain, fault: `edition ${after.edition} follows edition ${manifest.edition}` };
    }
    chain.unshift(manifest);
    root = manifest.previous;
  }
  return { chain, fault: undefined };
}
