/** Settlements of a fleet as tests compare them: bitmaps as lists of indices. */
import type { Log } from "ethers";
import { decodeSettledLog } from "../../../client/settlements.ts";
import { bitIndices } from "../../../protocol/bitmap.ts";

export type Settled = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  readonly leader: number;
  readonly block: number;
  readonly tx: string;
  readonly failed: readonly number[];
  readonly payees: readonly number[];
  readonly signers: readonly number[];
};

export function settledFrom(log: Log, params: { readonly interval: number; readonly turn: number }): Settled {
  const { ts, te, leader, failed, payees, signers } = decodeSettledLog(log);
  const turn = (te - ts - params.interval) / params.turn + 1;
  const lists = { failed: bitIndices(failed), payees: bitIndices(payees), signers: bitIndices(signers) };
  return { ts, te, turn, leader, block: log.blockNumber, tx: log.transactionHash, ...lists };
}
