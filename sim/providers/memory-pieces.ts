/** Pieces of a simulated provider: real bytes with their real tree (R10), in memory, and ways to lose them. */
import {
  hashBytes,
  leafBytes,
  segmentBytes,
  segmentHeight,
  pieceGeometry,
  treeIndex,
} from "../../storage/core/geometry.ts";
import { equalBytes, toHex } from "../../storage/core/bytes.ts";
import { leafHash, rootHash, segmentLeaves, treeLevels } from "../../storage/core/merkle.ts";
import { siblingPositions } from "../../storage/core/multiproof.ts";
import type { Position } from "../../storage/core/multiproof.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import type { PieceProof, Proof } from "../../storage/core/proof.ts";
import type { Draw } from "../../storage/core/sampling.ts";
import { Random } from "../world.ts";

/** The most bytes that a simulation holds in memory. */
export const maxRealBytes = 64 * 1024 * 1024;
/** A loss destroys whole sixteenths of a piece. */
const parts = 16;

type Proven = { readonly proof: Proof; readonly lost: { piece: number; leaf: number; reason: string }[] };

class MemoryPiece {
  readonly entry: PieceEntry;
  readonly #bytes: Uint8Array;
  readonly #height: number;
  /** By segment, levels 0 to 7. */
  readonly #segments: readonly (readonly (readonly Uint8Array[])[])[];
  /** From the segments' roots up. */
  readonly #top: readonly (readonly Uint8Array[])[];
  /** The bytes that are left where that many sixteenths are gone. */
  readonly #damaged = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array) {
    const { segments, paddedSegments, height, size } = pieceGeometry(bytes.length);
    this.#bytes = bytes;
    this.#height = height;
    this.#segments = Array.from({ length: segments }, (_, i) =>
      treeLevels(segmentLeaves(bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes))),
    );
    const roots = Array.from(
      { length: paddedSegments },
      (_, i) => this.#segments[i]?.at(-1)?.[0] ?? new Uint8Array(hashBytes),
    );
    this.#top = treeLevels(roots);
    const root = rootHash(size, this.#top.at(-1)?.[0] as Uint8Array);
    this.entry = { root, size };
  }

  /** Proof of those data leaves that still are what was committed to. `gone`: sixteenths of the bytes that are lost. */
  prove(
    leaves: readonly number[],
    gone: number,
  ): { proof: Omit<PieceProof, "piece"> | undefined; lost: number[] } {
    const bytes = this.#bytesWithout(gone);
    const proven: { leaf: number; bytes: Uint8Array }[] = [];
    const lost: number[] = [];
    for (const leaf of leaves) {
      const held = leafOf(bytes, leaf);
      // Bytes that nothing happened to are those that were hashed.
      const whole = gone <= 0 || equalBytes(leafHash(held), this.#node({ level: 0, index: treeIndex(leaf) }));
      if (whole) proven.push({ leaf, bytes: held });
      else lost.push(leaf);
    }
    if (proven.length === 0) return { proof: undefined, lost };
    const indices = proven.map(({ leaf }) => treeIndex(leaf));
    const nodes = siblingPositions(indices, this.#height).map((position) => this.#node(position));
    return { proof: { leaves: proven, nodes }, lost };
  }

  #node({ level, index }: Position): Uint8Array {
    if (level >= segmentHeight) return this.#top[level - segmentHeight]?.[index] as Uint8Array;
    const perSegment = 2 ** (segmentHeight - level);
    return this.#segments[Math.floor(index / perSegment)]?.[level]?.[index % perSegment] as Uint8Array;
  }

  /** All bits of what is gone are inverted, from the start on, as the daemon's lose-data fault does. */
  #bytesWithout(gone: number): Uint8Array {
    if (gone <= 0) return this.#bytes;
    let left = this.#damaged.get(gone);
    if (left === undefined) {
      left = this.#bytes.slice();
      const end = Math.ceil((left.length * gone) / parts);
      for (let i = 0; i < end; i++) left[i] = ~(left[i] as number);
      this.#damaged.set(gone, left);
    }
    return left;
  }
}

/** A leaf, padded with zeros at the end of the piece; a view of it elsewhere, since nobody changes a proof's bytes. */
function leafOf(bytes: Uint8Array, leaf: number): Uint8Array {
  const held = bytes.subarray(leaf * leafBytes, (leaf + 1) * leafBytes);
  if (held.length === leafBytes) return held;
  const padded = new Uint8Array(leafBytes);
  padded.set(held);
  return padded;
}

/** Bytes are the same for a provider and a size in every run, so they are made once. */
const made = new Map<string, MemoryPiece>();
const maxMade = 32;

function pieceOf(provider: number, size: number): MemoryPiece {
  const key = `${provider}/${size}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const random = new Random(provider);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = random.integer(0, 0xff);
  const piece = new MemoryPiece(bytes);
  for (const oldest of made.keys()) if (made.size >= maxMade) made.delete(oldest);
  made.set(key, piece);
  return piece;
}

/** The piece lists that one provider stores. */
export class MemoryPieces {
  readonly #lists = new Map<string, { readonly list: PieceList; readonly pieces: readonly MemoryPiece[] }>();

  /** Stores that many bytes and names their list. @throws RangeError if they are too many for memory */
  add(provider: number, bytes: bigint): PieceList {
    if (bytes > BigInt(maxRealBytes)) {
      throw new RangeError(
        `provider ${provider}: expected at most ${maxRealBytes} bytes where storage is real, actual ${bytes}`,
      );
    }
    const piece = pieceOf(provider, Number(bytes));
    const list = makePieceList([piece.entry]);
    this.#lists.set(keyOf(list.root), { list, pieces: [piece] });
    return list;
  }

  find(root: Uint8Array): PieceList | undefined {
    return this.#lists.get(keyOf(root))?.list;
  }

  /** R11; `gone`: sixteenths of each piece that are lost. */
  prove(list: PieceList, draws: readonly Draw[], gone: number): Proven {
    const pieces = this.#lists.get(keyOf(list.root))?.pieces ?? [];
    const proofs: PieceProof[] = [];
    const lost: Proven["lost"] = [];
    for (const [piece, held] of pieces.entries()) {
      const drawn = new Set(draws.filter((draw) => draw.piece === piece).map(({ leaf }) => leaf));
      if (drawn.size === 0) continue;
      const proving = held.prove(
        [...drawn].sort((a, b) => a - b),
        gone,
      );
      if (proving.proof !== undefined) proofs.push({ piece, ...proving.proof });
      lost.push(...proving.lost.map((leaf) => ({ piece, leaf, reason: "its bytes are gone" })));
    }
    return { proof: { pieces: proofs }, lost };
  }
}

function keyOf(root: Uint8Array): string {
  return toHex(root);
}
