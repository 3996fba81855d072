/** A demo's document and the chain data behind it: one certified interval of some groups, with numbers that follow by hand from the rules. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { getAddress, getBytes } from "ethers";
import { encodeG1, publicKeyOf, signatureTag } from "../../client/bls.ts";
import { bitmap } from "../../protocol/bitmap.ts";
import { certificateDigest, CertificateTree, domainOf } from "../../protocol/certificate.ts";
import type { Hex } from "../../protocol/hash.ts";
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import type { CertificateEvidence, Evidence, GroupEvidence } from "../../scripts/demo/check.ts";
import type { DemoDocument } from "../../scripts/demo/document.ts";
import { fleetParams } from "../../scripts/fleet/setup.ts";

export const address = (n: number): string => getAddress(`0x${n.toString(16).padStart(40, "0")}`);
export const seed = `0x${"5e".repeat(32)}`;
export const tx = `0x${"ab".repeat(32)}`;
export const operators = [1, 2, 3, 4].map(address);
const signers = [0, 1, 3];
const secret = (n: number): string => `0x${(n + 1).toString(16).padStart(64, "0")}`;

export const gib = 2n ** 30n;
/** A token of 18 decimals; a GiB·block costs a millionth of it. */
export const millionth = 10n ** 12n;
export const price = millionth << 34n;
const chainId = 31_337;
const committee = address(99);
const groupsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => address(1_000 + i));
/** Of a story of two groups. */
export const groups = groupsOf(2);
/** Groups that the certificate's own transaction settles, at most; another one settles the others (R41). */
const groupsAtOnce = 27;
export const laterTx = `0x${"ac".repeat(32)}`;

/** The sum of the signers' signatures, by the library alone. */
function aggregate(digest: Hex): string {
  const { shortSignatures: bls } = bls12_381;
  const message = bls.hash(getBytes(digest), signatureTag);
  return encodeG1(
    signers.map((n) => bls.sign(message, getBytes(secret(n)))).reduce((sum, point) => sum.add(point)),
  );
}

/** 40 GiB·blocks of provider 0 and 80 of provider 1, through 40 blocks. */
const signed = [
  { provider: 0, spaceTime: 40n * gib },
  { provider: 1, spaceTime: 80n * gib },
];

/**
 * What a payer pays for that, by hand: 40 and 80 millionths, of which a tenth, 12 in all, goes to four keepers. The fee is 8,192
 * millionths for a provider and 65,536 blocks: 10 for two providers and 40 blocks. So each keeper gets 5.5.
 */
function groupEntry(index: number): DemoDocument["groups"][number] {
  const items = [
    { ...(signed[0] as (typeof signed)[0]), amount: 40n * millionth, toProvider: 36n * millionth },
    { ...(signed[1] as (typeof signed)[0]), amount: 80n * millionth, toProvider: 72n * millionth },
  ];
  const share = (55n * millionth) / 10n;
  return {
    address: address(1_000 + index),
    payer: address(60 + index),
    token: address(96),
    params: { lockup: 100, keeperShareBps: 1000, keeperFee: 8_192n * millionth },
    providers: [0, 1].map((i) => ({
      index: i,
      operator: address(20 + i),
      payee: address(30 + i),
      bytes: BigInt(i + 1) * gib,
      price,
    })),
    settlements: [
      {
        ts: 100,
        te: 140,
        tx: index < groupsAtOnce ? tx : laterTx,
        items,
        keeperCut: 12n * millionth,
        keeperFee: 10n * millionth,
        shares: { "0": share, "1": share, "2": share, "3": share },
      },
    ],
    escrow: {
      deposited: 1000n * millionth,
      balance: 1000n * millionth,
      withdrawn: 0n,
      credited: 130n * millionth,
    },
  };
}

function groupEvidence(): GroupEvidence {
  const share = (55n * millionth) / 10n;
  return {
    tokenBalance: 1000n * millionth,
    tokenIn: 1000n * millionth,
    tokenOut: 0n,
    available: 870n * millionth,
    settledThrough: 140,
    reserved: 2,
    committed: new Map([
      [
        100,
        new Map([
          [0, 40n * gib],
          [1, 80n * gib],
        ]),
      ],
    ]),
    providerCredits: [36n * millionth, 72n * millionth],
    keeperBalances: [share, share, share, share],
    standIns: new Map(),
  };
}

/** One certified interval of groups with two providers, with numbers that follow from the rules by hand. */
export function story(count = groups.length): { document: DemoDocument; evidence: Evidence } {
  const { interval, turn, slot, answer, confirmations, toleranceBps } = fleetParams(4);
  const rhythm = { interval, turn, slot, answer, confirmations, toleranceBps };
  const leader = leaderOf(turnOrder(100, seed, operators), 1);
  const addresses = groupsOf(count);
  const tree = addresses.map((group, i) => ({
    number: i + 1,
    group: group.toLowerCase() as Hex,
    items: signed,
  }));
  const { root } = new CertificateTree(tree);
  const scope = { count, groups: root, failed: 0n, payees: bitmap([0, 1, 2, 3]) };
  const certificate = { ts: 100, te: 140, version: 1, leader, ...scope };
  const document: DemoDocument = {
    rpc: "http://127.0.0.1:1",
    chainId,
    committee: {
      address: committee,
      params: { ...rhythm, originBlock: 90, committeeSeed: seed },
      members: operators.map((operator, index) => ({ index, operator, payee: address(50 + index) })),
    },
    rounds: [
      {
        ts: 100,
        te: 140,
        turn: 1,
        leader,
        block: 150,
        tx,
        txs: count > groupsAtOnce ? [tx, laterTx] : [tx],
        gasUsed: 200_000,
        failed: [],
        payees: [0, 1, 2, 3],
        signers,
        groups: [...addresses],
      },
    ],
    groups: addresses.map((_, index) => groupEntry(index)),
    challenges: { asked: 96, whole: 80, partial: 16, failed: 0 },
    ok: false,
  };
  const proof: CertificateEvidence = {
    version: 1,
    count,
    root,
    signature: aggregate(certificateDigest(domainOf(chainId, committee.toLowerCase() as Hex), certificate)),
    keys: signers.map((n) => publicKeyOf(secret(n))),
    groups: tree,
  };
  const evidence: Evidence = {
    certificates: new Map([[tx, proof]]),
    groups: new Map(addresses.map((group) => [group, groupEvidence()])),
  };
  return { document, evidence };
}
