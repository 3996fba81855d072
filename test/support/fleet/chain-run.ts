/** Everything that the chain tells about a committee, its certificates and its groups, for a judge of a fleet's run. */
import { dataSlice, zeroPadValue } from "ethers";
import type { Provider } from "ethers";
import { committeeAbi, tokenAbi } from "../../../client/abi.ts";
import type { CommitteeMember, CommitteeView, Rhythm } from "../../../client/committee-view.ts";
import { GroupView } from "../../../client/group-view.ts";
import type { Escrow, GroupConfig, ProviderAccount } from "../../../client/group-view.ts";
import { certifiedEvent, groupSettlement, handedIn } from "../../../client/settlements.ts";
import type { CertifiedEvent, GroupSettlement, HandedIn } from "../../../client/settlements.ts";
import { groupEvents } from "../../../client/watch.ts";
import type { GroupEvent } from "../../../client/watch.ts";

/** A transaction that hands in a certificate, or groups of one. */
export type Handing = HandedIn & { readonly tx: string; readonly block: number; readonly from: string };

export type Settlement = GroupSettlement & { readonly tx: string; readonly block: number };

/** Data of a provider from a block on; 0 bytes: it has left. */
export type Committed = { readonly from: number; readonly bytes: bigint; readonly price: bigint };

export type RunProvider = {
  readonly index: number;
  readonly operator: string;
  /** From events, ascending by block. */
  readonly data: readonly Committed[];
  /** At the end of the run. */
  readonly account: ProviderAccount;
};

export type RunGroup = {
  readonly address: string;
  /** Membership in the committee; its blocks are [entered, left). */
  readonly number: number;
  readonly ceiling: number;
  readonly entered: number;
  readonly left: number | undefined;
  readonly config: GroupConfig;
  readonly providers: readonly RunProvider[];
  readonly settlements: readonly Settlement[];
  readonly settledThrough: number;
  readonly escrow: Escrow;
  /** By member. */
  readonly keeperBalances: readonly bigint[];
  /** The token's balance of the group, and the sums of transfers to and from it. */
  readonly token: { readonly balance: bigint; readonly in: bigint; readonly out: bigint };
};

export type Certified = CertifiedEvent & {
  /** Account that sent the transaction. */
  readonly from: string;
  readonly signature: string;
};

export type ChainRun = {
  readonly chainId: bigint;
  readonly committee: string;
  readonly rhythm: Rhythm;
  readonly originBlock: number;
  readonly certifiedThrough: number;
  readonly seed: string;
  /** Of the first version, with their keys as the committee's code holds them. */
  readonly members: readonly CommitteeMember[];
  /** Oldest first. */
  readonly certificates: readonly Certified[];
  readonly handings: readonly Handing[];
  readonly groups: readonly RunGroup[];
  /** Groups that refused a settlement. */
  readonly refusals: readonly string[];
};

type Reading = { readonly provider: Provider; readonly lens: string; readonly head: number };

/** Reads a run at the present head. */
export async function readRun(view: CommitteeView): Promise<ChainRun> {
  const { provider, lens, address: committee } = view;
  const head = await provider.getBlockNumber();
  const reading: Reading = { provider, lens, head };
  const [page, members, { chainId }, logs, events] = await Promise.all([
    view.page(head),
    view.members(1, head),
    provider.getNetwork(),
    provider.getLogs({ address: committee, fromBlock: 0, toBlock: head }),
    groupEvents(provider, committee, { from: 0, to: head, abi: committeeAbi }),
  ]);
  if (page.originBlock === undefined) throw new Error(`${committee}: expected a formed committee`);
  const accepted = logs.map(certifiedEvent).filter((event) => event !== undefined);
  const entered = events.filter(({ name }) => name === "GroupEntered");
  const groups = await Promise.all(
    entered.map((event) => readGroup(reading, { event, events, committee, size: page.size })),
  );
  const transactions = [
    ...accepted.map(({ transaction }) => transaction),
    ...groups.flatMap(({ settlements }) => settlements.map(({ tx }) => tx)),
  ];
  const handings = await Promise.all([...new Set(transactions)].map((tx) => readHanding(reading, tx)));
  const certificates = accepted.map((event): Certified => {
    const sent = handings.find(({ tx }) => tx === event.transaction);
    return { ...event, from: sent?.from ?? "", signature: sent?.signed?.signature ?? "0x" };
  });
  return {
    chainId,
    committee,
    rhythm: page.rhythm,
    originBlock: page.originBlock,
    certifiedThrough: page.certifiedThrough,
    seed: page.version.seed,
    members,
    certificates,
    handings: handings.toSorted((a, b) => a.block - b.block),
    groups,
    refusals: events
      .filter(({ name }) => name === "GroupRefused")
      .map(
        ({ args, transaction }) =>
          `group ${String(args["group"])} in ${transaction}: ${String(args["reason"])}`,
      ),
  };
}

async function readHanding({ provider }: Reading, tx: string): Promise<Handing> {
  const sent = await provider.getTransaction(tx);
  const input = handedIn(sent?.data ?? "");
  if (typeof sent?.blockNumber !== "number" || input === undefined)
    throw new Error(
      `${tx}: expected a call of certify or settle, actual ${dataSlice(sent?.data ?? "0x00000000", 0, 4)}`,
    );
  return { ...input, tx, block: sent.blockNumber, from: sent.from };
}

type Membership = {
  readonly event: GroupEvent;
  readonly events: readonly GroupEvent[];
  readonly committee: string;
  readonly size: number;
};

async function readGroup(reading: Reading, of: Membership): Promise<RunGroup> {
  const { provider, lens, head } = reading;
  const { args } = of.event;
  const address = String(args["group"]);
  const view = new GroupView(provider, { address, lens });
  const [{ config, state, escrow }, accounts, events, keeperBalances] = await Promise.all([
    view.page(head),
    view.providers(head),
    groupEvents(provider, address, { from: 0, to: head }),
    Promise.all(
      Array.from({ length: of.size }, async (_, index) => {
        const [balance] = await view.read("keeperBalance", [of.committee, 1, index], head);
        return balance as bigint;
      }),
    ),
  ]);
  const number = Number(args["number"]);
  const left = of.events.findLast(
    (one) => one.name === "GroupLeaves" && Number(one.args["number"]) === number,
  );
  return {
    address,
    number,
    ceiling: Number(args["ceiling"]),
    entered: Number(args["entered"]),
    left: left === undefined ? undefined : Number(left.args["left"]),
    config,
    providers: accounts.map((account) => ({
      index: account.index,
      operator: account.operator,
      data: dataOf(events, account.index),
      account,
    })),
    settlements: events.filter(({ name }) => name === "Settled").map((event) => settled(address, event)),
    settledThrough: state.settledThrough,
    escrow,
    keeperBalances,
    token: await transfers(reading, config.token, address),
  };
}

function settled(group: string, { args, transaction, block }: GroupEvent): Settlement {
  const words = args as { interval: bigint; keepers: bigint; providers: bigint[] };
  return { ...groupSettlement(group, words), tx: transaction, block };
}

/** The data of a provider from the events that announced them (R35). A later event for one block replaces an earlier one. */
function dataOf(events: readonly GroupEvent[], index: number): Committed[] {
  const known = new Map<number, Committed>();
  for (const { name, args } of events) {
    if (args["provider"] === undefined || Number(args["provider"]) !== index) continue;
    const from = Number(args["from"]);
    if (name === "LeaveScheduled") {
      for (const [block, { bytes }] of known) if (bytes === 0n) known.delete(block);
      known.set(from, { from, bytes: 0n, price: 0n });
    }
    if (name === "ProviderAdded" || name === "DataChanged")
      known.set(from, { from, bytes: args["size"] as bigint, price: args["price"] as bigint });
  }
  return [...known.values()].sort((a, b) => a.from - b.from);
}

async function transfers(
  { provider, head }: Reading,
  token: string,
  group: string,
): Promise<RunGroup["token"]> {
  const topic = tokenAbi.getEvent("Transfer")?.topicHash ?? null;
  const party = zeroPadValue(group, 32);
  const sum = async (topics: (string | null)[]): Promise<bigint> => {
    const logs = await provider.getLogs({ address: token, topics, fromBlock: 0, toBlock: head });
    return logs.reduce((total, log) => total + BigInt(log.data), 0n);
  };
  const data = tokenAbi.encodeFunctionData("balanceOf", [group]);
  const [balance, came, went] = await Promise.all([
    provider.call({ to: token, data, blockTag: head }),
    sum([topic, null, party]),
    sum([topic, party]),
  ]);
  return { balance: BigInt(balance), in: came, out: went };
}
