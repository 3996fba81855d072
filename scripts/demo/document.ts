/**
 * The demo's JSON document, on which other tools rely. All of it is read from the chain, except the counts of challenges, which
 * keepers report. Indices are 0-based, turns count from 1, addresses are in EIP-55 spelling; a bigint becomes decimal text.
 */
import type { ChallengeEntry } from "../fleet/keepers.ts";

export type MemberEntry = { index: number; operator: string; payee: string };
export type ProviderEntry = MemberEntry & {
  bytes: bigint;
  /** Token units per 2^64 byte·blocks. */
  price: bigint;
};

export type CommitteeEntry = {
  address: string;
  params: {
    interval: number;
    turn: number;
    slot: number;
    answer: number;
    confirmations: number;
    toleranceBps: number;
    originBlock: number;
    committeeSeed: string;
  };
  members: MemberEntry[];
};

/** One certificate: an interval of the committee. */
export type RoundEntry = {
  ts: number;
  te: number;
  turn: number;
  leader: number;
  /** Of the transaction that certified. */
  block: number;
  tx: string;
  /** Every transaction that handed in groups of the certificate, `tx` first. */
  txs: string[];
  /** Of all `txs`. */
  gasUsed: number;
  failed: number[];
  payees: number[];
  signers: number[];
  /** In scope, in the order of their numbers. */
  groups: string[];
};

export type ItemEntry = {
  provider: number;
  /** As signed. */
  spaceTime: bigint;
  /** What the group pays for it (R30), before the keepers' cut. */
  amount: bigint;
  /** What the provider was credited. */
  toProvider: bigint;
};

/** A group's interval in one certificate. */
export type SettlementEntry = {
  ts: number;
  te: number;
  tx: string;
  items: ItemEntry[];
  keeperCut: bigint;
  keeperFee: bigint;
  /** What each keeper was credited, by keeper index; payees are listed even with 0. */
  shares: Record<string, bigint>;
};

export type EscrowEntry = { deposited: bigint; balance: bigint; withdrawn: bigint; credited: bigint };

export type GroupEntry = {
  address: string;
  payer: string;
  token: string;
  params: { lockup: number; keeperShareBps: number; keeperFee: bigint };
  providers: ProviderEntry[];
  settlements: SettlementEntry[];
  escrow: EscrowEntry;
};

export type DemoDocument = {
  rpc: string;
  chainId: number;
  committee: CommitteeEntry;
  rounds: RoundEntry[];
  groups: GroupEntry[];
  challenges: ChallengeEntry;
  ok: boolean;
};
