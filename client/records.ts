/** What keepers and providers have done so far, counted from the registry and the chain's events alone (R42: never from their own word). */
import { getAddress, type Provider } from "ethers";
import { bitIndices } from "../protocol/bitmap.ts";
import { committeeAbi, groupAbi } from "./abi.ts";
import { CommitteeReader } from "./committee-view.ts";
import { madeBy, type FactoryAt, type Made } from "./committees.ts";
import { dataAt, GroupView, type ProviderAccount } from "./group-view.ts";
import type { Party } from "./registry.ts";
import { groupSettlement } from "./settlements.ts";
import { eventPages, type GroupEvent } from "./watch.ts";

export type RecordsAt = FactoryAt & { readonly lens: string };

export type ProviderRecord = Party & {
  /** Groups that it serves now. */
  readonly groups: number;
  /** Bytes that it is committed to now. */
  readonly bytes: bigint;
  /** Of the bytes in groups that have settled: how many there are, and how many it proved in the last settled interval of each. */
  readonly settledBytes: bigint;
  readonly provenBytes: bigint;
  /** Settlements in which it was paid. */
  readonly settlements: number;
  /** Block of the last one. */
  readonly lastSeen: number | undefined;
};

export type KeeperRecord = Party & {
  /** Committees of which it is a member now. */
  readonly committees: number;
  readonly turnsLed: number;
  /** Turns that it let lapse (R7). */
  readonly turnsFailed: number;
  /** Certificates of its committees while it was a member, and those that it signed. */
  readonly certificates: number;
  readonly signed: number;
  /** Block of the last certificate that it signed. */
  readonly lastSeen: number | undefined;
};

type ProviderTally = {
  groups: number;
  bytes: bigint;
  settledBytes: bigint;
  provenBytes: bigint;
  settlements: number;
  lastSeen?: number;
};
type KeeperTally = {
  committees: number;
  turnsLed: number;
  turnsFailed: number;
  certificates: number;
  signed: number;
  lastSeen?: number;
};

const groupsAtOnce = 8;
const settledTopic = (groupAbi.getEvent("Settled") as { topicHash: string }).topicHash;
const certifiedTopic = (committeeAbi.getEvent("Certified") as { topicHash: string }).topicHash;

async function inBatches<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < all.length; first += groupsAtOnce) {
    await Promise.all(all.slice(first, first + groupsAtOnce).map(work));
  }
}

function addPresent(
  tally: ProviderTally,
  { closed, leavesAt, data, activeFrom, proven }: ProviderAccount,
  [settledThrough, head]: readonly [number, number],
): void {
  if (closed || (leavesAt !== undefined && leavesAt <= head)) return;
  const bytes = dataAt(data, Math.max(head, activeFrom))?.bytes ?? 0n;
  tally.groups += 1;
  tally.bytes += bytes;
  if (activeFrom >= settledThrough || proven.committed === 0n) return;
  tally.settledBytes += bytes;
  tally.provenBytes += (bytes * proven.paid) / proven.committed;
}

/** Every registered provider, in the order of registration. */
export async function providerRecords(provider: Provider, at: RecordsAt): Promise<ProviderRecord[]> {
  const made = await madeBy(provider, at);
  const head = await provider.getBlockNumber();
  const none = { groups: 0, bytes: 0n, settledBytes: 0n, provenBytes: 0n, settlements: 0 };
  const tallies = new Map<string, ProviderTally>(
    made.providers.map(({ operator }) => [operator, { ...none }]),
  );
  /** Operators of each group by index. */
  const members = new Map<string, readonly string[]>();
  await inBatches(made.groups, async ({ address }) => {
    const view = new GroupView(provider, { address, lens: at.lens });
    const [{ state }, accounts] = await Promise.all([view.page(head), view.providers(head)]);
    members.set(
      getAddress(address),
      accounts.map(({ operator }) => getAddress(operator)),
    );
    for (const account of accounts) {
      const tally = tallies.get(getAddress(account.operator));
      if (tally !== undefined) addPresent(tally, account, [state.settledThrough, head]);
    }
  });
  await eachEvent(provider, made, head, { topic: settledTopic, abi: groupAbi }, (event) => {
    const operators = members.get(getAddress(event.contract));
    if (operators === undefined) return;
    for (const index of paidIn(event)) {
      const tally = tallies.get(operators[index] ?? "");
      if (tally === undefined) continue;
      tally.settlements += 1;
      tally.lastSeen = event.block;
    }
  });
  return made.providers.map((party) => {
    const { lastSeen, ...tally } = tallies.get(party.operator) as ProviderTally;
    return { ...party, ...tally, lastSeen };
  });
}

/** Indices of the providers that proved something. */
function paidIn({ contract, args }: GroupEvent): number[] {
  const words = args as { interval: bigint; keepers: bigint; providers: bigint[] };
  return groupSettlement(contract, words)
    .providers.filter(({ spaceTime }) => spaceTime > 0n)
    .map(({ provider }) => provider);
}

/** Events of all contracts with this topic; the caller leaves out those of strangers. */
async function eachEvent(
  provider: Provider,
  { from }: Made,
  to: number,
  { topic, abi }: { readonly topic: string; readonly abi: typeof groupAbi },
  use: (event: GroupEvent) => void | Promise<void>,
): Promise<void> {
  for await (const { events } of eventPages(provider, undefined, { from, to, abi, topics: [topic] })) {
    for (const event of events) await use(event);
  }
}

/** Members of a version of a committee: a lookup that reads each version once. */
function memberReader(provider: Provider, { committees }: Made) {
  const readers = new Map(
    committees.map(({ address }) => [getAddress(address), new CommitteeReader(provider, address)]),
  );
  const versions = new Map<string, readonly string[]>();
  return {
    readers,
    /** Undefined if the factory did not make this committee. */
    async operatorsOf(committee: string, version: number): Promise<readonly string[] | undefined> {
      const reader = readers.get(getAddress(committee));
      if (reader === undefined) return undefined;
      const key = `${reader.address} ${version}`;
      const known = versions.get(key);
      if (known !== undefined) return known;
      const { operators } = await reader.version(version);
      versions.set(key, operators);
      return operators;
    },
  };
}

function addCertificate(
  tallies: ReadonlyMap<string, KeeperTally>,
  operators: readonly string[],
  { args, block }: GroupEvent,
): void {
  const { leader, failed, signers } = args as { leader: bigint; failed: bigint; signers: bigint };
  const [lapsed, signing] = [new Set(bitIndices(failed)), new Set(bitIndices(signers))];
  for (const [index, operator] of operators.entries()) {
    const tally = tallies.get(operator);
    if (tally === undefined) continue;
    tally.certificates += 1;
    if (index === Number(leader)) tally.turnsLed += 1;
    if (lapsed.has(index)) tally.turnsFailed += 1;
    if (!signing.has(index)) continue;
    tally.signed += 1;
    tally.lastSeen = block;
  }
}

/** Every registered keeper, in the order of registration. */
export async function keeperRecords(provider: Provider, at: FactoryAt): Promise<KeeperRecord[]> {
  const made = await madeBy(provider, at);
  const head = await provider.getBlockNumber();
  const none = { committees: 0, turnsLed: 0, turnsFailed: 0, certificates: 0, signed: 0 };
  const tallies = new Map<string, KeeperTally>(made.keepers.map(({ operator }) => [operator, { ...none }]));
  const members = memberReader(provider, made);
  await inBatches([...members.readers.values()], async (reader) => {
    const { completedAt, operators } = await reader.present(head);
    if (completedAt === undefined) return;
    for (const operator of operators) {
      const tally = tallies.get(operator);
      if (tally !== undefined) tally.committees += 1;
    }
  });
  await eachEvent(provider, made, head, { topic: certifiedTopic, abi: committeeAbi }, async (event) => {
    const operators = await members.operatorsOf(event.contract, Number(event.args["version"]));
    if (operators !== undefined) addCertificate(tallies, operators, event);
  });
  return made.keepers.map((party) => {
    const { lastSeen, ...tally } = tallies.get(party.operator) as KeeperTally;
    return { ...party, ...tally, lastSeen };
  });
}
