/**
 * Checks of the demo's result (S1 to S4 and related rules) from chain data alone. Turn order, windows, amounts and shares are
 * computed here from the rules, without the keepers' code.
 */
import { AbiCoder, getBytes, keccak256 } from "ethers";
import { verifyAggregate } from "../../client/bls.ts";
import type { DemoDocument, SettlementEntry } from "./document.ts";
import { counted } from "../../protocol/counted.ts";

/** Further chain data for the comparison. */
export type Evidence = {
  /** Ends of the settled intervals, as the contract lists them. */
  ends: readonly number[];
  /** The token's balance of the group, and the sums of transfers to and from it. */
  tokenBalance: bigint;
  tokenIn: bigint;
  tokenOut: bigint;
  /** The payer's unallocated money, as the group reports it. */
  unallocated: bigint;
  /** Certificates by transaction: digest computed from the input, the signers' keys, the signature. */
  certificates: ReadonlyMap<
    string,
    { digest: string; announced: string; signature: string; keys: readonly string[] }
  >;
  /** Byte·blocks committed in the interval that starts at ts, by ts and provider; a missing provider has committed none. */
  committed: ReadonlyMap<number, ReadonlyMap<number, bigint>>;
  /** Keepers that sent a settlement in the leader's place, by transaction (R25). */
  standIns: ReadonlyMap<string, number>;
};

type Complain = (text: string) => void;

/** Keepers by ascending keccak256(abi.encode(uint64 ts, bytes32 seed, address operator)): R5, straight from ethers. */
function leaders(ts: number, { params, committee }: DemoDocument): number[] {
  const coder = AbiCoder.defaultAbiCoder();
  const key = (operator: string): bigint =>
    BigInt(keccak256(coder.encode(["uint64", "bytes32", "address"], [ts, params.committeeSeed, operator])));
  return committee
    .map(({ index, operator }) => ({ index, key: key(operator) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ index }) => index);
}

function checkTurn(document: DemoDocument, settlement: SettlementEntry, complain: Complain): void {
  const { interval, turn: turnBlocks } = document.params;
  const { ts, te, turn, block } = settlement;
  const n = document.committee.length;
  if (te !== ts + interval + (turn - 1) * turnBlocks)
    complain(`ends at ${te}, which is not the end of turn ${turn} (R6)`);
  if (block < te || block >= te + turnBlocks)
    complain(`settled in block ${block}, outside its window from ${te} (R29)`);
  const order = leaders(ts, document);
  const leader = order[(turn - 1) % n];
  if (leader !== settlement.leader) complain(`led by keeper ${settlement.leader}, expected ${leader} (R5)`);
  const failedCount = Math.min(turn - 1, (n - 1) / 3);
  const failed = Array.from({ length: failedCount }, (_, i) => order[(turn - 2 - i) % n] as number);
  if (!sameSet(failed, settlement.failed))
    complain(`failed keepers are ${named(settlement.failed)}, expected ${named(failed)} (R7)`);
}

function named(indices: readonly number[]): string {
  return indices.length === 0 ? "none" : indices.join(", ");
}

function sameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}

/** S1: each provider is paid once in each interval; intervals neither overlap nor leave a gap. */
function checkIntervals({ settlements, params }: DemoDocument, evidence: Evidence, complain: Complain): void {
  let through = params.originBlock;
  settlements.forEach((settlement, i) => {
    if (settlement.ts !== through)
      complain(`S1: interval ${i + 1} starts at ${settlement.ts}, expected ${through}`);
    through = settlement.te;
    const paid = settlement.items.map((item) => item.provider);
    if (new Set(paid).size !== paid.length) complain(`S1: interval ${i + 1} pays a provider twice`);
    const active = [...(evidence.committed.get(settlement.ts)?.keys() ?? [])];
    if (!sameSet(paid, active))
      complain(`interval ${i + 1} has items for ${named(paid)}, expected ${named(active)} (R27)`);
  });
  const ends = settlements.map((settlement) => settlement.te);
  if (ends.join() !== evidence.ends.join())
    complain(
      `S1: the group lists intervals ending at ${named(evidence.ends)}, its events say ${named(ends)}`,
    );
}

/** S2: deposits = payouts + balance, by the token and by the group. */
function checkMoney({ settlements, escrow }: DemoDocument, evidence: Evidence, complain: Complain): void {
  const equal = (what: string, expected: bigint, actual: bigint): void => {
    if (expected !== actual) complain(`S2: ${what}: expected ${expected}, actual ${actual}`);
  };
  equal("deposited = balance + withdrawn", escrow.deposited, escrow.balance + escrow.withdrawn);
  equal("the token's balance of the group", escrow.balance, evidence.tokenBalance);
  equal("transfers to the group", escrow.deposited, evidence.tokenIn);
  equal("transfers from the group", escrow.withdrawn, evidence.tokenOut);
  equal("unallocated + credited = balance", escrow.balance, evidence.unallocated + escrow.credited);
  const earned = settlements.reduce(
    (sum, { items, shares }) =>
      sum +
      items.reduce((s, item) => s + item.toProvider, 0n) +
      Object.values(shares).reduce((s, share) => s + share, 0n),
    0n,
  );
  equal("credited in all settlements", earned, escrow.credited + escrow.withdrawn);
}

/** Whether a provider held all its data throughout an interval (from 0). */
export type Honest = (provider: number, interval: number) => boolean;

/** S4: a provider that held all its data and was challenged by a working quorum is paid in full. */
function checkHonestPay(
  { settlements }: DemoDocument,
  { committed }: Evidence,
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

/** R30, S3: amounts of one settlement. */
function checkShares(
  document: DemoDocument,
  settlement: SettlementEntry,
  evidence: Evidence,
  complain: Complain,
): void {
  const bps = BigInt(document.params.keeperShareBps);
  let cuts = 0n;
  for (const { provider, amount, toProvider } of settlement.items) {
    const cut = (amount * bps) / 10_000n;
    cuts += cut;
    if (toProvider !== amount - cut)
      complain(`provider ${provider} got ${toProvider}, expected ${amount - cut} (R30)`);
  }
  if (cuts !== settlement.keeperCut)
    complain(`the keepers' cut is ${settlement.keeperCut}, expected ${cuts} (R30)`);
  const { payees, failed, shares, tx, leader } = settlement;
  if (payees.some((keeper) => failed.includes(keeper)))
    complain(`S3: keepers ${named(payees)} are paid, but ${named(failed)} failed`);
  const standIn = evidence.standIns.get(tx);
  const entitled = payees.map((keeper) => (keeper === leader && standIn !== undefined ? standIn : keeper));
  const share = cuts / BigInt(document.committee.length - failed.length);
  for (const { index } of document.committee) {
    const expected = share * BigInt(entitled.filter((keeper) => keeper === index).length);
    const actual = shares[String(index)] ?? 0n;
    if (actual !== expected) complain(`S3: keeper ${index} got ${actual}, expected ${expected}`);
  }
}

function checkCertificate(
  document: DemoDocument,
  settlement: SettlementEntry,
  evidence: Evidence,
  complain: Complain,
): void {
  const certificate = evidence.certificates.get(settlement.tx);
  if (certificate === undefined) {
    complain("there is no certificate");
    return;
  }
  const { digest, announced, signature, keys } = certificate;
  if (digest !== announced) complain(`the group announced digest ${announced}, expected ${digest} (R27)`);
  const needed = (2 * (document.committee.length - 1)) / 3 + 1;
  if (settlement.signers.length < needed)
    complain(`signed by ${counted(settlement.signers.length, "keeper")}, expected ${needed} or more`);
  if (!verifyAggregate(signature, getBytes(digest), keys))
    complain("the aggregate signature does not hold (R25)");
}

/** All failed checks as text; empty if all hold. */
export function complaintsAbout(
  document: DemoDocument,
  evidence: Evidence,
  isHonest: Honest = () => true,
): string[] {
  const complaints: string[] = [];
  const complain: Complain = (text) => void complaints.push(text);
  checkIntervals(document, evidence, complain);
  checkMoney(document, evidence, complain);
  checkHonestPay(document, evidence, isHonest, complain);
  document.settlements.forEach((settlement, i) => {
    const about: Complain = (text) => complain(`interval ${i + 1}: ${text}`);
    checkTurn(document, settlement, about);
    checkShares(document, settlement, evidence, about);
    checkCertificate(document, settlement, evidence, about);
  });
  return complaints;
}
