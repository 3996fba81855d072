/** Tables of the ledger. Bytes, money, gas and space-time are decimal text: exact in every database. */
import { EntitySchema } from "typeorm";
import type { EntitySchemaColumnOptions } from "typeorm";

export type ChallengeRow = {
  committee: string;
  group: string;
  provider: number;
  slot: number;
  outcome: string;
  reason: string | null;
  bytes: string;
  committed: string | null;
  at_ms: number;
};
/** Daily counts of challenges older than the retention. */
export type ChallengeDayRow = {
  group: string;
  provider: number;
  day: number;
  outcome: string;
  reason: string;
  count: number;
  bytes: string;
  committed: string;
};
export type ReasonRow = {
  /** Address of the committee or the group that the reason is about; empty: of the keeper itself. */
  contract: string;
  code: string;
  day: number;
  count: number;
  at_ms: number;
  detail: string;
};
export type PeerRow = { operator: string; connected: boolean; latency_ms: number | null; seen_ms: number };
export type SettlementRow = {
  group: string;
  ts: number;
  te: number;
  committee: string;
  version: number;
  leader: number;
  failed: string;
  payees: string;
  signers: string;
  digest: string;
  cut: string;
  fee: string;
  tx: string;
  block: number;
  blockHash: string;
};
export type ItemRow = {
  group: string;
  ts: number;
  provider: number;
  spaceTime: string;
  amount: string;
};
export type ShareRow = { group: string; ts: number; keeper: number; operator: string; amount: string };
export type TransactionRow = {
  group: string;
  ts: number;
  tx: string;
  block: number;
  blockHash: string;
  sender: string;
  gasUsed: string;
  gasPrice: string;
};
export type CursorRow = {
  group: string;
  block: number;
  blockHash: string;
  /** Block through which a group that left is booked for good; null: the group is followed. */
  finishedAt: number | null;
};

type Column = EntitySchemaColumnOptions;
const key = (column: Column): Column => ({ ...column, primary: true });
const whole: Column = { type: "integer" };
/** Milliseconds since 1970 do not fit an integer of PostgreSQL. */
const time: Column = { type: "double precision" };
const text = (length: number): Column => ({ type: "varchar", length });
const address = text(42);
const hash = text(66);
/** 2^256 has 78 digits. */
const amount = text(80);

export const Challenge = new EntitySchema<ChallengeRow>({
  name: "challenge",
  columns: {
    committee: key(address),
    group: key(address),
    provider: key(whole),
    slot: key(whole),
    outcome: text(16),
    reason: { ...text(32), nullable: true },
    bytes: text(40),
    committed: { ...text(40), nullable: true },
    at_ms: { ...time, default: 0 },
  },
  // Pages are read by slot; old rows are found by their time.
  indices: [
    { name: "challenge_slot", columns: ["committee", "group", "slot", "provider"] },
    { name: "challenge_at", columns: ["at_ms"] },
  ],
});

export const ChallengeDay = new EntitySchema<ChallengeDayRow>({
  name: "challenge_day",
  columns: {
    group: key(address),
    provider: key(whole),
    day: key(whole),
    outcome: key(text(16)),
    reason: key(text(32)),
    count: whole,
    bytes: { ...amount, default: "0" },
    committed: { ...amount, default: "0" },
  },
});

export const Reason = new EntitySchema<ReasonRow>({
  name: "reason",
  columns: {
    contract: key(address),
    code: key(text(40)),
    day: key(whole),
    count: whole,
    at_ms: time,
    detail: text(500),
  },
});

export const Peer = new EntitySchema<PeerRow>({
  name: "peer",
  columns: {
    operator: key(address),
    connected: { type: "boolean" },
    latency_ms: { ...time, nullable: true },
    seen_ms: time,
  },
});

export const SettlementEntity = new EntitySchema<SettlementRow>({
  name: "settlement",
  columns: {
    group: key(address),
    ts: key(whole),
    te: whole,
    committee: address,
    version: whole,
    leader: whole,
    failed: amount,
    payees: amount,
    signers: amount,
    digest: hash,
    cut: amount,
    fee: amount,
    tx: hash,
    block: whole,
    blockHash: hash,
  },
});

export const ItemEntity = new EntitySchema<ItemRow>({
  name: "item",
  columns: {
    group: key(address),
    ts: key(whole),
    provider: key(whole),
    spaceTime: amount,
    amount,
  },
});

export const ShareEntity = new EntitySchema<ShareRow>({
  name: "share",
  columns: { group: key(address), ts: key(whole), keeper: key(whole), operator: address, amount },
});

/** One transaction may settle several groups, or one group several times. */
export const TransactionEntity = new EntitySchema<TransactionRow>({
  name: "transaction",
  columns: {
    group: key(address),
    ts: key(whole),
    tx: hash,
    block: whole,
    blockHash: hash,
    sender: address,
    gasUsed: amount,
    gasPrice: amount,
  },
});

export const CursorEntity = new EntitySchema<CursorRow>({
  name: "cursor",
  columns: { group: key(address), block: whole, blockHash: hash, finishedAt: { ...whole, nullable: true } },
});

/** Tables with data of the chain only. A rebuild empties and reads them again. */
export const chainEntities = [SettlementEntity, ItemEntity, ShareEntity, TransactionEntity];
/** Tables with data that only this keeper has. A rebuild keeps them. */
const localEntities = [Challenge, ChallengeDay, Reason, Peer];
export const entities = [...chainEntities, ...localEntities, CursorEntity];
