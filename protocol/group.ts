/** A group as the contract shows it at one block: parameters, committee, providers and their data. */
import type { Hex } from "./hash.ts";
import type { TurnParams } from "./turns.ts";

/** Fixed for a group's life; lengths in blocks (R4). */
export type GroupParams = TurnParams & {
  /** The group's creation block o; slot k starts at o + k·slot. */
  readonly originBlock: number;
  readonly slot: number;
  readonly answer: number;
  readonly confirmations: number;
  readonly lockup: number;
  /** Token units per GiB·block. */
  readonly price: bigint;
  readonly keeperShareBps: number;
  readonly toleranceBps: number;
};

export type Member = {
  /** Lower-case address of the operator key. */
  readonly operator: Hex;
  /** Compressed BLS12-381 public key in G2, 96 bytes. */
  readonly blsKey: Hex;
};

export type Committee = {
  readonly version: number;
  readonly seed: Hex;
  /** In contract order: the index is the keeper's name inside the committee. */
  readonly members: readonly Member[];
  /** Indices of members that have accepted their seat in a committee that is not in force yet. */
  readonly accepted?: readonly number[];
};

/** A provider's data from `fromBlock` (a slot boundary) until the next checkpoint. 0 bytes: removed. */
export type DataCheckpoint = {
  readonly fromBlock: number;
  readonly bytes: bigint;
  readonly listRoot: Hex;
  readonly receiptKey: Hex;
};

export type ProviderEntry = {
  readonly index: number;
  readonly operator: Hex;
  /** First block it is committed to. */
  readonly activeFrom: number;
  /** Ascending by fromBlock; at least back to the group's last settled block. */
  readonly history: readonly DataCheckpoint[];
};

export type GroupSnapshot = {
  readonly chainId: number;
  readonly address: Hex;
  /** The block this was read at. */
  readonly block: number;
  readonly params: GroupParams;
  /** R5: the block through which the group was last settled. */
  readonly ts: number;
  /** R33: once terminated, the block at which all commitments end and settling with them. */
  readonly endBlock?: number;
  readonly committee: Committee;
  /** Challenges already, signs nothing yet (R33). */
  readonly pending: Committee | undefined;
  /** Those that are not closed. */
  readonly providers: readonly ProviderEntry[];
};

export function slotAt(params: GroupParams, block: number): number {
  return Math.floor((block - params.originBlock) / params.slot);
}

export function slotStart(params: GroupParams, slot: number): number {
  return params.originBlock + slot * params.slot;
}

/** The checkpoint in force at `block`, if any. R12: the key that counts is the one registered when the slot began. */
export function dataAt(provider: ProviderEntry, block: number): DataCheckpoint | undefined {
  return provider.history.findLast((checkpoint) => checkpoint.fromBlock <= block);
}

/**
 * R27: every provider active in [ts, te), ascending by index: those that began before te and are not closed. The
 * contract closes a removed provider when it has been settled through its last block, and expects an item until then.
 */
export function activeProviders(snapshot: GroupSnapshot, te: number): ProviderEntry[] {
  return snapshot.providers.filter((provider) => provider.activeFrom < te).sort((a, b) => a.index - b.index);
}

export function memberIndex(committee: Committee, operator: Hex): number {
  return committee.members.findIndex((member) => member.operator === operator);
}
