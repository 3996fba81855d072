/** Settlements as rows and back. */
import type { Hex } from "../../../protocol/hash.ts";
import type { BookedSettlement } from "../../ports/ledger.ts";
import type { ItemRow, SettlementRow, ShareRow, TransactionRow } from "./entities.ts";

export type SettlementRows = {
  readonly settlement: SettlementRow;
  readonly transaction: TransactionRow;
  readonly items: readonly ItemRow[];
  readonly shares: readonly ShareRow[];
};

export function rowsOf(booked: BookedSettlement): SettlementRows {
  const { group, ts, te, committee, version, leader, digest, transaction } = booked;
  const { tx, block, blockHash, sender } = transaction;
  const of = { group, ts };
  return {
    settlement: {
      ...of,
      te,
      committee,
      version,
      leader,
      failed: booked.failed.toString(),
      payees: booked.payees.toString(),
      signers: booked.signers.toString(),
      digest,
      cut: booked.cut.toString(),
      fee: booked.fee.toString(),
      tx,
      block,
      blockHash,
    },
    transaction: {
      ...of,
      tx,
      block,
      blockHash,
      sender,
      gasUsed: transaction.gasUsed.toString(),
      gasPrice: transaction.gasPrice.toString(),
    },
    items: booked.items.map(({ provider, spaceTime, amount }) => ({
      ...of,
      provider,
      spaceTime: spaceTime.toString(),
      amount: amount.toString(),
    })),
    shares: booked.shares.map((share) => ({ ...of, ...share, amount: share.amount.toString() })),
  };
}

export function settlementOf(rows: SettlementRows): BookedSettlement {
  const { settlement, transaction, items, shares } = rows;
  return {
    group: settlement.group as Hex,
    ts: settlement.ts,
    te: settlement.te,
    committee: settlement.committee as Hex,
    version: settlement.version,
    leader: settlement.leader,
    failed: BigInt(settlement.failed),
    payees: BigInt(settlement.payees),
    signers: BigInt(settlement.signers),
    digest: settlement.digest as Hex,
    cut: BigInt(settlement.cut),
    fee: BigInt(settlement.fee),
    transaction: {
      tx: transaction.tx as Hex,
      block: transaction.block,
      blockHash: transaction.blockHash as Hex,
      sender: transaction.sender as Hex,
      gasUsed: BigInt(transaction.gasUsed),
      gasPrice: BigInt(transaction.gasPrice),
    },
    items: items.map((item) => ({
      provider: item.provider,
      spaceTime: BigInt(item.spaceTime),
      amount: BigInt(item.amount),
    })),
    shares: shares.map(({ keeper, operator, amount }) => ({
      keeper,
      operator: operator as Hex,
      amount: BigInt(amount),
    })),
  };
}
