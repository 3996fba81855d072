/** State of a committee at one block: its rhythm, its members, and the groups that it serves with their providers (R4, R37, R38). */
import type { Hex } from "./hash.ts";
import type { Succession } from "./succession.ts";
import type { TurnParams } from "./turns.ts";

/** Fixed for a committee's life; lengths in blocks (R4). */
export type CommitteeParams = TurnParams & {
  /** The committee's origin block o (R37); slot k starts at o + k·slot. */
  readonly originBlock: number;
  readonly slot: number;
  readonly answer: number;
  readonly confirmations: number;
  readonly toleranceBps: number;
};

export type Member = {
  /** Lower-case address of the operator key. */
  readonly operator: Hex;
  /** Compressed BLS12-381 public key in G2, 96 bytes. */
  readonly blsKey: Hex;
};

/** One version of a committee's members (R37). */
export type Version = {
  readonly version: number;
  /** R5: committeeSeed. A key rotation keeps it. */
  readonly seed: Hex;
  /** In contract order; messages name a keeper by its index. */
  readonly members: readonly Member[];
  /** Indices of members that resigned: seats without duties until a handover. */
  readonly resigned: readonly number[];
};

/** A provider's data from `fromBlock` until the next checkpoint. 0 bytes: it has left, or the group has ended. */
export type DataCheckpoint = {
  readonly fromBlock: number;
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks (R4). */
  readonly price: bigint;
  readonly listRoot: Hex;
  readonly receiptKey: Hex;
};

export type ProviderEntry = {
  /** Index in its group, never reused. */
  readonly index: number;
  readonly operator: Hex;
  /** Ascending by fromBlock; covers at least all blocks of the membership that are not certified. */
  readonly history: readonly DataCheckpoint[];
};

/** One membership of a group in a committee (R38). A group that returns has another number. */
export type GroupEntry = {
  /** Ascending, never reused in this committee. */
  readonly number: number;
  readonly address: Hex;
  /** First block that the committee serves: a slot boundary of the committee. */
  readonly entered: number;
  /** First block that it does not serve any more; undefined while none is scheduled. */
  readonly left: number | undefined;
  /** Every block before it is settled or credited (R29, R34). */
  readonly settledThrough: number;
  /** Providers that the group has reserved, on which it pays the fee. */
  readonly ceiling: number;
  /** Token units per reserved provider and 65,536 blocks. */
  readonly keeperFee: bigint;
  readonly keeperShareBps: number;
  /** Providers with a commitment in a block that is not certified, or ahead. Ascending by index. */
  readonly providers: readonly ProviderEntry[];
};

/** A certificate that the committee remembers because a group of it is not settled yet (R29). */
export type Remembered = {
  readonly ts: number;
  readonly te: number;
  /** Upper 200 bits of the certificate's struct hash, as the contract stores them: 25 bytes. */
  readonly hash: Hex;
};

/** Groups and providers as the chain stood after block `te`, from which the scope of [ts, te) follows (R38). */
export type ScopeSource = { readonly te: number; readonly groups: readonly GroupEntry[] };

export type CommitteeSnapshot = {
  readonly chainId: number;
  /** The committee's contract. */
  readonly address: Hex;
  /** Block of this snapshot. */
  readonly block: number;
  readonly params: CommitteeParams;
  /** R5: the block through which the committee has certified. */
  readonly ts: number;
  /** The version in force: its members sign. */
  readonly version: Version;
  /** R37: the complete next version, whose members challenge already and sign nothing yet. */
  readonly next: Version | undefined;
  /** Memberships with a block that is neither settled nor credited, and those that begin ahead; ascending by number. */
  readonly groups: readonly GroupEntry[];
  /** Of the present turn, once the view has reached its te; undefined while the committee is idle (R5). */
  readonly scope: ScopeSource | undefined;
  /** Ascending by ts. */
  readonly remembered: readonly Remembered[];
  /** R37: proposed versions, and this keeper's consents. */
  readonly succession: Succession;
};

/** The rhythm of a committee's slots. */
export type SlotParams = Pick<CommitteeParams, "originBlock" | "slot">;

export function slotAt(params: SlotParams, block: number): number {
  return Math.floor((block - params.originBlock) / params.slot);
}

export function slotStart(params: SlotParams, slot: number): number {
  return params.originBlock + slot * params.slot;
}

/** The checkpoint in force at `block`, if any. R12: a slot uses the receipt key that was registered at its start. */
export function dataAt<T extends { readonly fromBlock: number }>(
  provider: { readonly history: readonly T[] },
  block: number,
): T | undefined {
  const { history } = provider;
  // Called several times for each challenge, and a closure for each call costs more than the search.
  for (let i = history.length - 1; i >= 0; i--) {
    const checkpoint = history[i] as T;
    if (checkpoint.fromBlock <= block) return checkpoint;
  }
  return undefined;
}

/** Index of a member without regard to its duties; −1: no seat. */
export function memberIndex(version: Pick<Version, "members">, operator: Hex): number {
  return version.members.findIndex((member) => member.operator === operator);
}

/** R37: index of a member that has duties; −1: no seat, or it has resigned. */
export function dutyIndex(version: Version, operator: Hex): number {
  const index = memberIndex(version, operator);
  return version.resigned.includes(index) ? -1 : index;
}

/** The blocks [from, to) of a membership within [ts, te); empty if from ≥ to (R29). */
export function membershipWithin(
  group: Pick<GroupEntry, "entered" | "left">,
  ts: number,
  te: number,
): { readonly from: number; readonly to: number } {
  return { from: Math.max(ts, group.entered), to: Math.min(te, group.left ?? te) };
}

/**
 * R5: whether the committee has nothing to certify: no membership reaches beyond ts. Its next interval begins with the next group, so
 * it has no turns until then.
 */
export function isIdle({ groups, ts }: Pick<CommitteeSnapshot, "groups" | "ts">): boolean {
  return groups.every(({ left }) => left !== undefined && left <= ts);
}
