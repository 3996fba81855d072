/** Reads the result of a demo from the chain. */
import { zeroPadValue, type JsonRpcProvider, type Log, type TransactionReceipt } from "ethers";
import { groupAbi, tokenAbi } from "../../client/abi.ts";
import { GroupView, type GroupParameters, type ProviderAccount } from "../../client/group-view.ts";
import {
  decodeSettledLog,
  decodeSettleInput,
  membersOf,
  settledTopic,
  settlementDigest,
  type SettledEvent,
  type SettlementInput,
} from "../../client/settlements.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import type { Evidence } from "./check.ts";
import type { ChallengeEntry } from "../fleet/keepers.ts";
import type { DemoDocument, ItemEntry, SettlementEntry } from "./document.ts";

export type ReadBack = { document: DemoDocument; evidence: Evidence };

type Settled = { input: SettlementInput; event: SettledEvent; receipt: TransactionReceipt };

const bytesPerGib = 2n ** 30n;

/** All `Settled` events of the group in blocks [from, to]. */
export function settledLogs(
  provider: JsonRpcProvider,
  group: string,
  from: number,
  to: number,
): Promise<Log[]> {
  return provider.getLogs({ address: group, topics: [settledTopic], fromBlock: from, toBlock: to });
}

async function readSettled(provider: JsonRpcProvider, log: Log): Promise<Settled> {
  const [transaction, receipt] = await Promise.all([
    provider.getTransaction(log.transactionHash),
    provider.getTransactionReceipt(log.transactionHash),
  ]);
  const input = transaction === null ? undefined : decodeSettleInput(transaction.data);
  if (receipt === null || input === undefined)
    throw new Error(`no settlement behind event of ${log.transactionHash}`);
  return { input, event: decodeSettledLog(log), receipt };
}

function groupLogs(receipt: TransactionReceipt, group: string, name: "Capped" | "LeaderReplaced") {
  const topic = groupAbi.getEvent(name)?.topicHash;
  return receipt.logs
    .filter((log) => log.address === group && log.topics[0] === topic)
    .map((log) => groupAbi.decodeEventLog(name, log.data, log.topics));
}

/** R16, R30: the contract's charge for one item. */
function amountOf(
  item: { provider: number; spaceTime: bigint },
  settled: Settled,
  group: string,
  price: bigint,
): bigint {
  const capped = groupLogs(settled.receipt, group, "Capped").find(
    (event) => Number(event["provider"]) === item.provider,
  );
  const spaceTime: bigint = capped === undefined ? item.spaceTime : capped["committed"];
  return (spaceTime * price) / bytesPerGib;
}

async function settlementEntry(
  view: GroupView,
  settled: Settled,
  params: GroupParameters,
): Promise<SettlementEntry> {
  const { input, event, receipt } = settled;
  const block = receipt.blockNumber;
  const [before, after, keepersBefore, keepersAfter] = await Promise.all([
    view.providers(block - 1),
    view.providers(block),
    view.keeperAccounts(input.committee, block - 1),
    view.keeperAccounts(input.committee, block),
  ]);
  const credited = (accounts: ProviderAccount[], index: number): bigint =>
    accounts.find((account) => account.index === index)?.credited ?? 0n;
  const items: ItemEntry[] = input.items.map((item) => ({
    ...item,
    amount: amountOf(item, settled, view.address, params.price),
    toProvider: credited(after, item.provider) - credited(before, item.provider),
  }));
  const payees = bitIndices(event.payees);
  const shares: Record<string, bigint> = {};
  for (const { index, earned } of keepersAfter) {
    const share = earned - (keepersBefore.find((account) => account.index === index)?.earned ?? 0n);
    if (share !== 0n || payees.includes(index)) shares[String(index)] = share;
  }
  return {
    ts: event.ts,
    te: event.te,
    turn: (event.te - event.ts - params.interval) / params.turn + 1,
    leader: event.leader,
    block,
    tx: receipt.hash,
    gasUsed: Number(receipt.gasUsed),
    failed: bitIndices(event.failed),
    payees,
    signers: bitIndices(event.signers),
    items,
    keeperCut: items.reduce((sum, { amount, toProvider }) => sum + amount - toProvider, 0n),
    shares,
  };
}

async function tokenFlows(provider: JsonRpcProvider, token: string, group: string, block: number) {
  const transfer = tokenAbi.getEvent("Transfer")?.topicHash ?? null;
  const party = zeroPadValue(group, 32);
  const flow = async (topics: (string | null)[]): Promise<bigint> => {
    const logs = await provider.getLogs({ address: token, topics, fromBlock: 0, toBlock: block });
    return logs.reduce((sum, log) => sum + BigInt(log.data), 0n);
  };
  const data = tokenAbi.encodeFunctionData("balanceOf", [group]);
  const balance = await provider.call({ to: token, data, blockTag: block });
  return {
    tokenBalance: BigInt(balance),
    tokenIn: await flow([transfer, null, party]),
    tokenOut: await flow([transfer, party]),
  };
}

async function certificates(provider: JsonRpcProvider, group: string, settled: readonly Settled[]) {
  const { chainId } = await provider.getNetwork();
  const entries = settled.map(async ({ input, event, receipt }) => {
    const members = await membersOf(provider, group, input.committee);
    const keys = bitIndices(input.signers).map((index) => members[index]?.blsKey ?? "0x");
    const digest = settlementDigest(chainId, group, input);
    return [receipt.hash, { digest, announced: event.digest, signature: input.signature, keys }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Providers keep the data that they joined with, so committed byte·blocks are a product. */
function committedIn(
  { ts, te }: SettlementEntry,
  providers: readonly ProviderAccount[],
): Map<number, bigint> {
  const shares = providers.map(({ index, activeFrom, removedAt, bytesNow }) => {
    const end = removedAt === 0 ? te : Math.min(te, removedAt);
    return [index, bytesNow * BigInt(Math.max(0, end - Math.max(ts, activeFrom)))] as const;
  });
  return new Map(shares.filter(([, spaceTime]) => spaceTime > 0n));
}

/**
 * Reads all settlements and balances of a group with the events `logs`, oldest first, as of the block of the last event. Later
 * settlements do not count.
 */
export async function readBack(
  provider: JsonRpcProvider,
  {
    rpc,
    group,
    logs,
    challenges,
  }: { rpc: string; group: string; logs: readonly Log[]; challenges: ChallengeEntry },
): Promise<ReadBack> {
  const view = new GroupView(provider, group);
  const settled = await Promise.all(logs.map((log) => readSettled(provider, log)));
  const block = Math.max(...logs.map((log) => log.blockNumber));
  const [params, committee, providers, escrow, ends] = await Promise.all([
    view.parameters(),
    view.committee(),
    view.providers(block),
    view.escrow(block),
    view.settlementEnds(block),
  ]);
  const accounts = await view.keeperAccounts(committee.version, block);
  const settlements = await Promise.all(settled.map((one) => settlementEntry(view, one, params)));
  const { payer: _, registry: __, token, ...terms } = params;
  const document: DemoDocument = {
    rpc,
    chainId: Number((await provider.getNetwork()).chainId),
    group,
    token,
    params: { ...terms, committeeSeed: committee.seed },
    committee: accounts.map(({ index, operator, payee }) => ({ index, operator, payee })),
    providers: providers.map(({ index, operator, payee, bytesNow }) => ({
      index,
      operator,
      payee,
      bytes: bytesNow,
    })),
    settlements,
    escrow: {
      deposited: escrow.deposited,
      balance: escrow.balance,
      withdrawn: escrow.paidOut,
      credited: escrow.credits,
    },
    challenges,
    ok: false,
  };
  const evidence: Evidence = {
    ends,
    ...(await tokenFlows(provider, token, group, block)),
    unallocated: escrow.unallocated,
    certificates: await certificates(provider, group, settled),
    committed: new Map(settlements.map((one) => [one.ts, committedIn(one, providers)])),
    standIns: standIns(settled, group),
  };
  return { document, evidence };
}

function standIns(settled: readonly Settled[], group: string): Map<string, number> {
  return new Map(
    settled.flatMap(({ receipt }) =>
      groupLogs(receipt, group, "LeaderReplaced").map(
        (event) => [receipt.hash, Number(event["sender"])] as const,
      ),
    ),
  );
}
