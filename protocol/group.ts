/** State of a group's contract at one block: parameters, committee, providers and their data. */
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

/** Parameters as the contract returns them (`parameters()`); further fields are ignored. */
export function groupParams(
  originBlock: bigint,
  config: Readonly<Record<Exclude<keyof GroupParams, "originBlock">, bigint>>,
): GroupParams {
  return {
    originBlock: Number(originBlock),
    interval: Number(config.interval),
    turn: Number(config.turn),
    slot: Number(config.slot),
    answer: Number(config.answer),
    confirmations: Number(config.confirmations),
    lockup: Number(config.lockup),
    price: config.price,
    keeperShareBps: Number(config.keeperShareBps),
    toleranceBps: Number(config.toleranceBps),
  };
}

export type Member = {
  /** Lower-case address of the operator key. */
  readonly operator: Hex;
  /** Compressed BLS12-381 public key in G2, 96 bytes. */
  readonly blsKey: Hex;
};

export type Committee = {
  readonly version: number;
  readonly seed: Hex;
  /** In contract order; messages name a keeper by its index. */
  readonly members: readonly Member[];
  /** Indices of the members that have accepted their seats in a committee that is not yet in force. */
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
  /** First block for which it is committed. */
  readonly activeFrom: number;
  /** Ascending by fromBlock; covers at least all blocks that are not settled. */
  readonly history: readonly DataCheckpoint[];
};

export type GroupSnapshot = {
  readonly chainId: number;
  readonly address: Hex;
  /** Block of this snapshot. */
  readonly block: number;
  readonly params: GroupParams;
  /** R5: the block through which the group was last settled. */
  readonly ts: number;
  /** R33: after termination, the block at which all commitments and settlements end. */
  readonly endBlock?: number;
  readonly committee: Committee;
  /** The next committee: it challenges already and signs nothing yet (R33). */
  readonly pending: Committee | undefined;
  /** Providers that are not closed. */
  readonly providers: readonly ProviderEntry[];
};

export function slotAt(params: GroupParams, block: number): number {
  return Math.floor((block - params.originBlock) / params.slot);
}

export function slotStart(params: GroupParams, slot: number): number {
  return params.originBlock + slot * params.slot;
}

/** The checkpoint in force at `block`, if any. R12: a slot uses the receipt key that was registered at its start. */
export function dataAt(provider: ProviderEntry, block: number): DataCheckpoint | undefined {
  return provider.history.findLast((checkpoint) => checkpoint.fromBlock <= block);
}

/**
 * R27: providers active in [ts, te), ascending by index: those that began before te and are not closed. The contract expects an
 * item for a removed provider until its last block is settled; then it closes the provider.
 */
export function activeProviders(snapshot: GroupSnapshot, te: number): ProviderEntry[] {
  return snapshot.providers.filter((provider) => provider.activeFrom < te).sort((a, b) => a.index - b.index);
}

export function memberIndex(committee: Committee, operator: Hex): number {
  return committee.members.findIndex((member) => member.operator === operator);
}
