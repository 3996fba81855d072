/**
 * Follows the operator's seats by events alone (R38, R39): the committees in which it consented, the groups that these serve, and the
 * states of both by block.
 */
import type { CommitteeParams } from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import { RpcDisagreement, RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import type { Trouble } from "../../../daemon/chain/rpc.ts";
import { committeeAbi, factoryAbi, groupAbi, registryAbi } from "./abi.ts";
import { Contradiction } from "./blocks.ts";
import { committeeAfter, unformed } from "./committee-events.ts";
import type { CommitteeState, Membership } from "./committee-events.ts";
import { groupAfter, newGroup } from "./group-events.ts";
import type { GroupState } from "./group-events.ts";
import type { ChainEvent, LogReader } from "./logs.ts";
import type { MemberReader } from "./members.ts";
import { ownConsentOf, readAgain } from "./own-consents.ts";
import type { OwnConsentAt } from "./own-consents.ts";
import { inParallel } from "./parallel.ts";
import { isOver } from "./snapshot.ts";
import type { GroupTerms } from "./snapshot.ts";
import { Timeline } from "./timeline.ts";

export type FollowedCommittee = {
  readonly params: Omit<CommitteeParams, "originBlock">;
  readonly timeline: Timeline<CommitteeState>;
};

export type FollowedGroup = { readonly terms: GroupTerms; readonly timeline: Timeline<GroupState> };

/** All that is known after a head. It never changes: the next head has another one. */
export type Seats = {
  /** Block through which events are read; −1: none. */
  readonly through: number;
  /** The operator's consents by committee, in the order of the chain; at least one. */
  readonly found: ReadonlyMap<Hex, readonly OwnConsentAt[]>;
  readonly committees: ReadonlyMap<Hex, FollowedCommittee>;
  readonly groups: ReadonlyMap<Hex, FollowedGroup>;
  /** Past memberships of which every block is settled, as committee/number. */
  readonly over: ReadonlySet<string>;
  /** What could not be read, with the error. It is read again at every head. */
  readonly unread: ReadonlyMap<Hex, string>;
};

const nothing: Seats = {
  through: -1,
  found: new Map(),
  committees: new Map(),
  groups: new Map(),
  over: new Set(),
  unread: new Map(),
};

/** States are kept for reorgs of at most so many blocks; after a deeper one everything is read again. */
const keptBlocks = 1_024;

export type SeatOptions = {
  readonly operator: Hex;
  readonly registry: Hex;
  readonly factories: readonly Hex[];
};

export type SeatParts = {
  readonly ask: Ask;
  /** Reads a transaction from two endpoints, if there are two. */
  readonly askTransaction: Ask;
  readonly logs: Pick<LogReader, "read">;
  readonly members: Pick<MemberReader, "operators">;
  readonly trouble: Trouble;
};

type Reading = Pick<Seats, "committees"> & {
  readonly kept: Seats;
  readonly events: ReadonlyMap<Hex, readonly ChainEvent[]>;
  readonly unread: Map<Hex, string>;
};

type Served = Pick<Seats, "groups" | "over">;

type Step = { readonly ancestor: number; readonly head: HeadBlock };

const consentTopic = (committeeAbi.getEvent("MemberConsented") as { topicHash: string }).topicHash;

export class SeatFollower {
  readonly #options: SeatOptions;
  readonly #on: SeatParts;

  constructor(options: SeatOptions, parts: SeatParts) {
    this.#options = options;
    this.#on = parts;
  }

  /**
   * What is known after `head`, with nothing of blocks after `ancestor` that are no longer canonical.
   * @param before of the last head; undefined at the start
   */
  async next(before: Seats | undefined, step: Step): Promise<Seats> {
    const { ancestor, head } = step;
    const kept = before === undefined ? nothing : withoutReorged(before, ancestor);
    const absent = await this.#absent(kept, head);
    if (absent.size > 0) return { ...kept, unread: absent };
    const found = await this.#discover(kept, step);
    const events = await this.#news(kept, step);
    const unread = new Map<Hex, string>();
    const committees = new Map<Hex, FollowedCommittee>();
    for (const [address, consents] of found) {
      const known = kept.committees.get(address);
      const one =
        known === undefined
          ? await this.#readable(address, unread, kept, () =>
              this.#openCommittee(address, (consents[0] as OwnConsentAt).block, head),
            )
          : { ...known, timeline: folded(known.timeline, events.get(address), committeeAfter) };
      if (one !== undefined) committees.set(address, one);
    }
    const { groups, over } = await this.#groups({ kept, committees, events, unread }, head);
    return pruned({ through: head.number, found, committees, groups, over, unread });
  }

  /** Before anything is read: registry and factories that are not there. Another chain, or a restarted one, has none of them. */
  async #absent(kept: Seats, head: HeadBlock): Promise<ReadonlyMap<Hex, string>> {
    const unread = new Map<Hex, string>();
    if (kept.through >= 0) return unread;
    const { operator, registry, factories } = this.#options;
    await this.#readable(registry, unread, kept, () => this.#firstBlock(head));
    for (const factory of factories) {
      await this.#readable(factory, unread, kept, () =>
        call(this.#on.ask, factoryAbi, factory, "isCommittee", [operator], head.number),
      );
    }
    return unread;
  }

  /** R39: committees in whose versions the operator consented, of the configured factories. */
  async #discover(kept: Seats, { head }: Step): Promise<ReadonlyMap<Hex, readonly OwnConsentAt[]>> {
    const { operator } = this.#options;
    const from = kept.through < 0 ? await this.#firstBlock(head) : kept.through + 1;
    const topics = [consentTopic, null, null, `0x${operator.slice(2).padStart(64, "0")}`];
    const query = { addresses: undefined, topics, abi: () => committeeAbi };
    const consents = await this.#on.logs.read(query, { from, head });
    const ask = this.#on.askTransaction;
    const found = new Map<Hex, readonly OwnConsentAt[]>();
    for (const [address, known] of kept.found)
      found.set(address, await inOrder(known, (one) => readAgain(ask, operator, one)));
    const strangers = new Set<Hex>();
    for (const event of consents) {
      const { address } = event;
      if (strangers.has(address)) continue;
      if (!found.has(address) && !(await this.#isCommittee(address, head))) {
        strangers.add(address);
        continue;
      }
      found.set(address, [...(found.get(address) ?? []), await ownConsentOf(ask, operator, event)]);
    }
    return found;
  }

  /** Nobody consents before it is registered (R3). */
  async #firstBlock(head: HeadBlock): Promise<number> {
    const { operator, registry } = this.#options;
    const [{ registeredAt }] = await call(
      this.#on.ask,
      registryAbi,
      registry,
      "keeper",
      [operator],
      head.number,
    );
    return registeredAt === 0n ? head.number : Number(registeredAt);
  }

  /** Any contract may emit such an event. */
  async #isCommittee(address: Hex, head: HeadBlock): Promise<boolean> {
    for (const factory of this.#options.factories) {
      const [made] = await call(this.#on.ask, factoryAbi, factory, "isCommittee", [address], head.number);
      if (made === true) return true;
    }
    return false;
  }

  /** Events of what is followed already, by contract. */
  async #news({ committees, groups, through }: Seats, { head }: Step): Promise<Map<Hex, ChainEvent[]>> {
    const query = {
      addresses: [...committees.keys(), ...groups.keys()],
      topics: [],
      abi: (address: Hex) => (committees.has(address) ? committeeAbi : groupAbi),
    };
    return byContract(await this.#on.logs.read(query, { from: through + 1, head }));
  }

  async #openCommittee(address: Hex, since: number, head: HeadBlock): Promise<FollowedCommittee> {
    const [[rhythm], [origin]] = await Promise.all([
      call(this.#on.ask, committeeAbi, address, "rhythm", [], head.number),
      call(this.#on.ask, committeeAbi, address, "originBlock", [], head.number),
    ]);
    // Nothing that counts happens before a committee is formed.
    const from = origin === 0n ? since : Math.min(since, Number(origin));
    const query = { addresses: [address], topics: [], abi: () => committeeAbi };
    const events = await this.#on.logs.read(query, { from, head });
    return {
      params: {
        interval: Number(rhythm.interval),
        turn: Number(rhythm.turn),
        slot: Number(rhythm.slot),
        answer: Number(rhythm.answer),
        confirmations: Number(rhythm.confirmations),
        toleranceBps: Number(rhythm.toleranceBps),
      },
      timeline: folded(Timeline.from(from, unformed), events, committeeAfter),
    };
  }

  /** Groups of the committees in which the operator has a seat, or had one at the view. */
  async #groups({ kept, committees, events, unread }: Reading, head: HeadBlock): Promise<Served> {
    const groups = new Map<Hex, FollowedGroup>();
    const over = new Set(kept.over);
    const fresh = new Set<Hex>();
    for (const [address, { params, timeline }] of committees) {
      const { latest } = timeline;
      const viewed = timeline.at(Math.max(0, head.number - params.confirmations)) ?? latest;
      if (!(await this.#isSeated(address, [latest, viewed], head))) continue;
      const ts = Math.min(latest.ts, viewed.ts);
      for (const membership of latest.memberships.values()) {
        const { group, left, number } = membership;
        const name = `${address}/${number}`;
        if (groups.has(group) || fresh.has(group) || over.has(name)) continue;
        const known = kept.groups.get(group);
        const one = known && { ...known, timeline: folded(known.timeline, events.get(group), groupAfter) };
        // A membership with a block from ts on may be in the scope of this interval, settled or not.
        const past = left !== undefined && left <= ts;
        if (
          past &&
          (one === undefined
            ? await this.#hasEnded(membership, head)
            : isOver(membership, one.timeline.latest, ts))
        )
          over.add(name);
        else if (one === undefined) fresh.add(group);
        else groups.set(group, one);
      }
    }
    await inParallel([...fresh], async (group) => {
      const one = await this.#readable(group, unread, kept, () => this.#openGroup(group, head));
      if (one !== undefined) groups.set(group, one);
    });
    return { groups, over };
  }

  async #isSeated(committee: Hex, states: readonly CommitteeState[], head: HeadBlock): Promise<boolean> {
    for (const version of new Set(states.flatMap(versionsOf))) {
      const operators = await this.#on.members.operators(committee, version, head.number);
      if (operators.includes(this.#options.operator)) return true;
    }
    return false;
  }

  /** Whether a group that is not followed is settled through the end of a past membership. */
  async #hasEnded({ group, left }: Membership, { number }: HeadBlock): Promise<boolean> {
    const [state] = await call(this.#on.ask, groupAbi, group, "state", [], number);
    return Number(state.settledThrough) >= (left ?? Number.POSITIVE_INFINITY) || state.listed === 0n;
  }

  async #openGroup(group: Hex, head: HeadBlock): Promise<FollowedGroup> {
    const [[config], [created]] = await Promise.all([
      call(this.#on.ask, groupAbi, group, "config", [], head.number),
      call(this.#on.ask, groupAbi, group, "createdAt", [], head.number),
    ]);
    const createdAt = Number(created);
    const terms = {
      createdAt,
      keeperFee: config.keeperFee as bigint,
      keeperShareBps: Number(config.keeperShareBps),
    };
    const query = { addresses: [group], topics: [], abi: () => groupAbi };
    const events = await this.#on.logs.read(query, { from: createdAt, head });
    return { terms, timeline: folded(Timeline.from(createdAt, newGroup(createdAt)), events, groupAfter) };
  }

  /** Undefined if it cannot be read; the others are not delayed. */
  async #readable<T>(
    address: Hex,
    unread: Map<Hex, string>,
    kept: Seats,
    read: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (
        error instanceof RpcUnavailable ||
        error instanceof RpcDisagreement ||
        error instanceof Contradiction
      )
        throw error;
      const why = (error as Error).message.slice(0, 200);
      if (!kept.unread.has(address)) this.#on.trouble("group-unreadable", `${address}: ${why}`);
      unread.set(address, why);
      return undefined;
    }
  }
}

/** The version in force and those that wait; none before the committee is formed. */
function versionsOf({ version, complete, rotated }: CommitteeState): number[] {
  return [version, complete?.version ?? 0, rotated?.version ?? 0].filter((number) => number > 0);
}

function folded<S>(
  timeline: Timeline<S>,
  events: readonly ChainEvent[] = [],
  after: (state: S, event: ChainEvent) => S,
): Timeline<S> {
  return events.length === 0 ? timeline : timeline.after(events, after);
}

async function inOrder<T>(all: readonly T[], next: (one: T) => Promise<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for (const one of all) found.push(await next(one));
  return found.every((one, i) => one === all[i]) ? all : found;
}

function byContract(events: readonly ChainEvent[]): Map<Hex, ChainEvent[]> {
  const found = new Map<Hex, ChainEvent[]>();
  for (const event of events) {
    const list = found.get(event.address);
    if (list === undefined) found.set(event.address, [event]);
    else list.push(event);
  }
  return found;
}

function withoutReorged(seats: Seats, ancestor: number): Seats {
  if (ancestor >= seats.through) return seats;
  if (ancestor < seats.through - keptBlocks) return nothing;
  const through = <T extends { readonly timeline: Timeline<S> }, S>(
    all: ReadonlyMap<Hex, T>,
  ): Map<Hex, T> => {
    const kept = new Map<Hex, T>();
    for (const [address, one] of all) {
      const timeline = one.timeline.through(ancestor);
      if (timeline !== undefined) kept.set(address, { ...one, timeline });
    }
    return kept;
  };
  return {
    through: ancestor,
    found: new Map(
      [...seats.found]
        .map(([address, all]) => [address, all.filter(({ block }) => block <= ancestor)] as const)
        .filter(([, all]) => all.length > 0),
    ),
    committees: through(seats.committees),
    groups: through(seats.groups),
    over: new Set(),
    unread: seats.unread,
  };
}

/** Keeps the states since the oldest block that a turn or a reorg may ask for. */
function pruned(seats: Seats): Seats {
  const turns = [...seats.committees.values()].map(({ params }) => params.turn + params.confirmations);
  const since = seats.through - Math.max(keptBlocks, ...turns);
  const kept = <T extends { readonly timeline: Timeline<S> }, S>(all: ReadonlyMap<Hex, T>): Map<Hex, T> =>
    new Map([...all].map(([address, one]) => [address, { ...one, timeline: one.timeline.since(since) }]));
  return { ...seats, committees: kept(seats.committees), groups: kept(seats.groups) };
}
