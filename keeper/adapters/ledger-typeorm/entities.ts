/** Tables of the ledger. Bytes, money and space-time are decimal text: exact in every database. */
import { EntitySchema } from "typeorm";

export type ChallengeRow = {
  group: string;
  provider: number;
  slot: number;
  outcome: "proven" | "failed";
  reason: string | null;
  bytes: string;
};

export type SettlementRow = {
  group: string;
  ts: number;
  te: number;
  leader: number;
  failed: string;
  payees: string;
  signers: string;
  tx: string;
  block: number;
  gasUsed: string;
};

export type ItemRow = { group: string; ts: number; provider: number; spaceTime: string };

export const Challenge = new EntitySchema<ChallengeRow>({
  name: "challenge",
  columns: {
    group: { type: "varchar", length: 42, primary: true },
    provider: { type: "integer", primary: true },
    slot: { type: "integer", primary: true },
    outcome: { type: "varchar", length: 16 },
    reason: { type: "varchar", length: 32, nullable: true },
    bytes: { type: "varchar", length: 40 },
  },
});

export const SettlementEntity = new EntitySchema<SettlementRow>({
  name: "settlement",
  columns: {
    group: { type: "varchar", length: 42, primary: true },
    ts: { type: "integer", primary: true },
    te: { type: "integer" },
    leader: { type: "integer" },
    failed: { type: "varchar", length: 80 },
    payees: { type: "varchar", length: 80 },
    signers: { type: "varchar", length: 80 },
    tx: { type: "varchar", length: 66 },
    block: { type: "integer" },
    gasUsed: { type: "varchar", length: 40 },
  },
});

export const ItemEntity = new EntitySchema<ItemRow>({
  name: "item",
  columns: {
    group: { type: "varchar", length: 42, primary: true },
    ts: { type: "integer", primary: true },
    provider: { type: "integer", primary: true },
    spaceTime: { type: "varchar", length: 40 },
  },
});

export const entities = [Challenge, SettlementEntity, ItemEntity];
