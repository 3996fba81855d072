/** What a keeper's endpoint shows of a committee, from the models (ports/chain.ts says what that is). */
import { isIdle } from "../../protocol/committee.ts";
import type {
  CommitteeParams,
  CommitteeSnapshot,
  GroupEntry,
  ProviderEntry,
  Version,
} from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { committeeParams } from "./committee-params.ts";
import type { ChainSetup, WorldState } from "./chain-model.ts";
import type { CommitteeModel, MembershipModel } from "./committee-model.ts";
import type { GroupModel } from "./group-model.ts";
import { noSuccession } from "../../protocol/succession.ts";

const id = (first: number, index: number): Hex =>
  `0x${first.toString(16).repeat(18)}${index.toString(16).padStart(4, "0")}`;

const committees: Hex[] = [];
const groups: Hex[] = [];

export function addressOfCommittee(index: number): Hex {
  return (committees[index] ??= id(0xc0, index));
}

export function addressOfGroup(index: number): Hex {
  return (groups[index] ??= id(0x67, index));
}

/** Index of a committee or a group from its address. */
export function indexOfAddress(address: Hex): number {
  return Number.parseInt(address.slice(-4), 16);
}

const none = { listRoot: `0x${"00".repeat(32)}`, receiptKey: `0x${"00".repeat(20)}` } as const;

export class Snapshots {
  readonly #setup: ChainSetup;
  readonly #params = new Map<number, CommitteeParams>();
  readonly #seedOf: (committee: number, version: number) => Hex | undefined;
  readonly #entries = new WeakMap<GroupModel, Map<string, GroupEntry>>();
  readonly #known = new WeakMap<
    CommitteeModel,
    { state: WorldState; scope: WorldState | undefined; snapshot: CommitteeSnapshot }
  >();

  constructor(setup: ChainSetup, seedOf: (committee: number, version: number) => Hex | undefined) {
    this.#setup = setup;
    this.#seedOf = seedOf;
  }

  /** The same object while nothing of it changes but the block. */
  of(committee: number, block: number, at: (block: number) => WorldState): CommitteeSnapshot {
    const state = at(block);
    const model = state.committees[committee] as CommitteeModel;
    const { interval, turn } = model.rhythm;
    const since = block - model.ts - interval;
    const te = since < 0 ? undefined : model.ts + interval + Math.floor(since / turn) * turn;
    const scopeState = te === undefined ? undefined : at(te);
    const known = this.#known.get(model);
    if (known?.state === state && known.scope === scopeState && known.snapshot.scope?.te === te)
      return known.snapshot;
    const scope =
      te === undefined || scopeState === undefined
        ? undefined
        : { te, groups: this.#groupsOf(committee, scopeState, model.ts) };
    const groups = this.#groupsOf(committee, state, model.ts);
    const snapshot = this.#snapshotOf(model, block, groups, scope);
    this.#known.set(model, { state, scope: scopeState, snapshot });
    return snapshot;
  }

  #snapshotOf(
    model: CommitteeModel,
    block: number,
    groups: readonly GroupEntry[],
    scope: CommitteeSnapshot["scope"],
  ): CommitteeSnapshot {
    const byNumber = new Map(groups.map((group) => [group.number, group]));
    const remembered = model.remembered.filter(({ ts, te }) =>
      model.memberships.some(({ number, entered, left }) => {
        const [from, to] = [Math.max(ts, entered), left === 0 ? te : Math.min(te, left)];
        return from < to && (byNumber.get(number)?.settledThrough ?? to) < to;
      }),
    );
    const snapshot = {
      chainId: 31_337,
      address: addressOfCommittee(model.index),
      block,
      params: this.#paramsOf(model.index),
      ts: model.ts,
      version: this.#versionOf(model, model.active),
      next: model.next === 0 ? undefined : this.#versionOf(model, model.next),
      groups,
      scope,
      remembered: remembered.map(({ ts, te, hash }) => ({ ts, te, hash: hash as Hex })),
      succession: noSuccession,
    };
    return isIdle(snapshot) ? { ...snapshot, scope: undefined } : snapshot;
  }

  #paramsOf(committee: number): CommitteeParams {
    const known = this.#params.get(committee) ?? committeeParams(this.#setup.params, committee);
    this.#params.set(committee, known);
    return known;
  }

  #versionOf(model: CommitteeModel, version: number): Version {
    const { members, resigned } = model.versionOf(version) ?? { members: [], resigned: [] };
    return {
      version,
      seed: this.#seedOf(model.index, version) ?? none.listRoot,
      members: members.flatMap((keeper) => this.#setup.keepers[keeper] ?? []),
      resigned,
    };
  }

  /** Memberships with a block that is neither settled nor credited, and those that begin ahead. */
  #groupsOf(committee: number, { committees, groups }: WorldState, ts: number): GroupEntry[] {
    const model = committees[committee] as CommitteeModel;
    return model.memberships.flatMap((membership) => {
      const group = groups[membership.group] as GroupModel;
      if (membership.left !== 0 && group.settledThrough >= membership.left) return [];
      return [this.#entryOf(membership, group, ts)];
    });
  }

  #entryOf(membership: MembershipModel, group: GroupModel, ts: number): GroupEntry {
    const known = this.#entries.get(group) ?? new Map<string, GroupEntry>();
    this.#entries.set(group, known);
    const key = `${membership.number}/${membership.left}/${ts}`;
    let entry = known.get(key);
    if (entry === undefined) {
      entry = {
        number: membership.number,
        address: addressOfGroup(group.index),
        entered: membership.entered,
        left: membership.left === 0 ? undefined : membership.left,
        settledThrough: group.settledThrough,
        ceiling: membership.ceiling,
        keeperFee: group.terms.keeperFee,
        keeperShareBps: Number(group.terms.keeperShareBps),
        providers: group.providers.flatMap((_, index) => this.#providerOf(group, index, ts) ?? []),
      };
      known.set(key, entry);
    }
    return entry;
  }

  #providerOf(group: GroupModel, index: number, ts: number): ProviderEntry | undefined {
    const { changes } = group.providers[index] as GroupModel["providers"][number];
    const first = changes.findLastIndex(({ from }) => from <= ts);
    const history = changes.slice(Math.max(first, 0)).map(({ from, size, price }) => {
      const data = size === 0n ? none : this.#setup.dataOf(index, size);
      return { fromBlock: from, bytes: size, price, ...data };
    });
    if (history.every(({ bytes }) => bytes === 0n)) return undefined;
    // R33: after a terminate the commitment ends.
    const { endBlock } = group;
    if (endBlock !== 0) history.push({ fromBlock: endBlock, bytes: 0n, price: 0n, ...none });
    return { index, operator: this.#setup.operatorOfProvider(index), history };
  }
}
