/** Reads the result of a demo from the chain. */
import { getAddress, zeroPadValue, type JsonRpcProvider, type TransactionReceipt } from "ethers";
import { committeeAbi, groupAbi, tokenAbi } from "../../client/abi.ts";
import { CommitteeView, type CommitteeAt, type CommitteePage } from "../../client/committee-view.ts";
import {
  dataAt,
  GroupView,
  type DataChange,
  type GroupAt,
  type GroupPage,
  type ProviderAccount,
} from "../../client/group-view.ts";
import { payeesOf } from "../../client/payees.ts";
import { paidFor } from "../../client/prices.ts";
import {
  certifiedEvent,
  handedIn,
  settlementsIn,
  type CertifiedEvent,
  type GroupSettlement,
  type HandedIn,
} from "../../client/settlements.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import type { CertifiedGroup } from "../../protocol/certificate.ts";
import type { ChallengeEntry } from "../fleet/keepers.ts";
import type { CertificateEvidence, Evidence, GroupEvidence } from "./check.ts";
import type { DemoDocument, GroupEntry, RoundEntry, SettlementEntry } from "./document.ts";

export type ReadBack = { readonly document: DemoDocument; readonly evidence: Evidence };

/** What a run was about. Everything is read as of `block`; later settlements do not count. */
export type RunFacts = {
  readonly rpc: string;
  readonly registry: string;
  readonly committee: CommitteeAt;
  /** Every group that the committee serves. */
  readonly groups: readonly GroupAt[];
  /** The certificates of the run, oldest first. */
  readonly certificates: readonly CertifiedEvent[];
  readonly block: number;
  readonly challenges: ChallengeEntry;
};

/** Certificates that a committee accepted in blocks [from, to], oldest first. */
export async function certificatesIn(
  provider: JsonRpcProvider,
  committee: string,
  [from, to]: readonly [number, number],
): Promise<CertifiedEvent[]> {
  const topics = [committeeAbi.getEvent("Certified")?.topicHash ?? null];
  const logs = await provider.getLogs({ address: committee, topics, fromBlock: from, toBlock: to });
  return logs.map(certifiedEvent).filter((event) => event !== undefined);
}

/** A transaction that handed in groups of a certificate, with what it settled. */
type Handing = {
  readonly input: HandedIn;
  readonly receipt: TransactionReceipt;
  readonly settled: readonly GroupSettlement[];
};

type Round = { readonly event: CertifiedEvent; readonly handings: readonly Handing[] };

async function readHanding(provider: JsonRpcProvider, tx: string): Promise<Handing> {
  const [transaction, receipt] = await Promise.all([
    provider.getTransaction(tx),
    provider.getTransactionReceipt(tx),
  ]);
  const input = handedIn(transaction?.data ?? "");
  if (receipt === null || input === undefined) throw new Error(`${tx} hands in no certificate`);
  return { input, receipt, settled: settlementsIn(receipt) };
}

/** Each certificate with the transactions that certified it and that settled its groups, the certifying one first. */
async function readRounds(
  provider: JsonRpcProvider,
  { groups, certificates, block }: RunFacts,
): Promise<Round[]> {
  const logs = await provider.getLogs({
    address: groups.map(({ address }) => address),
    topics: [groupAbi.getEvent("Settled")?.topicHash ?? null],
    fromBlock: certificates[0]?.block ?? 0,
    toBlock: block,
  });
  const certifying = certificates.map(({ transaction }) => transaction);
  const all = [...new Set([...certifying, ...logs.map(({ transactionHash }) => transactionHash)])];
  const handings = await Promise.all(all.map((tx) => readHanding(provider, tx)));
  return certificates.map((event) => ({
    event,
    handings: handings.filter(({ input }) => input.certificate.ts === event.ts),
  }));
}

/** The groups of a certificate that were handed in, in the order of their numbers. */
function groupsOf({ handings }: Round): CertifiedGroup[] {
  return handings.flatMap(({ input }) => input.groups).sort((a, b) => a.number - b.number);
}

function roundEntry(round: Round, { rhythm }: CommitteePage): RoundEntry {
  const { ts, te, leader, failed, payees, signers, block, transaction } = round.event;
  return {
    ts,
    te,
    turn: (te - ts - rhythm.interval) / rhythm.turn + 1,
    leader,
    block,
    tx: transaction,
    txs: round.handings.map(({ receipt }) => receipt.hash),
    gasUsed: round.handings.reduce((sum, { receipt }) => sum + Number(receipt.gasUsed), 0),
    failed: bitIndices(failed),
    payees: bitIndices(payees),
    signers: bitIndices(signers),
    groups: groupsOf(round).map(({ group }) => getAddress(group)),
  };
}

/** The providers of a demo never change their data. */
function dataOf({ index, data }: ProviderAccount, block: number): DataChange {
  const found = dataAt(data, block);
  if (found === undefined) throw new Error(`provider ${index} has nothing committed in block ${block}`);
  return found;
}

type GroupFacts = {
  readonly page: GroupPage;
  readonly providers: readonly ProviderAccount[];
  readonly block: number;
};

/** What a group settled in a round; undefined if the round settled nothing of it. */
function settledIn(address: string, { handings }: Round): [Handing, GroupSettlement] | undefined {
  for (const handing of handings) {
    const settled = handing.settled.find(({ group }) => group === address);
    if (settled !== undefined) return [handing, settled];
  }
  return undefined;
}

function settlementEntry(round: Round, { page, providers, block }: GroupFacts): SettlementEntry | undefined {
  const found = settledIn(page.address, round);
  if (found === undefined) return undefined;
  const [{ input, receipt }, settled] = found;
  const signed = input.groups.find(({ group }) => getAddress(group) === page.address)?.items ?? [];
  const items = signed.map(({ provider, spaceTime }) => {
    const part = settled.providers.find((one) => one.provider === provider);
    const { price } = dataOf(providers[provider] as ProviderAccount, block);
    const amount = paidFor(part?.spaceTime ?? 0n, 1n, price);
    return { provider, spaceTime, amount, toProvider: part?.amount ?? 0n };
  });
  const shares: Record<string, bigint> = {};
  const named = new Set([
    ...bitIndices(round.event.payees),
    ...(settled.sender === undefined ? [] : [settled.sender]),
  ]);
  for (const keeper of [...named].sort((a, b) => a - b)) {
    const ordinary = (settled.unpaid >> BigInt(keeper)) % 2n === 0n ? settled.share : 0n;
    shares[String(keeper)] = ordinary + (keeper === settled.sender ? settled.share : 0n);
  }
  const { from: ts, through: te, cut: keeperCut, fee: keeperFee } = settled;
  return { ts, te, tx: receipt.hash, items, keeperCut, keeperFee, shares };
}

function groupEntry(rounds: readonly Round[], facts: GroupFacts): GroupEntry {
  const { page, providers, block } = facts;
  const { lockup, keeperShareBps, keeperFee, token } = page.config;
  const { deposited, paidOut, credits } = page.escrow;
  return {
    address: page.address,
    payer: page.payer,
    token,
    params: { lockup, keeperShareBps, keeperFee },
    providers: providers.map((account) => {
      const { index, operator, payee } = account;
      const { bytes, price } = dataOf(account, block);
      return { index, operator, payee, bytes, price };
    }),
    settlements: rounds.map((round) => settlementEntry(round, facts)).filter((entry) => entry !== undefined),
    escrow: { deposited, balance: deposited - paidOut, withdrawn: paidOut, credited: credits },
  };
}

async function tokenFlows(
  provider: JsonRpcProvider,
  { page, block }: GroupFacts,
): Promise<Pick<GroupEvidence, "tokenBalance" | "tokenIn" | "tokenOut">> {
  const { address, config } = page;
  const transfer = tokenAbi.getEvent("Transfer")?.topicHash ?? null;
  const party = zeroPadValue(address, 32);
  const flow = async (topics: (string | null)[]): Promise<bigint> => {
    const logs = await provider.getLogs({ address: config.token, topics, fromBlock: 0, toBlock: block });
    return logs.reduce((sum, log) => sum + BigInt(log.data), 0n);
  };
  const data = tokenAbi.encodeFunctionData("balanceOf", [address]);
  const balance = await provider.call({ to: config.token, data, blockTag: block });
  return {
    tokenBalance: BigInt(balance),
    tokenIn: await flow([transfer, null, party]),
    tokenOut: await flow([transfer, party]),
  };
}

function committedIn({ providers, block }: GroupFacts, { ts, te }: SettlementEntry): Map<number, bigint> {
  const shares = providers.map((account) => {
    const blocks = Math.max(0, te - Math.max(ts, account.activeFrom));
    return [account.index, dataOf(account, block).bytes * BigInt(blocks)] as const;
  });
  return new Map(shares.filter(([, spaceTime]) => spaceTime > 0n));
}

async function groupEvidence(
  provider: JsonRpcProvider,
  { committee, block }: RunFacts,
  { view, facts, entry, rounds, members }: Side,
): Promise<GroupEvidence> {
  const { page, providers } = facts;
  const version = rounds.at(-1)?.event.version ?? 1;
  const balances = Array.from({ length: members }, (_, index) =>
    view.read("keeperBalance", [committee.address, version, index], block),
  );
  return {
    ...(await tokenFlows(provider, facts)),
    available: page.escrow.available,
    settledThrough: page.state.settledThrough,
    reserved: page.state.service?.ceiling ?? 0,
    committed: new Map(entry.settlements.map((one) => [one.ts, committedIn(facts, one)])),
    providerCredits: providers.map(({ credit }) => credit),
    keeperBalances: (await Promise.all(balances)).map(([balance]) => balance as bigint),
    standIns: new Map(
      rounds.flatMap((round) => {
        const [, settled] = settledIn(page.address, round) ?? [];
        return settled?.sender === undefined ? [] : [[settled.from, settled.sender] as const];
      }),
    ),
  };
}

type Side = {
  readonly view: GroupView;
  readonly facts: GroupFacts;
  readonly entry: GroupEntry;
  readonly rounds: readonly Round[];
  readonly members: number;
};

async function certificateEvidence(view: CommitteeView, round: Round): Promise<CertificateEvidence> {
  const { event, handings } = round;
  const members = await view.members(event.version);
  const { version, count, groups: root } = event;
  const signature = handings.map(({ input }) => input.signed?.signature).find((text) => text !== undefined);
  return {
    version,
    count,
    root,
    signature: signature ?? "0x",
    keys: bitIndices(event.signers).map((index) => members[index]?.blsKey ?? "0x"),
    groups: groupsOf(round),
  };
}

/** Reads rounds, settlements and balances of a run. */
export async function readBack(provider: JsonRpcProvider, run: RunFacts): Promise<ReadBack> {
  const { rpc, registry, groups, block, challenges } = run;
  const committee = new CommitteeView(provider, run.committee);
  const [page, rounds] = await Promise.all([committee.page(block), readRounds(provider, run)]);
  const { operators, seed: committeeSeed } = page.version;
  const members = operators.map(async (operator, index) => {
    const { payee } = await payeesOf(provider, { role: "keeper", registry, operator });
    return { index, operator, payee };
  });
  const sides = await Promise.all(
    groups.map(async (group): Promise<Side> => {
      const view = new GroupView(provider, group);
      const [groupPage, providers] = await Promise.all([view.page(block), view.providers(block)]);
      const facts = { page: groupPage, providers, block };
      return { view, facts, entry: groupEntry(rounds, facts), rounds, members: operators.length };
    }),
  );
  const { rhythm, originBlock = 0 } = page;
  const document: DemoDocument = {
    rpc,
    chainId: Number((await provider.getNetwork()).chainId),
    committee: {
      address: page.address,
      params: { ...rhythm, originBlock, committeeSeed },
      members: await Promise.all(members),
    },
    rounds: rounds.map((round) => roundEntry(round, page)),
    groups: sides.map(({ entry }) => entry),
    challenges,
    ok: false,
  };
  const certificates = rounds.map(
    async (round) => [round.event.transaction, await certificateEvidence(committee, round)] as const,
  );
  const evidence = sides.map(
    async (side) => [side.entry.address, await groupEvidence(provider, run, side)] as const,
  );
  return {
    document,
    evidence: {
      certificates: new Map(await Promise.all(certificates)),
      groups: new Map(await Promise.all(evidence)),
    },
  };
}
