/** Which blocks are canonical as far as they are remembered, and the way from the last head to the next. */
import type { Hex } from "../../../protocol/hash.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import { inParallel, requestsAtOnce } from "./parallel.ts";
import { RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import type { RpcPool } from "../../../daemon/chain/rpc.ts";

/** Of so many blocks below a head all are read, however long the outage was. */
export const recentBlocks = 128;
/** Hashes kept to recognise a reorg. */
const remembered = 1_024;
/** A chain may move while it is read, but not every time. */
const maxRereads = 3;

/** An endpoint contradicts itself: what it gives as one block's parent is not the block that it gives before it. */
export class UnlinkedBlocks extends Error {}

export type Known = { readonly number: number; readonly hash: Hex };

export type Path = {
  /** The newest block that stays; −1 if none is known. */
  readonly ancestor: number;
  readonly latest: HeadBlock;
  /** Linked blocks up to the latest, ascending; the first follows the ancestor unless there are more than `recentBlocks`. */
  readonly blocks: readonly HeadBlock[];
};

export class CanonicalBlocks {
  readonly #rpc: RpcPool;
  readonly #known = new Map<number, Hex>();

  constructor(rpc: RpcPool) {
    this.#rpc = rpc;
  }

  hashAt(number: number): Hex | undefined {
    return this.#known.get(number);
  }

  /** Keeps what was told; blocks after `ancestor` that are not in it are not canonical any more. */
  remember(ancestor: number, blocks: readonly Known[], head: number): void {
    for (const number of this.#known.keys()) if (number > ancestor) this.#known.delete(number);
    for (const { number, hash } of blocks) this.#known.set(number, hash);
    for (const number of this.#known.keys()) if (number <= head - remembered) this.#known.delete(number);
  }

  /**
   * Back from `latest` to what is known.
   * @throws UnlinkedBlocks if blocks do not name the ones before them as their parents, however often they are read (D7)
   */
  async pathTo(latest: HeadBlock, rereads = maxRereads): Promise<Path> {
    const blocks = [latest];
    for (let width = 1; blocks.length < recentBlocks; width = Math.min(2 * width, requestsAtOnce)) {
      const first = blocks[0] as HeadBlock;
      const ancestor = first.number - 1;
      if (first.number === 0 || this.#known.get(ancestor) === first.parentHash) {
        return { ancestor, latest, blocks };
      }
      const before = await this.#before(first, Math.max(width, this.#gapBelow(first)));
      const wrong = firstUnlinked([...before, first]);
      if (wrong !== undefined) {
        // The chain moved while it was read: start again from the new head.
        if (rereads > 0) return this.pathTo(await this.#rpc.head(), rereads - 1);
        throw new UnlinkedBlocks(wrong);
      }
      const kept = before.findLastIndex(({ number, hash }) => this.#known.get(number) === hash);
      blocks.unshift(...before.slice(kept + 1));
      if (kept >= 0) return { ancestor: (before[kept] as HeadBlock).number, latest, blocks };
    }
    return { ancestor: await this.#newestCanonical((blocks[0] as HeadBlock).number), latest, blocks };
  }

  /** Blocks between the newest known one and `first`, as far as they are read at once. */
  #gapBelow(first: HeadBlock): number {
    for (let gap = 1; gap <= requestsAtOnce; gap++) if (this.#known.has(first.number - 1 - gap)) return gap;
    return requestsAtOnce;
  }

  #before(first: HeadBlock, count: number): Promise<HeadBlock[]> {
    const from = Math.max(0, first.number - count);
    const numbers = Array.from({ length: first.number - from }, (_, i) => from + i);
    return inParallel(numbers, async (number) => {
      const block = await this.#rpc.block(number);
      if (block === undefined) throw new RpcUnavailable(`no endpoint has block ${number} any more`);
      return block;
    });
  }

  /** The highest block below `end` that the chain still has as it is known here, by bisection; −1 if there is none. */
  async #newestCanonical(end: number): Promise<number> {
    const numbers = [...this.#known.keys()].filter((number) => number < end).sort((a, b) => a - b);
    const stays = async (number: number): Promise<boolean> =>
      (await this.#rpc.blockHash(number)) === this.#known.get(number);
    const last = numbers.at(-1);
    if (last === undefined) return -1;
    // An outage without a reorg: the usual case.
    if (await stays(last)) return last;
    let [low, high] = [0, numbers.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (await stays(numbers[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? -1 : (numbers[low - 1] as number);
  }

  /** Blocks that nothing links to each other, ascending. */
  async read(numbers: readonly number[]): Promise<Known[]> {
    return inParallel(numbers, async (number) => ({ number, hash: await this.#rpc.blockHash(number) }));
  }
}

function firstUnlinked(blocks: readonly HeadBlock[]): string | undefined {
  for (const [i, { number, hash }] of blocks.entries()) {
    const next = blocks[i + 1];
    if (next !== undefined && next.parentHash !== hash) {
      return `block ${number}: expected ${next.parentHash}, the parent that block ${next.number} names, actual ${hash}`;
    }
  }
  return undefined;
}
