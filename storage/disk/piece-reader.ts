import {
  hashBytes,
  leafBytes,
  segmentBytes,
  segmentHeight,
  leavesPerSegment,
  pieceGeometry,
  treeIndex,
} from "../core/geometry.ts";
import { equalBytes } from "../core/bytes.ts";
import { leafHash, rootHash, treeLevels } from "../core/merkle.ts";
import { multiproofTop, siblingPositions } from "../core/multiproof.ts";
import type { Position } from "../core/multiproof.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import type { PieceProof } from "../core/proof.ts";
import { TreeAccumulator, paddingHashes } from "../core/tree-accumulator.ts";
import type { PieceFiles, ReadFile } from "./readable-piece.ts";
import { layerBytes, layerDigests, SegmentHasher } from "./segment-hasher.ts";
import { encodeTreeHeader, treeLayout } from "./tree-file.ts";
import type { TreeLayout } from "./tree-file.ts";

/** Number and bytes of the leaves under one digest of the stored layer. */
const groupLeaves = 4;
const groupBytes = groupLeaves * leafBytes;
const groupLevel = 2;
/** Largest piece whose tree is rebuilt during a challenge: about 0.1 s of hashing. */
const maxRebuiltBytes = 16 * 1024 * 1024;
/** Digest of the four zero leaves at the end of every segment. */
const zeroGroup = treeLevels(Array.from({ length: groupLeaves }, () => leafHash(new Uint8Array()))).at(
  -1,
)?.[0] as Uint8Array;

/** A drawn leaf that cannot be proven. `leaf` is the data-leaf index. */
export type LostLeaf = {
  readonly leaf: number;
  readonly reason: string;
};

export type PieceProving = {
  readonly proof: Omit<PieceProof, "piece"> | undefined;
  readonly lost: readonly LostLeaf[];
  /** Texts for the operator: damaged parts and their repair. */
  readonly warnings: readonly string[];
};

type GroupHashes = {
  readonly leaves: readonly Uint8Array[];
  readonly pairs: readonly Uint8Array[];
  readonly bytes: Buffer;
};

type SegmentNodes = {
  /** Levels 2 to 7 of the segment, lowest first. */
  readonly levels: readonly (readonly Uint8Array[])[];
};

/**
 * Proves leaves of one stored piece. It reads the drawn 4 KiB groups, the layers of their segments (992 bytes each) and the nodes
 * above. It returns only leaves and nodes that hash to the piece's root, and omits damaged ones.
 */
export class PieceReader {
  readonly #files: PieceFiles;
  readonly #entry: PieceEntry;
  readonly #layout: TreeLayout;
  readonly #height: number;
  readonly #padding: readonly Uint8Array[];
  readonly #warnings: string[] = [];
  /** Recomputed levels above the segment roots, if the stored ones are damaged. */
  #rebuilt: Map<string, Uint8Array> | undefined;
  /** Whether the bytes of a drawn segment match neither its layer nor its root. */
  #unknownSegments = false;
  #data: ReadFile | undefined;
  #tree: ReadFile | undefined;

  private constructor(files: PieceFiles, entry: PieceEntry) {
    this.#files = files;
    this.#entry = entry;
    this.#layout = treeLayout(entry.size);
    this.#height = pieceGeometry(entry.size).height;
    this.#padding = paddingHashes(this.#layout.topHeight);
  }

  /** Proves the undamaged ones of `leaves` (data-leaf indices, any order, no duplicates). */
  static async prove(files: PieceFiles, entry: PieceEntry, leaves: readonly number[]): Promise<PieceProving> {
    const reader = new PieceReader(files, entry);
    const unreadable = await files.prepareLeaves(entry, leaves);
    const lost = [...unreadable].map(([leaf, reason]) => ({ leaf, reason }));
    const readable = leaves.filter((leaf) => !unreadable.has(leaf)).sort((a, b) => a - b);
    if (readable.length === 0) return { proof: undefined, lost, warnings: [] };
    try {
      reader.#data = await reader.#open("data");
      reader.#tree = await reader.#open("tree");
      const proving = await reader.#prove(readable);
      return { ...proving, lost: [...proving.lost, ...lost] };
    } finally {
      await reader.#data?.close();
      await reader.#tree?.close();
    }
  }

  async #open(name: "data" | "tree"): Promise<ReadFile | undefined> {
    try {
      return await (name === "data" ? this.#files.openData() : this.#files.openTree());
    } catch (error) {
      this.#warnings.push(`${this.#files.place}/${name}: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #prove(leaves: readonly number[]): Promise<PieceProving> {
    let first = await this.#attempt(leaves);
    if (this.#unknownSegments && (await this.#rebuildTree())) first = await this.#attempt(leaves);
    if (first.proof === undefined || this.#leadsToRoot(first.proof))
      return { ...first, warnings: this.#warnings };
    const reason = "the stored tree does not lead to the piece's root; ingest the file again";
    const lost = leaves.map((leaf) => ({ leaf, reason }));
    if (!this.#files.isLocal) return { proof: undefined, lost, warnings: this.#warnings };
    // Leaves and segments are consistent, so the levels above the segments are damaged: recompute them.
    this.#rebuilt = await this.#rebuildTop();
    const second = await this.#attempt(leaves);
    if (second.proof !== undefined && this.#leadsToRoot(second.proof)) {
      await this.#repairTop(this.#rebuilt);
      return { ...second, warnings: this.#warnings };
    }
    return { proof: undefined, lost, warnings: this.#warnings };
  }

  async #attempt(leaves: readonly number[]): Promise<Omit<PieceProving, "warnings">> {
    const lost: LostLeaf[] = [];
    const proven: { leaf: number; bytes: Uint8Array }[] = [];
    const groups = new Map<number, GroupHashes>();
    const segments = new Map<number, SegmentNodes | undefined>();
    for (const leaf of leaves) {
      const index = treeIndex(leaf);
      const segment = Math.floor(index / leavesPerSegment);
      if (!segments.has(segment)) segments.set(segment, await this.#segmentNodes(segment));
      const nodes = segments.get(segment);
      if (nodes === undefined) {
        this.#unknownSegments = true;
        const reason = `segment ${segment}: its part of the tree file is damaged; ingest the file again`;
        lost.push({ leaf, reason });
        continue;
      }
      const group = Math.floor(index / groupLeaves);
      const digest = nodes.levels[0]?.[group % (leavesPerSegment / groupLeaves)] as Uint8Array;
      const hashes = groups.get(group) ?? (await this.#groupHashes(group, digest));
      if (typeof hashes === "string") {
        lost.push({ leaf, reason: hashes });
        continue;
      }
      groups.set(group, hashes);
      const start = (index % groupLeaves) * leafBytes;
      proven.push({ leaf, bytes: new Uint8Array(hashes.bytes.subarray(start, start + leafBytes)) });
    }
    if (proven.length === 0) return { proof: undefined, lost };
    const positions = siblingPositions(
      proven.map(({ leaf }) => treeIndex(leaf)),
      this.#height,
    );
    const nodes: Uint8Array[] = [];
    for (const position of positions) nodes.push(await this.#node(position, groups, segments));
    return { proof: { leaves: proven, nodes }, lost };
  }

  async #node(
    { level, index }: Position,
    groups: ReadonlyMap<number, GroupHashes>,
    segments: ReadonlyMap<number, SegmentNodes | undefined>,
  ): Promise<Uint8Array> {
    if (level < groupLevel) {
      const perGroup = level === 0 ? groupLeaves : groupLeaves / 2;
      const group = groups.get(Math.floor(index / perGroup)) as GroupHashes;
      return (level === 0 ? group.leaves : group.pairs)[index % perGroup] as Uint8Array;
    }
    if (level < segmentHeight) {
      const perSegment = 2 ** (segmentHeight - level);
      const segment = segments.get(Math.floor(index / perSegment)) as SegmentNodes;
      return segment.levels[level - groupLevel]?.[index % perSegment] as Uint8Array;
    }
    const top = level - segmentHeight;
    if (index >= this.#layout.nodeCount(top)) return this.#padding[top] as Uint8Array;
    const rebuilt = this.#rebuilt?.get(`${top}/${index}`);
    if (rebuilt !== undefined) return rebuilt;
    // An unreadable node becomes zeros: the check against the root then fails and starts the repair.
    return (
      (await this.#read(this.#tree, hashBytes, this.#layout.nodeOffset(top, index))) ??
      Buffer.alloc(hashBytes)
    );
  }

  /** Levels of a segment from the stored layer, or from the segment's bytes if the layer is damaged. */
  async #segmentNodes(segment: number): Promise<SegmentNodes | undefined> {
    const layer = await this.#read(this.#tree, layerBytes, this.#layout.layerOffset(segment));
    const root = await this.#read(this.#tree, hashBytes, this.#layout.nodeOffset(0, segment));
    const stored = layer && segmentLevels(layer);
    if (stored && root && equalBytes(stored.levels.at(-1)?.[0] as Uint8Array, root)) return stored;
    const computed = await this.#hashSegment(segment);
    const fits = (other: Uint8Array | undefined): boolean =>
      computed !== undefined && other !== undefined && equalBytes(computed.root, other);
    if (fits(root)) {
      await this.#repair(
        `layer of segment ${segment}`,
        this.#layout.layerOffset(segment),
        computed?.layer as Buffer,
      );
      return computed && segmentLevels(computed.layer);
    }
    // The layer matches the bytes, so the stored segment root is damaged; the check of the upper levels finds that.
    return fits(stored?.levels.at(-1)?.[0]) ? stored : undefined;
  }

  /** Hashes a whole segment; needed only if its stored hashes are damaged. */
  async #hashSegment(segment: number): Promise<{ layer: Buffer; root: Uint8Array } | undefined> {
    const bytes = await this.#read(this.#data, this.#segmentBytes(segment), segment * segmentBytes);
    if (bytes === undefined) return undefined;
    const hasher = new SegmentHasher();
    bytes.copy(hasher.data);
    const root = hasher.hashSegment();
    const layer = Buffer.alloc(layerBytes);
    hasher.copyLayer(layer, 0);
    return { layer, root };
  }

  /** Repairs a part of the tree file in place; every part can be computed from the piece. */
  async #repair(what: string, offset: number, bytes: Uint8Array): Promise<void> {
    const tree = `${this.#files.place}/tree`;
    this.#warnings.push(`${tree}: ${what} was damaged; recomputed from the piece`);
    // The scrub makes the whole tree of such a piece anew.
    if (!this.#files.isLocal) return;
    try {
      await this.#files.patchTree(offset, bytes);
    } catch (error) {
      this.#warnings.push(`${tree}: not repaired: ${(error as Error).message}`);
    }
  }

  /**
   * Rebuilds the whole tree file if the bytes hash to the piece's root. Only for small pieces, because a keeper waits for the
   * answer: one bad sector can destroy the whole tree of a small piece, but only a part of a large one.
   */
  async #rebuildTree(): Promise<boolean> {
    const { size, root } = this.#entry;
    if (size > maxRebuiltBytes || !this.#files.isLocal) return false;
    const file = Buffer.alloc(this.#layout.fileBytes);
    file.set(encodeTreeHeader(size, root));
    const accumulator = new TreeAccumulator(this.#layout.segments, (level, index, hash) =>
      file.set(hash, this.#layout.nodeOffset(level, index)),
    );
    for (let segment = 0; segment < this.#layout.segments; segment++) {
      const computed = await this.#hashSegment(segment);
      if (computed === undefined) return false;
      file.set(computed.layer, this.#layout.layerOffset(segment));
      file.set(computed.root, this.#layout.nodeOffset(0, segment));
      accumulator.add(segment, computed.root);
    }
    if (!equalBytes(rootHash(size, accumulator.finish()), root)) return false;
    const tree = `${this.#files.place}/tree`;
    try {
      await this.#files.replaceTree(file);
    } catch (error) {
      this.#warnings.push(`${tree}: not repaired: ${(error as Error).message}`);
      return false;
    }
    this.#warnings.push(`${tree}: was damaged; rebuilt from the piece's bytes`);
    await this.#tree?.close();
    this.#tree = await this.#open("tree");
    return true;
  }

  #segmentBytes(segment: number): number {
    return Math.min(segmentBytes, this.#entry.size - segment * segmentBytes);
  }

  /** Hashes of the four leaves of a group, or the reason of their loss. */
  async #groupHashes(group: number, digest: Uint8Array): Promise<GroupHashes | string> {
    const perSegment = leavesPerSegment / groupLeaves;
    const start = Math.floor(group / perSegment) * segmentBytes + (group % perSegment) * groupBytes;
    const expected = Math.min(groupBytes, this.#entry.size - start);
    const read = await this.#read(this.#data, expected, start);
    if (read === undefined) return `bytes ${start} to ${start + expected} cannot be read`;
    const bytes = Buffer.alloc(groupBytes);
    read.copy(bytes);
    const leaves = Array.from({ length: groupLeaves }, (_, i) =>
      leafHash(bytes.subarray(i * leafBytes, (i + 1) * leafBytes)),
    );
    const levels = treeLevels(leaves);
    if (!equalBytes(levels[2]?.[0] as Uint8Array, digest)) {
      return `bytes ${start} to ${start + expected} differ from the ingested ones`;
    }
    return { leaves, pairs: levels[1] as Uint8Array[], bytes };
  }

  #leadsToRoot(proof: Omit<PieceProof, "piece">): boolean {
    const leaves = proof.leaves.map(({ leaf, bytes }) => ({
      index: treeIndex(leaf),
      hash: leafHash(bytes),
    }));
    const top = multiproofTop(leaves, proof.nodes, this.#height);
    return top !== undefined && equalBytes(rootHash(this.#entry.size, top), this.#entry.root);
  }

  /** Recomputes the levels above the segments from stored layers, else from bytes, else from stored segment roots. */
  async #rebuildTop(): Promise<Map<string, Uint8Array>> {
    const nodes = new Map<string, Uint8Array>();
    const accumulator = new TreeAccumulator(this.#layout.segments, (level, index, hash) =>
      nodes.set(`${level}/${index}`, hash),
    );
    for (let segment = 0; segment < this.#layout.segments; segment++) {
      const layer = await this.#read(this.#tree, layerBytes, this.#layout.layerOffset(segment));
      const root = await this.#read(this.#tree, hashBytes, this.#layout.nodeOffset(0, segment));
      const fromLayer = layer && (segmentLevels(layer).levels.at(-1)?.[0] as Uint8Array);
      let hash = root ?? fromLayer ?? Buffer.alloc(hashBytes);
      if (root === undefined || fromLayer === undefined || !equalBytes(fromLayer, root)) {
        // Stored root, stored layer and bytes give three roots: use one that two agree on, else the stored root.
        const computed = (await this.#hashSegment(segment))?.root;
        if (computed && (root === undefined || (fromLayer && equalBytes(computed, fromLayer))))
          hash = computed;
      }
      nodes.set(`0/${segment}`, hash);
      accumulator.add(segment, hash);
    }
    accumulator.finish();
    return nodes;
  }

  async #repairTop(nodes: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { topHeight } = this.#layout;
    const start = this.#layout.nodeOffset(0, 0);
    const bytes = Buffer.alloc(this.#layout.fileBytes - start);
    for (let level = 0; level <= topHeight; level++) {
      for (let index = 0; index < this.#layout.nodeCount(level); index++) {
        const node = nodes.get(`${level}/${index}`) as Uint8Array;
        bytes.set(node, this.#layout.nodeOffset(level, index) - start);
      }
    }
    await this.#repair("the part above the segments", start, bytes);
  }

  /** Exactly `count` bytes; undefined for a short file, a disk error or no file. The caller then omits the leaves. */
  async #read(file: ReadFile | undefined, count: number, position: number): Promise<Buffer | undefined> {
    if (file === undefined) return undefined;
    const buffer = Buffer.alloc(count);
    try {
      const { bytesRead } = await file.read(buffer, 0, count, position);
      return bytesRead === count ? buffer : undefined;
    } catch (error) {
      this.#warnings.push(`${this.#files.place}: ${(error as Error).message}`);
      return undefined;
    }
  }
}

function segmentLevels(layer: Buffer): SegmentNodes {
  const digests: Uint8Array[] = Array.from({ length: layerDigests }, (_, i) =>
    layer.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
  return { levels: treeLevels([...digests, zeroGroup]) };
}
