/** The status of a group at one block: money, service, committee and providers. */
import type { Provider } from "ethers";
import { CommitteeView, type CommitteePage } from "./committee-view.ts";
import { dataAt, GroupView, type GroupAt, type GroupPage, type ProviderAccount } from "./group-view.ts";
import { openProposals, type Proposal } from "./proposals.ts";
import { expectContract } from "./missing-contract.ts";
import { costOfValue, feeNeeded } from "./prices.ts";
import { readToken } from "./token.ts";
import type { Token } from "./units.ts";

export type BlockTime = {
  readonly block: number;
  /** Timestamp of the block, in seconds since 1970. */
  readonly time_s: number;
};

/** A keeper of the present version, with what it may withdraw from this group under it. */
export type KeeperAccount = {
  readonly index: number;
  readonly operator: string;
  readonly balance: bigint;
};

export type GroupStatus = GroupPage & {
  /** The Lens contract through which it was read. */
  readonly lens: string;
  readonly chainId: bigint;
  readonly head: BlockTime;
  readonly blockTime_s: number;
  /** Measurement of blockTime_s. */
  readonly pace: BlockPace;
  readonly token: Token;
  /** The committee that serves the group; undefined if none does. */
  readonly committee: CommitteePage | undefined;
  /** Other members that somebody proposes for the committee, and that wait for consents (R37). */
  readonly proposals: readonly Proposal[];
  /** Of the version in force. */
  readonly keepers: readonly KeeperAccount[];
  readonly providers: readonly ProviderAccount[];
  /** Bytes committed now by all providers. */
  readonly bytes: bigint;
  /** First block that the escrow does not pay for at full proof; its time is an estimate. Undefined if it never runs dry. */
  readonly fundedUntil: BlockTime | undefined;
  /**
   * First block that is not funded if the payer withdraws everything that is not required (R32): only this is guaranteed. Undefined if
   * nothing is committed.
   */
  readonly reservedUntil: BlockTime | undefined;
  /** Token units missing for what is required (R32). */
  readonly shortfall: bigint;
  /** Maximum cost of one block in units, rounded up. */
  readonly costPerBlock: bigint;
  /** Blocks since the next settlement became due; 0 if it is not due yet, without a committee, and after the end. */
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
const measuredBlocks = 7_200;

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

/** @throws WhitePayError `input` if there is no group, or no Lens, at the addresses */
export async function openGroup(provider: Provider, group: GroupAt): Promise<GroupView> {
  const view = new GroupView(provider, group);
  await expectContract("group", group.address, () => view.read("createdAt"));
  await expectContract("lens", group.lens, () => view.page());
  return view;
}

async function headOf(provider: Provider): Promise<BlockTime> {
  const block = await provider.getBlock("latest");
  if (block === null) throw new Error("the chain has no block");
  return { block: block.number, time_s: block.timestamp };
}

async function keepersOf(view: GroupView, committee: CommitteePage, block: number): Promise<KeeperAccount[]> {
  const { address, version } = committee;
  return Promise.all(
    version.operators.map(async (operator, index) => {
      const args = [address, version.version, index];
      const [balance] = await view.read("keeperBalance", args, block);
      return { index, operator, balance };
    }),
  );
}

/**
 * Reads the status of a group at the head.
 * @throws WhitePayError `input` if there is no group at the address
 */
export async function groupStatus(provider: Provider, group: GroupAt): Promise<GroupStatus> {
  const view = await openGroup(provider, group);
  const head = await headOf(provider);
  const at = head.block;
  const [{ chainId }, page, providers, until, pace] = await Promise.all([
    provider.getNetwork(),
    view.page(at),
    view.providers(at),
    view.fundedUntil(at),
    measurePace(provider, head),
  ]);
  const { state, config, escrow } = page;
  const serving =
    state.service === undefined
      ? undefined
      : new CommitteeView(provider, { address: state.service.committee, lens: group.lens });
  const [token, committee] = await Promise.all([readToken(provider, config.token), serving?.page(at)]);
  const proposals =
    serving === undefined || committee === undefined ? [] : await openProposals(serving, committee, at);
  const blockTime_s = pace.block_s;
  const now = providers.map(({ data }) => dataAt(data, at)).filter((data) => data !== undefined);
  const bytes = now.reduce((sum, data) => sum + data.bytes, 0n);
  const value = now.reduce((sum, data) => sum + data.bytes * data.price, 0n);
  const fee = feeNeeded(config.keeperFee, BigInt(state.service?.ceiling ?? 0), 1n);
  const interval = committee?.rhythm.interval;
  const commits = providers.some(({ closed, data }) => !closed && data.some((change) => change.bytes > 0n));
  const bounds = [until, state.endBlock, at + config.lockup].filter((block) => block !== undefined);
  const reserved = commits ? Math.min(...bounds) : undefined;
  return {
    ...page,
    lens: group.lens,
    chainId,
    head,
    blockTime_s,
    pace,
    token,
    committee,
    proposals,
    keepers: committee === undefined ? [] : await keepersOf(view, committee, at),
    providers,
    bytes,
    fundedUntil: until === undefined ? undefined : later(head, until, blockTime_s),
    reservedUntil: reserved === undefined ? undefined : later(head, reserved, blockTime_s),
    shortfall: escrow.required > escrow.available ? escrow.required - escrow.available : 0n,
    costPerBlock: costOfValue(value) + fee,
    overdue:
      state.ended || interval === undefined || bytes === 0n
        ? 0
        : Math.max(0, at - state.settledThrough - interval),
  };
}

function later(head: BlockTime, block: number, blockTime_s: number): BlockTime {
  return { block, time_s: head.time_s + Math.round((block - head.block) * blockTime_s) };
}

/**
 * Units to deposit now, so that the escrow pays for every block before `until` at full proof, and holds what is required (R32) now; 0
 * if it does already. Changes that take effect later count from their block on.
 */
export async function depositFor(provider: Provider, status: GroupStatus, until: number): Promise<bigint> {
  const { state, config, escrow, head, providers, address } = status;
  const view = new GroupView(provider, { address, lens: status.lens });
  const from = state.settledThrough;
  const open = providers.filter(({ closed }) => !closed);
  const parts = await Promise.all(
    until > from ? open.map(({ index }) => view.committed(index, [from, until], head.block)) : [],
  );
  const value = parts.reduce((sum, part) => sum + part.value, 0n);
  const ceiling = BigInt(Math.max(state.service?.ceiling ?? 0, state.next?.ceiling ?? 0));
  const last = state.endBlock === undefined ? until : Math.min(until, state.endBlock);
  const fee = feeNeeded(config.keeperFee, ceiling, BigInt(Math.max(0, last - from)));
  const needed = escrow.providerArrears + escrow.keeperArrears + costOfValue(value) + fee;
  const most = needed > escrow.required ? needed : escrow.required;
  return most > escrow.available ? most - escrow.available : 0n;
}
