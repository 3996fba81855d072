/** Follows the head: reports every canonical block once, a reorg as replacing blocks, and groups as read at the view (R4). */
import type { Block } from "../../core/events.ts";
import type { GroupSnapshot } from "../../../protocol/group.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ChainUpdate } from "../../ports/chain.ts";
import { CanonicalBlocks, recentBlocks } from "./blocks.ts";
import type { Known, Path } from "./blocks.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import { blockTag, RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import type { RpcPool, Trouble } from "../../../daemon/chain/rpc.ts";
import type { SnapshotReader } from "./snapshot.ts";

/** The last read state of a group. */
type Reading = {
  readonly snapshot: GroupSnapshot;
  /** The view at which it was read, or a later one through which no log showed a change. */
  readonly view: number;
};

type Look = { readonly latest: HeadBlock; readonly reorg: boolean };

export class Feed {
  readonly #rpc: RpcPool;
  readonly #reader: SnapshotReader;
  readonly #groups: readonly Hex[];
  readonly #trouble: Trouble;
  readonly #blocks: CanonicalBlocks;
  #readings: ReadonlyMap<Hex, Reading> = new Map();
  /** Groups whose state could not be read when it was due, with the error. They are read again at every head. */
  readonly #unread = new Map<Hex, string>();
  #head: HeadBlock | undefined;

  constructor(rpc: RpcPool, reader: SnapshotReader, groups: readonly Hex[], trouble: Trouble) {
    this.#rpc = rpc;
    this.#reader = reader;
    this.#groups = groups;
    this.#trouble = trouble;
    this.#blocks = new CanonicalBlocks(rpc);
  }

  /** By group: the error of its last read. */
  get unreadable(): ReadonlyMap<Hex, string> {
    return this.#unread;
  }

  /** The changes since the last call; undefined if there are none. */
  async next(): Promise<ChainUpdate | undefined> {
    const head = await this.#rpc.head();
    const previous = this.#head;
    if (head.hash === previous?.hash) return undefined;
    const path: Path =
      previous === undefined
        ? { ancestor: -1, latest: head, blocks: [head] }
        : await this.#blocks.pathTo(head);
    const { latest } = path;
    const reorg = previous !== undefined && path.ancestor < previous.number;
    const readings = await this.#readAll({ latest, reorg });
    const older = await this.#blocks.read(wanted(path, readings));
    const blocks: Known[] = [...older, ...path.blocks];
    const changed = [...readings].filter(([group, { snapshot }]) => {
      const known = this.#readings.get(group)?.snapshot;
      return known !== snapshot && (reorg || known === undefined || !sameState(known, snapshot));
    });
    // State is kept only after all reads succeeded, so a failed update is read again from the same head.
    this.#blocks.remember(path.ancestor, blocks, latest.number);
    this.#readings = readings;
    this.#head = latest;
    return {
      blocks: blocks.map(({ number, hash }): Block => ({ number, hash })),
      groups: changed.map(([, { snapshot }]) => snapshot),
    };
  }

  async #readAll(look: Look): Promise<Map<Hex, Reading>> {
    const readings = new Map<Hex, Reading>();
    for (const group of this.#groups) {
      const known = this.#readings.get(group);
      const reading = await this.#readIfDue(group, known, look);
      if (reading !== undefined) readings.set(group, reading);
    }
    return readings;
  }

  async #readIfDue(group: Hex, known: Reading | undefined, look: Look): Promise<Reading | undefined> {
    const { latest, reorg } = look;
    const view = Math.max(0, latest.number - (known?.snapshot.params.confirmations ?? 0));
    let routine = false;
    if (known !== undefined && !reorg && !this.#unread.has(group)) {
      routine = !(await this.#hasLogs(group, known.view + 1, view, latest));
      // Logs come from one endpoint only. So the state itself is read once a slot in any case (D7).
      const sameSlot = slotOf(known.snapshot, view) === slotOf(known.snapshot, known.view);
      if (routine && sameSlot) return { ...known, view };
    }
    const snapshot = await this.#read(group, latest.number, known?.snapshot, routine);
    if (snapshot === undefined) return known;
    return { snapshot, view: Math.max(0, latest.number - snapshot.params.confirmations) };
  }

  /** Undefined if its state cannot be read or is not that of a group. The other groups are not delayed. */
  async #read(
    group: Hex,
    head: number,
    known: GroupSnapshot | undefined,
    routine: boolean,
  ): Promise<GroupSnapshot | undefined> {
    try {
      const snapshot = await this.#readAtView(group, head, known, routine);
      this.#unread.delete(group);
      return snapshot;
    } catch (error) {
      if (error instanceof RpcUnavailable) throw error;
      const why = (error as Error).message.slice(0, 200);
      if (!this.#unread.has(group)) this.#trouble("group-unreadable", `${group}: ${why}`);
      this.#unread.set(group, why);
      return undefined;
    }
  }

  async #readAtView(
    group: Hex,
    head: number,
    known: GroupSnapshot | undefined,
    routine: boolean,
  ): Promise<GroupSnapshot> {
    const view = Math.max(0, head - (known?.params.confirmations ?? 0));
    const snapshot = await this.#reader.read(group, view, routine);
    if (known !== undefined || snapshot.params.confirmations === 0) return snapshot;
    const confirmed = Math.max(0, head - snapshot.params.confirmations);
    return confirmed < snapshot.params.originBlock ? snapshot : this.#reader.read(group, confirmed);
  }

  async #hasLogs(address: Hex, from: number, to: number, latest: HeadBlock): Promise<boolean> {
    if (from > to) return false;
    // A request by block hash fails on a lagging endpoint; a request by block number would return no logs.
    const blockHash = to === latest.number ? latest.hash : this.#blocks.hashAt(to);
    const single = from === to && blockHash !== undefined;
    const filter = single
      ? { address, blockHash }
      : { address, fromBlock: blockTag(from), toBlock: blockTag(to) };
    try {
      return ((await this.#rpc.send("eth_getLogs", [filter])) as unknown[]).length > 0;
    } catch (error) {
      if (error instanceof RpcUnavailable) throw error;
      // Endpoints limit ranges, and reading the state takes one request.
      return true;
    }
  }
}

function slotOf({ params }: GroupSnapshot, block: number): number {
  return Math.floor((block - params.originBlock) / params.slot);
}

/** Whether two snapshots are equal, except for the block at which they were read. */
function sameState(a: GroupSnapshot, b: GroupSnapshot): boolean {
  const text = (snapshot: GroupSnapshot): string =>
    JSON.stringify({ ...snapshot, block: 0 }, (_key, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
  return text(a) === text(b);
}

/**
 * Numbers of the blocks to read between the ancestor and the blocks read already. After a start or a long outage these are: the first
 * block of every unsettled slot (R13), one interval more for a settlement that a reorg removes, all blocks of the present turn (they
 * contain the audit block, R20), and after a start the recent ones.
 */
function wanted({ ancestor, latest, blocks }: Path, readings: ReadonlyMap<Hex, Reading>): number[] {
  const end = blocks[0]?.number ?? latest.number;
  if (end <= ancestor + 1) return [];
  const numbers = new Set<number>();
  // The first reported block replaces all known blocks after it.
  if (ancestor >= 0) numbers.add(ancestor + 1);
  for (let n = Math.max(ancestor + 1, latest.number - recentBlocks); n < end; n++) numbers.add(n);
  for (const { snapshot } of readings.values()) {
    const { originBlock, interval, turn, slot, confirmations } = snapshot.params;
    // All of these are slot boundaries (R4).
    let first = Math.max(originBlock, snapshot.ts - interval);
    if (first <= ancestor) first += Math.ceil((ancestor + 1 - first) / slot) * slot;
    for (let n = first; n < end; n += slot) numbers.add(n);
    const late = latest.number - confirmations - snapshot.ts - interval;
    const te = snapshot.ts + interval + Math.floor(late / turn) * turn;
    if (late >= 0) for (let n = Math.max(te, ancestor + 1); n < end; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}
