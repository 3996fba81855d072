/** The canonical blocks as far as they are kept, and the blocks from the last head to the next one. */
import type { Hex } from "../../../protocol/hash.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import { inParallel, requestsAtOnce } from "./parallel.ts";
import { RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import type { RpcPool } from "../../../daemon/chain/rpc.ts";

/** Below a new head this many blocks are read completely, after an outage of any length. */
export const recentBlocks = 128;
/** Hashes kept to recognise a reorg. */
const remembered = 1_024;
/** Attempts: the chain may move during a read, but not during every one. */
const maxRereads = 3;

/** Endpoints contradict themselves: a block's parent hash is not the hash of the block before it, or events do not lead to the state. */
export class Contradiction extends Error {}

export type Known = { readonly number: number; readonly hash: Hex };

export type Path = {
  /** The newest known block that is still canonical; −1 if none. */
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

  /** Keeps the reported blocks. Other blocks after `ancestor` are no longer canonical. */
  remember(ancestor: number, blocks: readonly Known[], head: number): void {
    for (const number of this.#known.keys()) if (number > ancestor) this.#known.delete(number);
    for (const { number, hash } of blocks) this.#known.set(number, hash);
    for (const number of this.#known.keys()) if (number <= head - remembered) this.#known.delete(number);
  }

  /**
   * Reads from `latest` back to the newest known block.
   * @throws Contradiction if parent hashes do not match after several reads (D7)
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
        // The chain moved during the read: start again from the new head.
        if (rereads > 0) return this.pathTo(await this.#rpc.head(), rereads - 1);
        throw new Contradiction(wrong);
      }
      const kept = before.findLastIndex(({ number, hash }) => this.#known.get(number) === hash);
      blocks.unshift(...before.slice(kept + 1));
      if (kept >= 0) return { ancestor: (before[kept] as HeadBlock).number, latest, blocks };
    }
    return { ancestor: await this.#newestCanonical((blocks[0] as HeadBlock).number), latest, blocks };
  }

  /** Blocks between the newest known one and `first`, as far as they are read in one request. */
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

  /** The highest known block below `end` that is still on the chain, by bisection; −1 if none. */
  async #newestCanonical(end: number): Promise<number> {
    const numbers = [...this.#known.keys()].filter((number) => number < end).sort((a, b) => a - b);
    const stays = async (number: number): Promise<boolean> =>
      (await this.#rpc.blockHash(number)) === this.#known.get(number);
    const last = numbers.at(-1);
    if (last === undefined) return -1;
    // The usual case: an outage without a reorg.
    if (await stays(last)) return last;
    let [low, high] = [0, numbers.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (await stays(numbers[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? -1 : (numbers[low - 1] as number);
  }

  /** Single blocks without a check of their parent hashes, ascending. */
  async read(numbers: readonly number[]): Promise<Known[]> {
    return inParallel(numbers, async (number) => ({ number, hash: await this.#rpc.blockHash(number) }));
  }
}

function firstUnlinked(blocks: readonly HeadBlock[]): string | undefined {
  for (const [i, { number, hash }] of blocks.entries()) {
    const next = blocks[i + 1];
    if (next !== undefined && next.parentHash !== hash) {
      return `block ${number}: expected ${next.parentHash}, the parent hash of block ${next.number}, actual ${hash}`;
    }
  }
  return undefined;
}
