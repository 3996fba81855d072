/**
 * Checks of the demo's result (S1 to S4 and related rules) from chain data alone. Turn order, windows, digests, amounts and shares
 * are computed here from the rules, without the keepers' code.
 */
import { AbiCoder, concat, getBytes, keccak256, solidityPacked, TypedDataEncoder, ZeroHash } from "ethers";
import { verifyAggregate } from "../../client/bls.ts";
import { counted } from "../../protocol/counted.ts";
import type { DemoDocument, GroupEntry, RoundEntry, SettlementEntry } from "./document.ts";

/** What a transaction said about a certificate, as the chain has it. */
export type CertificateEvidence = {
  readonly version: number;
  readonly count: number;
  /** As the committee announced it. */
  readonly root: string;
  readonly signature: string;
  /** Of the signers. */
  readonly keys: readonly string[];
  /** All that were handed in, in the order of their numbers. */
  readonly groups: readonly {
    readonly number: number;
    readonly group: string;
    readonly items: readonly { readonly provider: number; readonly spaceTime: bigint }[];
  }[];
};

/** Further chain data of a group for the comparison. */
export type GroupEvidence = {
  /** The token's balance of the group, and the sums of transfers to and from it. */
  readonly tokenBalance: bigint;
  readonly tokenIn: bigint;
  readonly tokenOut: bigint;
  /** Money that is credited to nobody, as the group reports it. */
  readonly available: bigint;
  readonly settledThrough: number;
  /** Providers for which the payer pays the keepers' fee. */
  readonly reserved: number;
  /** Byte·blocks committed in the interval that starts at ts, by ts and provider; a missing provider has committed none. */
  readonly committed: ReadonlyMap<number, ReadonlyMap<number, bigint>>;
  /** What each provider and each keeper may withdraw, by index. */
  readonly providerCredits: readonly bigint[];
  readonly keeperBalances: readonly bigint[];
  /** Keepers that settled the group in the leader's place, by ts (R25). */
  readonly standIns: ReadonlyMap<number, number>;
};

export type Evidence = {
  /** By the transaction that certified. */
  readonly certificates: ReadonlyMap<string, CertificateEvidence>;
  /** By address. */
  readonly groups: ReadonlyMap<string, GroupEvidence>;
};

type Complain = (text: string) => void;

/** Keepers by ascending keccak256(abi.encode(uint64 ts, bytes32 seed, address operator)): R5, straight from ethers. */
function leaders(ts: number, { params, members }: DemoDocument["committee"]): number[] {
  const coder = AbiCoder.defaultAbiCoder();
  const key = (operator: string): bigint =>
    BigInt(keccak256(coder.encode(["uint64", "bytes32", "address"], [ts, params.committeeSeed, operator])));
  return members
    .map(({ index, operator }) => ({ index, key: key(operator) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ index }) => index);
}

function checkTurn({ committee }: DemoDocument, round: RoundEntry, complain: Complain): void {
  const { interval, turn: turnBlocks } = committee.params;
  const { ts, te, turn, block } = round;
  const n = committee.members.length;
  if (te !== ts + interval + (turn - 1) * turnBlocks)
    complain(`ends at ${te}, which is not the end of turn ${turn} (R6)`);
  if (block < te || block >= te + turnBlocks)
    complain(`certified in block ${block}, outside its window from ${te} (R29)`);
  const order = leaders(ts, committee);
  const leader = order[(turn - 1) % n];
  if (leader !== round.leader) complain(`led by keeper ${round.leader}, expected ${leader} (R5)`);
  const failedCount = Math.min(turn - 1, (n - 1) / 3);
  const failed = Array.from({ length: failedCount }, (_, i) => order[(turn - 2 - i) % n] as number);
  if (!sameSet(failed, round.failed))
    complain(`failed keepers are ${named(round.failed)}, expected ${named(failed)} (R7)`);
  if (round.payees.some((keeper) => round.failed.includes(keeper)))
    complain(`S3: keepers ${named(round.payees)} are payees, but ${named(round.failed)} failed`);
}

function named(indices: readonly (number | string)[]): string {
  return indices.length === 0 ? "none" : indices.join(", ");
}

function sameSet<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}

const certificateTypes = {
  Certificate: [
    ["uint64", "ts"],
    ["uint64", "te"],
    ["uint64", "version"],
    ["uint8", "leader"],
    ["uint256", "failed"],
    ["uint256", "payees"],
    ["uint32", "count"],
    ["bytes32", "groups"],
  ].map(([type = "", name = ""]) => ({ type, name })),
};

/** R27: items(16) ‖ number(32) ‖ group(160), then provider(32) ‖ spaceTime(128) of each, in words; hashed twice. */
function leafOf({ number, group, items }: CertificateEvidence["groups"][number]): string {
  const head = (BigInt(items.length) << 192n) | (BigInt(number) << 160n) | BigInt(group);
  const words = [head, ...items.map(({ provider, spaceTime }) => (BigInt(provider) << 128n) | spaceTime)];
  return keccak256(
    keccak256(
      solidityPacked(
        words.map(() => "uint256"),
        words,
      ),
    ),
  );
}

/** R27: node = keccak256(left ‖ right), a lone last node moves up; zero if there is no leaf. */
function rootOf(leaves: readonly string[]): string {
  const [first] = leaves;
  if (first === undefined) return ZeroHash;
  if (leaves.length === 1) return first;
  const above: string[] = [];
  for (let i = 0; i < leaves.length; i += 2) {
    const [left = "", right] = leaves.slice(i, i + 2);
    above.push(right === undefined ? left : keccak256(concat([left, right])));
  }
  return rootOf(above);
}

const bits = (indices: readonly number[]): bigint =>
  indices.reduce((all, index) => all | (1n << BigInt(index)), 0n);

/** R25, R27: a quorum signed the digest over exactly these groups and items. */
function checkCertificate(
  document: DemoDocument,
  round: RoundEntry,
  evidence: Evidence,
  complain: Complain,
): void {
  const certificate = evidence.certificates.get(round.tx);
  if (certificate === undefined) {
    complain("there is no certificate");
    return;
  }
  const { version, count, root, signature, keys, groups } = certificate;
  if (groups.length !== count)
    complain(`${counted(groups.length, "group")} settled, expected the ${count} of the certificate (R29)`);
  const computed = rootOf(groups.map(leafOf));
  if (computed !== root) complain(`the groups lead to root ${computed}, certified is ${root} (R27)`);
  const needed = (2 * (document.committee.members.length - 1)) / 3 + 1;
  if (round.signers.length < needed)
    complain(`signed by ${counted(round.signers.length, "keeper")}, expected ${needed} or more`);
  const { ts, te, leader } = round;
  const value = { ts, te, version, leader, count, groups: computed };
  const digest = TypedDataEncoder.hash(
    {
      name: "WhitePay",
      version: "2",
      chainId: document.chainId,
      verifyingContract: document.committee.address,
    },
    certificateTypes,
    { ...value, failed: bits(round.failed), payees: bits(round.payees) },
  );
  if (!verifyAggregate(signature, getBytes(digest), keys))
    complain("the aggregate signature does not hold (R25)");
}

/** S1: certificates neither overlap nor leave a gap, and each settles every group of the committee. */
function checkRounds({ rounds, groups, committee }: DemoDocument, complain: Complain): void {
  const { originBlock, slot } = committee.params;
  let through = rounds[0]?.ts ?? originBlock;
  if (through < originBlock || (through - originBlock) % slot !== 0)
    complain(
      `the first interval starts at ${through}, which is no slot boundary from ${originBlock} (R5, R8)`,
    );
  const addresses = groups.map(({ address }) => address);
  rounds.forEach((round, i) => {
    if (round.ts !== through) complain(`S1: interval ${i + 1} starts at ${round.ts}, expected ${through}`);
    through = round.te;
    if (!sameSet(round.groups, addresses))
      complain(`interval ${i + 1} settles ${named(round.groups)}, expected ${named(addresses)} (R38)`);
  });
}

/** S1: each provider is paid once in each interval of the group; the intervals are those of the certificates. */
function checkIntervals(
  { settlements }: GroupEntry,
  rounds: readonly RoundEntry[],
  evidence: GroupEvidence,
  complain: Complain,
): void {
  const spans = (list: readonly { ts: number; te: number }[]): string[] =>
    list.map(({ ts, te }) => `${ts}-${te}`);
  if (spans(settlements).join() !== spans(rounds).join())
    complain(`S1: settled are ${named(spans(settlements))}, certified ${named(spans(rounds))}`);
  settlements.forEach(({ ts, items }, i) => {
    const paid = items.map((item) => item.provider);
    if (new Set(paid).size !== paid.length) complain(`S1: interval ${i + 1} pays a provider twice`);
    const active = [...(evidence.committed.get(ts)?.keys() ?? [])];
    if (!sameSet(paid, active))
      complain(`interval ${i + 1} has items for ${named(paid)}, expected ${named(active)} (R27)`);
  });
  const last = settlements.at(-1)?.te;
  if (last !== evidence.settledThrough)
    complain(`S1: settled through ${evidence.settledThrough}, its events say ${last}`);
}

const sum = (values: readonly bigint[]): bigint => values.reduce((all, value) => all + value, 0n);

/** S2: deposits = payouts + balance, by the token and by the group; credits are what the settlements gave. */
function checkMoney(
  { settlements, escrow, providers }: GroupEntry,
  evidence: GroupEvidence,
  complain: Complain,
): void {
  const equal = (what: string, expected: bigint, actual: bigint): void => {
    if (expected !== actual) complain(`S2: ${what}: expected ${expected}, actual ${actual}`);
  };
  equal("deposited = balance + withdrawn", escrow.deposited, escrow.balance + escrow.withdrawn);
  equal("the token's balance of the group", escrow.balance, evidence.tokenBalance);
  equal("transfers to the group", escrow.deposited, evidence.tokenIn);
  equal("transfers from the group", escrow.withdrawn, evidence.tokenOut);
  equal("available + credited = balance", escrow.balance, evidence.available + escrow.credited);
  const items = settlements.flatMap((settlement) => settlement.items);
  const shares = settlements.flatMap((settlement) => Object.entries(settlement.shares));
  const earned = sum([...items.map(({ toProvider }) => toProvider), ...shares.map(([, share]) => share)]);
  equal("credited in all settlements", earned, escrow.credited + escrow.withdrawn);
  if (escrow.withdrawn > 0n) return;
  for (const { index } of providers) {
    const own = items.filter(({ provider }) => provider === index).map(({ toProvider }) => toProvider);
    equal(`credit of provider ${index}`, sum(own), evidence.providerCredits[index] ?? 0n);
  }
  evidence.keeperBalances.forEach((balance, index) => {
    const own = shares.filter(([keeper]) => keeper === String(index)).map(([, share]) => share);
    equal(`balance of keeper ${index}`, sum(own), balance);
  });
}

/** Whether a provider held all its data throughout an interval (from 0). */
export type Honest = (provider: number, interval: number) => boolean;

/** S4: a provider that held all its data and was challenged by a working quorum is paid in full. */
function checkHonestPay(
  { settlements }: GroupEntry,
  { committed }: GroupEvidence,
  isHonest: Honest,
  complain: Complain,
): void {
  settlements.forEach(({ ts, items }, i) => {
    for (const { provider, spaceTime } of items) {
      const whole = committed.get(ts)?.get(provider) ?? 0n;
      if (!isHonest(provider, i) || spaceTime === whole) continue;
      complain(
        `S4: provider ${provider} held all its data in interval ${i + 1}: expected ${whole} byte·blocks paid, actual ${spaceTime}`,
      );
    }
  });
}

/** R16, R30, S3: amounts of one settlement. A provider's price is the same throughout. */
function checkShares(
  document: DemoDocument,
  { group, round, settlement }: { group: GroupEntry; round: RoundEntry; settlement: SettlementEntry },
  evidence: GroupEvidence,
  complain: Complain,
): void {
  const equal = (what: string, expected: bigint, actual: bigint): void => {
    if (expected !== actual) complain(`${what} ${actual}, expected ${expected} (R30)`);
  };
  const { ts, te, items } = settlement;
  const bps = BigInt(group.params.keeperShareBps);
  let cuts = 0n;
  for (const { provider, spaceTime, amount, toProvider } of items) {
    const price = group.providers.find(({ index }) => index === provider)?.price ?? 0n;
    const whole = evidence.committed.get(ts)?.get(provider) ?? 0n;
    const due = ((spaceTime < whole ? spaceTime : whole) * price) / 2n ** 64n;
    equal(`provider ${provider} costs`, due, amount);
    const cut = (due * bps) / 10_000n;
    cuts += cut;
    equal(`provider ${provider} got`, due - cut, toProvider);
  }
  equal("the keepers' cut is", cuts, settlement.keeperCut);
  const fee = (group.params.keeperFee * BigInt(evidence.reserved) * BigInt(te - ts)) / 65_536n;
  equal("the keepers' fee is", fee, settlement.keeperFee);
  const { payees, failed, leader } = round;
  const standIn = evidence.standIns.get(ts);
  const entitled = payees.map((keeper) => (keeper === leader && standIn !== undefined ? standIn : keeper));
  const share = (cuts + fee) / BigInt(document.committee.members.length - failed.length);
  for (const { index } of document.committee.members) {
    const expected = share * BigInt(entitled.filter((keeper) => keeper === index).length);
    const actual = settlement.shares[String(index)] ?? 0n;
    if (actual !== expected) complain(`S3: keeper ${index} got ${actual}, expected ${expected}`);
  }
}

function checkGroup(
  document: DemoDocument,
  group: GroupEntry,
  evidence: GroupEvidence,
  isHonest: Honest,
  complain: Complain,
): void {
  checkIntervals(group, document.rounds, evidence, complain);
  checkMoney(group, evidence, complain);
  checkHonestPay(group, evidence, isHonest, complain);
  group.settlements.forEach((settlement, i) => {
    const round = document.rounds[i];
    if (round === undefined) return;
    checkShares(document, { group, round, settlement }, evidence, (text) =>
      complain(`interval ${i + 1}: ${text}`),
    );
  });
}

/** All failed checks as text; empty if all hold. */
export function complaintsAbout(
  document: DemoDocument,
  evidence: Evidence,
  isHonest: Honest = () => true,
): string[] {
  const complaints: string[] = [];
  const complain: Complain = (text) => void complaints.push(text);
  checkRounds(document, complain);
  document.rounds.forEach((round, i) => {
    const about: Complain = (text) => complain(`interval ${i + 1}: ${text}`);
    checkTurn(document, round, about);
    checkCertificate(document, round, evidence, about);
  });
  document.groups.forEach((group, i) => {
    const about: Complain = (text) => complain(`group ${i}: ${text}`);
    const own = evidence.groups.get(group.address);
    if (own === undefined) about("the chain has no data of it");
    else checkGroup(document, group, own, isHonest, about);
  });
  return complaints;
}
