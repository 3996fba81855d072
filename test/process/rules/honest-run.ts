/**
 * A run that keeps every rule, with amounts that were computed by hand: a committee of four, two groups of one provider each. Turn 1
 * settles the first interval; in the second interval turn 2 settles, and a member sends the certificate in the leader's place.
 */
import { TypedDataEncoder } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import { certify, publicKey, secretOf } from "../../support/contracts/keys.ts";
import type {
  Certified,
  ChainRun,
  Handing,
  RunGroup,
  RunProvider,
  Settlement,
} from "../../support/fleet/chain-run.ts";
import { leaders } from "../../support/fleet/contract-calls.ts";
import { rootOf } from "./scope.ts";

const committee = `0x${"c0".repeat(20)}`;
const seed = `0x${"5e".repeat(32)}`;
const origin = 100;
const rhythm = { interval: 40, turn: 30, slot: 10, answer: 5, confirmations: 1, toleranceBps: 100 };
const operators = [1, 2, 3, 4].map((digit) => `0x${String(digit).repeat(40)}`);
const secrets = operators.map(secretOf);
/** One unit for a byte·block. */
const price = 1n << 64n;
const empty = `0x${"00".repeat(32)}` as const;

type Interval = { readonly ts: number; readonly te: number; readonly block: number; readonly sender: number };

/** Byte·blocks, and units, of each provider: 10 bytes in group 1, 20 in group 2. */
type Units = { readonly spaceTime: bigint; readonly net: bigint; readonly cut: bigint; readonly fee: bigint };

/** 40 blocks: 400 units, of which 40 are the keepers'; a fee of 8 units (two reserved providers, 65,536 a unit: 40 · 2 / 10). */
const first: readonly Units[] = [
  { spaceTime: 400n, net: 360n, cut: 40n, fee: 8n },
  { spaceTime: 800n, net: 720n, cut: 80n, fee: 8n },
];
/** 70 blocks, interval and one turn. */
const second: readonly Units[] = [
  { spaceTime: 700n, net: 630n, cut: 70n, fee: 14n },
  { spaceTime: 1_400n, net: 1_260n, cut: 140n, fee: 14n },
];
/** (40 + 8) / 4, and (80 + 8) / 4. */
const firstShares = [12n, 22n];
/** (70 + 14) / 3 and ⌊(140 + 14) / 3⌋: one keeper failed. */
const secondShares = [28n, 51n];
/** Of 65,536 blocks and provider: a tenth of a unit a block, and above it by less than rounding shows. */
const keeperFee = 6_554n;
const deposited = 10_000n;

const addressOf = (number: number): `0x${string}` => `0x${String(number).repeat(2).repeat(20)}`;

function handing(
  { ts, te, block, sender }: Interval,
  units: readonly Units[],
  failed: readonly number[],
): Handing {
  const groups = units.map(({ spaceTime }, i) => ({
    number: i + 1,
    group: addressOf(i + 1),
    items: [{ provider: 0, spaceTime }],
  }));
  const order = leaders(ts, seed, operators);
  const leader = order[failed.length] as number;
  const payees = bitmap([0, 1, 2, 3].filter((index) => !failed.includes(index)));
  const root = rootOf(groups) as `0x${string}`;
  const certificate = { ts, te, version: 1, leader, failed: bitmap(failed), payees, count: 2, groups: root };
  return {
    certificate,
    signed: { signers: 0b0111n, signature: "0x" },
    first: 0,
    groups,
    proof: [],
    tx: `0x${String(ts)}`,
    block,
    from: operators[sender] as string,
  };
}

/** The certificate that a transaction hands in, signed by the first three members. */
function accepted({ certificate, tx, block, from }: Handing): Certified {
  const fields =
    "uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,bytes32 groups";
  const types = {
    Certificate: fields.split(",").map((field) => {
      const [type = "", name = ""] = field.split(" ");
      return { type, name };
    }),
  };
  const domain = { name: "WhitePay", version: "2", chainId: 31_337n, verifyingContract: committee };
  const signature = certify(secrets.slice(0, 3), TypedDataEncoder.hash(domain, types, certificate));
  return {
    ...certificate,
    committee,
    signers: 0b0111n,
    remembered: false,
    block,
    transaction: tx,
    from,
    signature,
  };
}

function settled(
  { certificate, tx, block }: Handing,
  units: Units,
  { group, replaced }: { group: number; replaced: number | undefined },
): Settlement {
  const { ts, te, version, failed, payees, leader } = certificate;
  const divisor = failed === 0n ? 4 : 3;
  const unpaid = (0b1111n & ~payees) | (replaced === undefined ? 0n : bitmap([leader]));
  const { spaceTime, net, cut, fee } = units;
  return {
    group: addressOf(group),
    version,
    from: ts,
    through: te,
    sender: replaced,
    unpaid,
    divisor,
    cut,
    fee,
    share: (cut + fee) / BigInt(divisor),
    providers: [{ provider: 0, spaceTime, amount: net }],
    tx,
    block,
  };
}

function provider(group: number, credit: bigint): RunProvider {
  const bytes = BigInt(group * 10);
  const operator = `0x${"ab".repeat(20)}`;
  return {
    index: 0,
    operator,
    data: [{ from: origin, bytes, price }],
    account: {
      index: 0,
      operator,
      payee: operator,
      closed: false,
      activeFrom: origin,
      leavesAt: undefined,
      noticeByPayer: false,
      noticeByProvider: false,
      credit,
      arrears: 0n,
      proven: { paid: 1n, committed: 1n },
      unsettledChanges: 0,
      data: [{ from: origin, bytes, price, listRoot: empty, receiptKey: operator, sequence: 1 }],
    },
  };
}

export function honestRun(): ChainRun {
  const [one, two] = [
    { ts: origin, te: 140, block: 141 },
    { ts: 140, te: 210, block: 235 },
  ];
  const order = leaders(140, seed, operators);
  const [lost, leader, standIn] = order as [number, number, number];
  const firstLeader = leaders(origin, seed, operators)[0] as number;
  const handings = [
    handing({ ...one, sender: firstLeader }, first, []),
    // Block 235 lies in the last third of the turn from 210 to 240, which begins with block 230.
    handing({ ...two, sender: standIn }, second, [lost]),
  ];
  const groups = [1, 2].map((number, i): RunGroup => {
    const [a, b] = [first[i] as Units, second[i] as Units];
    const [early, late] = [firstShares[i] as bigint, secondShares[i] as bigint];
    const keeperBalances = operators.map((_, keeper) => {
      if (keeper === lost || keeper === leader) return early;
      return early + (keeper === standIn ? 2n * late : late);
    });
    const credits = a.net + b.net + keeperBalances.reduce((sum, balance) => sum + balance, 0n);
    return {
      address: addressOf(number),
      number,
      ceiling: 2,
      entered: origin,
      left: undefined,
      config: { token: committee, lockup: 100, keeperShareBps: 1_000, keeperFee },
      providers: [provider(number, a.net + b.net)],
      settlements: [
        settled(handings[0] as Handing, a, { group: number, replaced: undefined }),
        settled(handings[1] as Handing, b, { group: number, replaced: standIn }),
      ],
      settledThrough: 210,
      escrow: {
        deposited,
        paidOut: 0n,
        available: deposited - credits,
        credits,
        providerArrears: 0n,
        keeperArrears: 0n,
        required: 0n,
        withdrawable: 0n,
      },
      keeperBalances,
      token: { balance: deposited, in: deposited, out: 0n },
    };
  });
  return {
    chainId: 31_337n,
    committee,
    rhythm,
    originBlock: 90,
    certifiedThrough: 210,
    seed,
    members: operators.map((operator, index) => ({
      index,
      operator,
      blsKey: publicKey(secrets[index] as bigint),
    })),
    certificates: handings.map(accepted),
    handings,
    groups,
    refusals: [],
  };
}
