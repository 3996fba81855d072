/**
 * What is known of a piece's tree above its ranges (R10). Sources without proofs send bytes whose tops are compared with the lowest node above
 * them that is known: at first the root alone, and with each proof of a range all nodes beside its path. Level 0 = tops of ranges.
 */
import { fromHex, type Hex } from "../../protocol/hash.ts";
import { equalBytes } from "../../storage/core/bytes.ts";
import { nodeHash, rootHash } from "../../storage/core/merkle.ts";
import { rangeCount, treeAbove } from "../../storage/core/range.ts";

/** The ranges [from, to) below one known node. */
export type Span = { readonly from: number; readonly to: number };
export type Verdict = Span & {
  /** `open`: the top of a range is missing. */
  readonly state: "open" | "right" | "wrong";
};

type Node = { readonly level: number; readonly index: number };

const keyOf = ({ level, index }: Node): string => `${level}/${index}`;

export class RangeTree {
  /** Number of ranges. */
  readonly count: number;
  readonly #size: number;
  readonly #root: Uint8Array;
  readonly #height: number;
  readonly #padding: readonly Uint8Array[];
  readonly #tops: (Uint8Array | undefined)[];
  readonly #known = new Map<string, Uint8Array>();
  /** By node: the first range below it that may have no top, so that a judgement does not look at all of them again. */
  readonly #gaps = new Map<string, number>();

  constructor(root: Hex, size: number) {
    this.#root = fromHex(root);
    this.#size = size;
    this.count = rangeCount(size);
    this.#tops = Array.from({ length: this.count });
    ({ height: this.#height, padding: this.#padding } = treeAbove(size));
  }

  /** Notes the top of a range's bytes; undefined: there are none. */
  set(range: number, top: Uint8Array | undefined): void {
    this.#tops[range] = top;
    if (top === undefined) this.#gaps.clear();
  }

  /**
   * Notes the nodes of a verified proof.
   * @param siblings the nodes of `runSiblings` for this range alone
   * @returns the first range below each node that is known now
   */
  learn(range: number, top: Uint8Array, siblings: readonly Uint8Array[]): number[] {
    this.set(range, top);
    this.#known.set(keyOf({ level: 0, index: range }), top);
    const left = [...siblings];
    const firsts = [range];
    for (let level = 0; level < this.#height; level++) {
      const index = Math.floor(range / 2 ** level);
      const beside = index % 2 === 1 ? index - 1 : index + 1;
      const first = beside * 2 ** level;
      // Padding follows from the size, and is no part of a proof.
      if (first >= this.count) continue;
      this.#known.set(keyOf({ level, index: beside }), left.shift() as Uint8Array);
      firsts.push(first);
    }
    return firsts;
  }

  /** Compares the tops below the lowest known node above the range with it. */
  judge(range: number): Verdict {
    const node = this.#lowest(range);
    const from = node.index * 2 ** node.level;
    const to = Math.min(this.count, from + 2 ** node.level);
    let gap = this.#gaps.get(keyOf(node)) ?? from;
    while (gap < to && this.#tops[gap] !== undefined) gap++;
    this.#gaps.set(keyOf(node), gap);
    if (gap < to) return { from, to, state: "open" };
    const found = this.#folded(from, to, node.level);
    const known = this.#known.get(keyOf(node));
    const isRight =
      known === undefined ? equalBytes(rootHash(this.#size, found), this.#root) : equalBytes(found, known);
    return { from, to, state: isRight ? "right" : "wrong" };
  }

  #lowest(range: number): Node {
    for (let level = 0; level < this.#height; level++) {
      const node = { level, index: Math.floor(range / 2 ** level) };
      if (this.#known.has(keyOf(node))) return node;
    }
    return { level: this.#height, index: 0 };
  }

  #folded(from: number, to: number, levels: number): Uint8Array {
    let nodes = this.#tops.slice(from, to) as Uint8Array[];
    for (let level = 0; level < levels; level++) {
      const next: Uint8Array[] = [];
      for (let i = 0; i < nodes.length; i += 2) {
        next.push(nodeHash(nodes[i] as Uint8Array, nodes[i + 1] ?? (this.#padding[level] as Uint8Array)));
      }
      nodes = next;
    }
    return nodes[0] as Uint8Array;
  }
}
