import { hashBytes } from "./geometry.ts";
import { nodeHash } from "./merkle.ts";

/** Receives every node above the segment roots except padding; level 1 = parents of segment roots. */
export type OnNode = (level: number, index: number, hash: Uint8Array) => void;

/**
 * Computes the top (R10) from segment roots in any order. It keeps only the nodes whose sibling is missing, so its memory depends
 * on the tree's height and the order of arrival, not on the size of the piece.
 */
export class TreeAccumulator {
  readonly #pending: Map<number, Uint8Array>[] = [];
  readonly #segments: number;
  readonly #onNode: OnNode;
  #added = 0;

  /** @param segments undefined: as many as are added, known at the end */
  constructor(segments: number | undefined, onNode: OnNode = () => {}) {
    this.#segments = segments ?? Number.POSITIVE_INFINITY;
    this.#onNode = onNode;
  }

  add(index: number, root: Uint8Array): void {
    if (index < 0 || index >= this.#segments) {
      throw new RangeError(`segment: expected below ${this.#segments}, actual ${index}`);
    }
    this.#added++;
    this.#place(0, index, root);
  }

  #place(level: number, index: number, hash: Uint8Array): void {
    const waiting = (this.#pending[level] ??= new Map());
    const siblingIndex = index % 2 === 0 ? index + 1 : index - 1;
    const sibling = waiting.get(siblingIndex);
    if (sibling === undefined) {
      waiting.set(index, hash);
      return;
    }
    waiting.delete(siblingIndex);
    const parent = index % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
    const parentIndex = Math.floor(index / 2);
    this.#onNode(level + 1, parentIndex, parent);
    this.#place(level + 1, parentIndex, parent);
  }

  /** The top after all segment roots were added; pads the right edge. */
  finish(): Uint8Array {
    const segments = this.#segments === Number.POSITIVE_INFINITY ? this.#added : this.#segments;
    if (this.#added !== segments) {
      throw new Error(`segments: expected ${segments}, actual ${this.#added}`);
    }
    let level = 0;
    let padding: Uint8Array = new Uint8Array(hashBytes);
    for (let count = segments; count > 1; count = Math.ceil(count / 2)) {
      if (count % 2 === 1) {
        const last = this.#pending[level]?.get(count - 1) as Uint8Array;
        this.#pending[level]?.delete(count - 1);
        const parent = nodeHash(last, padding);
        this.#onNode(level + 1, (count - 1) / 2, parent);
        this.#place(level + 1, (count - 1) / 2, parent);
      }
      padding = nodeHash(padding, padding);
      level++;
    }
    return this.#pending[level]?.get(0) as Uint8Array;
  }
}

/** `paddingHashes(h)[l]` = top of a subtree of 2^l padding segments. */
export function paddingHashes(height: number): Uint8Array[] {
  const out: Uint8Array[] = [new Uint8Array(hashBytes)];
  for (let level = 0; level < height; level++) {
    out.push(nodeHash(out[level] as Uint8Array, out[level] as Uint8Array));
  }
  return out;
}
