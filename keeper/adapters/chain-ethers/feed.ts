/** Follows the head: every canonical block once, reorgs as a shorter list that replaces, groups read at the view (R4). */
import type { Block } from "../../core/events.ts";
import type { GroupSnapshot } from "../../core/group.ts";
import type { Hex } from "../../core/hash.ts";
import type { ChainUpdate } from "../../ports/chain.ts";
import { blockTag } from "./snapshot.ts";
import type { SnapshotReader } from "./snapshot.ts";
import { RpcUnavailable } from "./rpc.ts";
import type { RpcPool, Trouble } from "./rpc.ts";

type RawBlock = { readonly number: string; readonly hash: Hex; readonly parentHash: Hex };
type FeedBlock = Block & { readonly parentHash: Hex };

/** Hashes kept to recognise a reorg. */
const remembered = 1024;
/** At a start, all blocks of so many are read; of older ones only the slots' first. */
const recentBlocks = 128;
/** A chain may move while it is read, but not every time. */
const maxRereads = 3;

/** An endpoint contradicts itself: what it gives as one block's parent is not the block that it gives before it. */
export class UnlinkedBlocks extends Error {}

export class Feed {
  readonly #rpc: RpcPool;
  readonly #reader: SnapshotReader;
  readonly #groups: readonly Hex[];
  readonly #known = new Map<number, Hex>();
  readonly #snapshots = new Map<Hex, GroupSnapshot>();
  #head: FeedBlock | undefined;

  readonly #trouble: Trouble;

  constructor(rpc: RpcPool, reader: SnapshotReader, groups: readonly Hex[], trouble: Trouble) {
    this.#rpc = rpc;
    this.#reader = reader;
    this.#groups = groups;
    this.#trouble = trouble;
  }

  /** What changed since the last call; undefined if nothing did. */
  async next(): Promise<ChainUpdate | undefined> {
    const latest = await this.#rpc.head();
    if (latest.hash === this.#head?.hash) return undefined;
    const previous = this.#head;
    const blocks = previous === undefined ? [latest] : await this.#since(latest, previous.number);
    const reorg = previous !== undefined && (blocks[0]?.number ?? 0) <= previous.number;
    const groups = await this.#changedGroups(latest.number, previous?.number, reorg);
    const older = previous === undefined ? await this.#history(groups, latest.number) : [];
    for (const block of blocks) this.#known.set(block.number, block.hash);
    for (const number of this.#known.keys()) {
      if (number > latest.number || number <= latest.number - remembered) this.#known.delete(number);
    }
    this.#head = latest;
    return { blocks: [...older, ...blocks].map(({ number, hash }) => ({ number, hash })), groups };
  }

  async #block(which: number): Promise<FeedBlock> {
    const raw = (await this.#rpc.send("eth_getBlockByNumber", [blockTag(which), false])) as RawBlock | null;
    if (raw === null) throw new Error(`block ${which}: expected a block, actual none`);
    return { number: Number(raw.number), hash: raw.hash, parentHash: raw.parentHash };
  }

  /**
   * Blocks from the last common ancestor (exclusive) to `latest`, ascending.
   * @throws UnlinkedBlocks if blocks do not name the ones before them as their parents, however often they are read (D7)
   */
  async #since(latest: FeedBlock, headBefore: number, rereads = maxRereads): Promise<FeedBlock[]> {
    const blocks = [latest];
    let first = latest;
    while (first.number > 0) {
      const parent = this.#known.get(first.number - 1);
      if (parent === first.parentHash) break;
      if (parent === undefined && first.number - 1 <= headBefore - remembered) break;
      const block = await this.#block(first.number - 1);
      if (block.hash !== first.parentHash) {
        // The chain moved while it was read: start again from the new head.
        if (rereads > 0) return this.#since(await this.#rpc.head(), headBefore, rereads - 1);
        throw new UnlinkedBlocks(
          `block ${block.number}: expected ${first.parentHash}, the parent that block ${first.number} names, actual ${block.hash}`,
        );
      }
      blocks.unshift(block);
      first = block;
    }
    return blocks;
  }

  async #changedGroups(
    head: number,
    headBefore: number | undefined,
    reorg: boolean,
  ): Promise<GroupSnapshot[]> {
    const changed: GroupSnapshot[] = [];
    for (const group of this.#groups) {
      const known = this.#snapshots.get(group);
      const confirmations = known?.params.confirmations;
      const view = Math.max(0, head - (confirmations ?? 0));
      if (known !== undefined && headBefore !== undefined && confirmations !== undefined && !reorg) {
        const from = Math.max(0, headBefore - confirmations + 1);
        if (from > view || !(await this.#hasLogs(group, from, view))) continue;
      }
      const snapshot = await this.#read(group, head, known);
      if (snapshot === undefined) continue;
      this.#snapshots.set(group, snapshot);
      changed.push(snapshot);
    }
    return changed;
  }

  /** Undefined if what is at the address does not answer like a group: that is no reason to hold up the others. */
  async #read(
    group: Hex,
    head: number,
    known: GroupSnapshot | undefined,
  ): Promise<GroupSnapshot | undefined> {
    try {
      const view = Math.max(0, head - (known?.params.confirmations ?? 0));
      const snapshot = await this.#reader.read(group, view);
      if (known !== undefined || snapshot.params.confirmations === 0) return snapshot;
      const confirmed = Math.max(0, head - snapshot.params.confirmations);
      return confirmed < snapshot.params.originBlock ? snapshot : await this.#reader.read(group, confirmed);
    } catch (error) {
      if (error instanceof RpcUnavailable) throw error;
      this.#trouble("group-unreadable", `${group}: ${(error as Error).message.slice(0, 200)}`);
      return undefined;
    }
  }

  async #hasLogs(address: Hex, from: number, to: number): Promise<boolean> {
    const filter = { address, fromBlock: blockTag(from), toBlock: blockTag(to) };
    const logs = (await this.#rpc.send("eth_getLogs", [filter])) as unknown[];
    return logs.length > 0;
  }

  /** At a start: first blocks of the unsettled slots (R13), one interval more for a settlement that a reorg removes. */
  async #history(groups: readonly GroupSnapshot[], head: number): Promise<FeedBlock[]> {
    const numbers = new Set<number>();
    for (let n = Math.max(0, head - recentBlocks); n < head; n++) numbers.add(n);
    for (const { params, ts } of groups) {
      const from = Math.max(params.originBlock, ts - params.interval);
      // Both are slot boundaries (R4).
      for (let n = from; n < head; n += params.slot) numbers.add(n);
    }
    const blocks: FeedBlock[] = [];
    for (const number of [...numbers].sort((a, b) => a - b)) blocks.push(await this.#block(number));
    for (const block of blocks) this.#known.set(block.number, block.hash);
    return blocks;
  }
}
