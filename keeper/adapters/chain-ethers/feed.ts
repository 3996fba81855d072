/** Follows the head: reports every canonical block once, a reorg as replacing blocks, and committees as they are at the view (R4). */
import type { Block } from "../../core/events.ts";
import { memberIndex, slotAt } from "../../../protocol/committee.ts";
import type { CommitteeSnapshot, Version } from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ChainUpdate } from "../../ports/chain.ts";
import { CanonicalBlocks, Contradiction, recentBlocks } from "./blocks.ts";
import type { Known, Path } from "./blocks.ts";
import type { CommitteeState, Waiting } from "./committee-events.ts";
import type { GroupState } from "./group-events.ts";
import { LogReader } from "./logs.ts";
import { MemberReader } from "./members.ts";
import { transactionKey } from "./own-consents.ts";
import { SeatFollower } from "./seats.ts";
import type { FollowedCommittee, SeatOptions, Seats } from "./seats.ts";
import { StateChecker } from "./state-check.ts";
import { presentTe, snapshotOf } from "./snapshot.ts";
import type { GroupTerms } from "./snapshot.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import type { RpcPool, Trouble } from "../../../daemon/chain/rpc.ts";

export type FeedOptions = SeatOptions & { readonly chainId: number };

type Snapshots = ReadonlyMap<Hex, CommitteeSnapshot>;

export class Feed {
  readonly #rpc: RpcPool;
  readonly #options: FeedOptions;
  readonly #blocks: CanonicalBlocks;
  readonly #members: MemberReader;
  readonly #follower: SeatFollower;
  readonly #checker: StateChecker;
  /** By committee: the slot in which its state was compared with its events. */
  readonly #checked = new Map<Hex, number>();
  #seats: Seats | undefined;
  /** As delivered last. */
  #shown: Snapshots = new Map();
  #head: HeadBlock | undefined;

  constructor(rpc: RpcPool, options: FeedOptions, trouble: Trouble) {
    this.#rpc = rpc;
    this.#options = options;
    this.#blocks = new CanonicalBlocks(rpc);
    // State on which keepers act is read from two endpoints, if there are two (D7).
    const ask = (method: string, params: readonly unknown[]): Promise<unknown> =>
      rpc.sendAgreed(method, params);
    this.#members = new MemberReader(ask);
    this.#checker = new StateChecker(ask);
    const logs = new LogReader(rpc, (block) => this.#blocks.hashAt(block));
    const askTransaction = (method: string, params: readonly unknown[]): Promise<unknown> =>
      rpc.sendAgreed(method, params, transactionKey);
    const parts = { ask, askTransaction, logs, members: this.#members, trouble };
    this.#follower = new SeatFollower(options, parts);
  }

  /** By address: why a committee or a group cannot be read now. */
  get unreadable(): ReadonlyMap<Hex, string> {
    return this.#seats?.unread ?? new Map();
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
    const { ancestor, latest } = path;
    if (previous !== undefined && ancestor < previous.number) this.#members.forget();
    const seats = await this.#follower.next(this.#seats, { ancestor, head: latest });
    const shown = await this.#snapshots(seats, latest.number);
    await this.#check(seats, shown);
    // A committee that appears needs blocks of before, and blocks are delivered without a gap between old and new ones.
    const appeared = [...shown.keys()].some((address) => !this.#shown.has(address));
    const from = appeared ? { ...path, ancestor: -1 } : path;
    const older = await this.#blocks.read(wanted(from, new Map([...this.#shown, ...shown])));
    const blocks: Known[] = [...older, ...from.blocks];
    const changed = [...shown].filter(([address, snapshot]) => {
      const known = this.#shown.get(address);
      return known === undefined || !sameState(known, snapshot);
    });
    // State is kept only after all reads succeeded, so a failed update is read again from the same head.
    this.#blocks.remember(from.ancestor, blocks, latest.number);
    this.#seats = seats;
    this.#shown = new Map(
      [...this.#shown, ...shown].filter(([address]) => this.#staysShown(address, seats, shown)),
    );
    this.#head = latest;
    return {
      blocks: blocks.map(({ number, hash }): Block => ({ number, hash })),
      committees: changed.map(([, snapshot]) => snapshot),
    };
  }

  /** Once a slot the state of a committee is compared with what its events say: an endpoint may leave some out (D7). */
  async #check({ committees, groups }: Seats, shown: Snapshots): Promise<void> {
    for (const [address, { params, block }] of shown) {
      const slot = slotAt(params, block);
      if (this.#checked.get(address) === slot) continue;
      const state = committees.get(address)?.timeline.at(block);
      const groupAt = (group: Hex): GroupState | undefined => groups.get(group)?.timeline.at(block);
      try {
        if (state !== undefined) await this.#checker.check({ address, block, slot, state, groupAt });
      } catch (error) {
        // Everything is read again from the first block on.
        if (error instanceof Contradiction) this.#seats = undefined;
        throw error;
      }
      this.#checked.set(address, slot);
    }
  }

  /** A committee without a seat for this operator is shown once more. One that cannot be read now stays as it was. */
  #staysShown(address: Hex, { committees }: Seats, shown: Snapshots): boolean {
    const snapshot = shown.get(address);
    return snapshot === undefined ? committees.has(address) : this.#isSeated(snapshot);
  }

  #isSeated({ version, next }: CommitteeSnapshot): boolean {
    const { operator } = this.#options;
    return memberIndex(version, operator) >= 0 || (next !== undefined && memberIndex(next, operator) >= 0);
  }

  async #snapshots(seats: Seats, head: number): Promise<Snapshots> {
    const shown = new Map<Hex, CommitteeSnapshot>();
    for (const [address, committee] of seats.committees) {
      const snapshot = await this.#snapshot(address, committee, seats, head);
      if (snapshot !== undefined) shown.set(address, snapshot);
    }
    return shown;
  }

  /** Undefined: not formed at the view, without a seat, or a group of it cannot be read. */
  async #snapshot(
    address: Hex,
    { params, timeline }: FollowedCommittee,
    { found, groups, unread }: Seats,
    head: number,
  ): Promise<CommitteeSnapshot | undefined> {
    const block = Math.max(0, head - params.confirmations);
    const state = timeline.at(block);
    if (state?.originBlock === undefined) return undefined;
    const version = await this.#version(address, state, undefined, block);
    const waiting = state.complete ?? state.rotated;
    const next = waiting === undefined ? undefined : await this.#version(address, state, waiting, block);
    const seated = [version, next].some(
      (one) => one !== undefined && memberIndex(one, this.#options.operator) >= 0,
    );
    if (!seated && !this.#shown.has(address)) return undefined;
    // A keeper with another scope than the others signs nothing.
    if (seated && [...state.memberships.values()].some(({ group }) => unread.has(group))) return undefined;
    return snapshotOf({
      chainId: this.#options.chainId,
      address,
      block,
      params: { ...params, originBlock: state.originBlock },
      version,
      next,
      ownConsents: (found.get(address) ?? []).filter((own) => own.block <= block),
      stateAt: (at) => timeline.at(at),
      groupAt: (group, at) => groups.get(group)?.timeline.at(at),
      termsOf: (group) => groups.get(group)?.terms as GroupTerms,
    });
  }

  async #version(
    committee: Hex,
    state: CommitteeState,
    waiting: Waiting | undefined,
    block: number,
  ): Promise<Version> {
    const { complete } = state;
    const version = waiting?.version ?? state.version;
    // The keys of a version in force do not change any more.
    const mark = waiting?.changedAt ?? 0;
    const members = await this.#members.members({ committee, version, mark, block });
    const resigned = waiting === undefined || waiting !== complete ? state.resigned : waiting.resigned;
    return { version, seed: state.seed, members, resigned };
  }
}

/** Whether two snapshots are equal, except for the block at which they were read. Entries of the same state are the same object. */
function sameState(a: CommitteeSnapshot, b: CommitteeSnapshot): boolean {
  const same = <T>(x: readonly T[] | undefined, y: readonly T[] | undefined): boolean =>
    x?.length === y?.length && (x ?? []).every((one, i) => one === y?.[i]);
  return (
    a.ts === b.ts &&
    a.scope?.te === b.scope?.te &&
    same(a.groups, b.groups) &&
    same(a.scope?.groups, b.scope?.groups) &&
    same(a.remembered, b.remembered) &&
    JSON.stringify(a.succession) === JSON.stringify(b.succession) &&
    sameVersion(a.version, b.version) &&
    sameVersion(a.next, b.next)
  );
}

function sameVersion(a: Version | undefined, b: Version | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Numbers of the blocks to read between the ancestor and the blocks read already. After a start or a long outage these are: the first
 * block of every slot that is not certified (R13), one interval more for a certificate that a reorg removes, all blocks of the present
 * turn (they contain the audit block, R20), and after a start the recent ones.
 */
function wanted({ ancestor, latest, blocks }: Path, shown: Snapshots): number[] {
  const end = blocks[0]?.number ?? latest.number;
  if (end <= ancestor + 1) return [];
  const numbers = new Set<number>();
  // The first reported block replaces all known blocks after it.
  if (ancestor >= 0) numbers.add(ancestor + 1);
  for (let n = Math.max(0, ancestor + 1, latest.number - recentBlocks); n < end; n++) numbers.add(n);
  for (const { params, ts, block } of shown.values()) {
    const { originBlock, interval, slot } = params;
    // All of these are slot boundaries (R4).
    let first = Math.max(originBlock, ts - interval);
    if (first <= ancestor) first += Math.ceil((ancestor + 1 - first) / slot) * slot;
    for (let n = first; n < end; n += slot) numbers.add(n);
    const te = presentTe(params, ts, block);
    if (te !== undefined) for (let n = Math.max(te, ancestor + 1); n < end; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}
