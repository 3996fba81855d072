/** The status of a group at one block: money, committee and providers. */
import type { Provider } from "ethers";
import {
  GroupView,
  type EscrowView,
  type GroupCommittee,
  type GroupParameters,
  type GroupState,
  type KeeperAccount,
  type ProviderAccount,
} from "./group-view.ts";
import { expectContract } from "./missing-contract.ts";
import { readToken } from "./token.ts";
import { costOf, type Token } from "./units.ts";

export type BlockTime = {
  readonly block: number;
  /** Timestamp of the block, in seconds since 1970. */
  readonly time_s: number;
};

export type GroupStatus = {
  readonly group: string;
  readonly chainId: bigint;
  readonly head: BlockTime;
  readonly blockTime_s: number;
  /** Measurement of blockTime_s. */
  readonly pace: BlockPace;
  readonly token: Token;
  readonly parameters: GroupParameters;
  readonly state: GroupState;
  readonly committee: GroupCommittee;
  /** Undefined if none is proposed. */
  readonly pendingCommittee: GroupCommittee | undefined;
  readonly keepers: readonly KeeperAccount[];
  readonly providers: readonly ProviderAccount[];
  readonly escrow: EscrowView;
  /** Bytes committed now by all providers. */
  readonly bytes: bigint;
  /**
   * First block that the escrow does not fund, if nothing changes; its time is an estimate from blockTime_s. Undefined if nothing is
   * committed.
   */
  readonly fundedUntil: BlockTime | undefined;
  /**
   * First block that the reserve does not fund (R32). Only this is guaranteed, because the payer may withdraw everything above the
   * reserve. It moves with the head while the group is solvent. Undefined if nothing is committed.
   */
  readonly reservedUntil: BlockTime | undefined;
  /** Token units missing for arrears and reserve (R32); 0 if both are covered. */
  readonly shortfall: bigint;
  /** Maximum cost of one block in units, rounded up. */
  readonly costPerBlock: bigint;
  /** Blocks since the next settlement became due; 0 if it is not due yet or the group has ended. */
  readonly overdue: number;
};

/** The mean block time, and the range of its measurement. */
export type BlockPace = {
  readonly block_s: number;
  /** 0 if the chain has one block, or all blocks have the same time; then one second is assumed. */
  readonly blocks: number;
  readonly seconds: number;
};

/** One day of blocks of 12 s: an outage of minutes changes the mean little. */
export const measuredBlocks = 7_200;

/** Measures over the last 7,200 blocks, or over all blocks if there are fewer. */
export async function measurePace(provider: Provider, head: BlockTime): Promise<BlockPace> {
  const from = Math.max(0, head.block - measuredBlocks);
  const block = from === head.block ? null : await provider.getBlock(from);
  const seconds = head.time_s - (block?.timestamp ?? head.time_s);
  if (seconds <= 0) return { block_s: 1, blocks: 0, seconds: 0 };
  const blocks = head.block - from;
  return { block_s: seconds / blocks, blocks, seconds };
}

/** Mean block time in seconds, by `measurePace`. */
export async function measureBlockTime(provider: Provider, head: BlockTime): Promise<number> {
  return (await measurePace(provider, head)).block_s;
}

/** @throws WhitePayError `input` if there is no group at the address */
export async function openGroup(provider: Provider, address: string): Promise<GroupView> {
  const view = new GroupView(provider, address);
  await expectContract("group", address, () => view.parameters());
  return view;
}

async function headOf(provider: Provider): Promise<BlockTime> {
  const block = await provider.getBlock("latest");
  if (block === null) throw new Error("the chain has no block");
  return { block: block.number, time_s: block.timestamp };
}

/**
 * Reads the status of a group at the head.
 * @throws WhitePayError `input` if there is no group at the address
 */
export async function groupStatus(provider: Provider, address: string): Promise<GroupStatus> {
  const view = await openGroup(provider, address);
  const head = await headOf(provider);
  const at = head.block;
  const [{ chainId }, parameters, state, committee, pending, providers, escrow, until] = await Promise.all([
    provider.getNetwork(),
    view.parameters(),
    view.state(at),
    view.committee(at),
    view.pendingCommittee(at),
    view.providers(at),
    view.escrow(at),
    view.fundedUntil(at),
  ]);
  const [token, keepers, pace] = await Promise.all([
    readToken(provider, parameters.token),
    view.keeperAccounts(committee.version, at),
    measurePace(provider, head),
  ]);
  const blockTime_s = pace.block_s;
  const bytes = providers.reduce((sum, { bytesNow }) => sum + bytesNow, 0n);
  const { settledThrough, ended } = state;
  return {
    group: address,
    chainId,
    head,
    blockTime_s,
    pace,
    token,
    parameters,
    state,
    committee,
    pendingCommittee: pending.version === 0 ? undefined : pending,
    keepers,
    providers,
    escrow,
    bytes,
    fundedUntil: until === undefined ? undefined : later(head, until, blockTime_s),
    reservedUntil:
      until === undefined ? undefined : later(head, Math.min(until, at + parameters.lockup), blockTime_s),
    shortfall: shortfallOf(escrow),
    costPerBlock: costOf(bytes, 1n, parameters.price),
    overdue: ended ? 0 : Math.max(0, at - settledThrough - parameters.interval),
  };
}

function later(head: BlockTime, block: number, blockTime_s: number): BlockTime {
  return { block, time_s: head.time_s + Math.round((block - head.block) * blockTime_s) };
}

/** Arrears and reserve that the unallocated escrow does not cover (R32). */
export function shortfallOf({ arrears, reserve, unallocated }: EscrowView): bigint {
  const missing = arrears + reserve - unallocated;
  return missing > 0n ? missing : 0n;
}

/**
 * Units to deposit now, so that the escrow funds every block before `until`; 0 if it does already. Exact, except after an
 * abandonment (R34): then it is an upper bound.
 */
export async function depositFor(provider: Provider, status: GroupStatus, until: number): Promise<bigint> {
  const { group, head, state, parameters, escrow } = status;
  const view = new GroupView(provider, group);
  const unsettled = await view.committedTotal(state.settledThrough, head.block, head.block);
  const spent = costOf(unsettled, 1n, parameters.price);
  const owed = escrow.arrears + (state.abandonments === 0 ? spent : escrow.reserve);
  // Includes changes of data that take effect later.
  const ahead = until > head.block ? await view.committedTotal(head.block, until, head.block) : 0n;
  const missing = owed + costOf(ahead, 1n, parameters.price) - escrow.unallocated;
  return missing > 0n ? missing : 0n;
}
