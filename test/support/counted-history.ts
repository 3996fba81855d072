/** A chain with the settlements of many groups, which counts the requests to it. */
import { defaultFeeLimits } from "../../protocol/fees.ts";
import type { AccountFees } from "../../protocol/funds.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort } from "../../keeper/ports/history.ts";
import type { BookedSettlement } from "../../keeper/ports/ledger.ts";
import { hashOf } from "./records.ts";

export const groupNumber = (number: number): Hex => `0x${number.toString(16).padStart(40, "0")}`;

/** One settlement of a group: two providers, one paid keeper. */
export function settlementOf(group: Hex, ts: number, block: number, blockHash: Hex): BookedSettlement {
  const operator: Hex = `0x${"0e".repeat(20)}`;
  return {
    group,
    ts,
    te: block,
    committee: group,
    version: 1,
    leader: 0,
    failed: 0n,
    payees: 1n,
    signers: 7n,
    digest: blockHash,
    cut: 1n,
    fee: 0n,
    transaction: { tx: blockHash, block, blockHash, sender: operator, gasUsed: 1n, gasPrice: 1n },
    items: [0, 3].map((provider) => ({ provider, spaceTime: 8n, amount: 7n })),
    shares: [{ keeper: 0, operator, amount: 1n }],
  };
}

export class CountedHistory implements HistoryPort {
  readonly errors = 0;
  calls = 0;
  /** Most blocks in one request for settlements. */
  widest = 0;
  #blocks: Hex[] = [];
  readonly #paid: BookedSettlement[] = [];
  readonly #asked: Hex[] = [];
  /** Groups whose funds were asked for, in order. */
  readonly fundsAsked: readonly Hex[] = this.#asked;

  constructor(blocks = 10) {
    this.mine(blocks);
  }

  mine(blocks = 1): void {
    for (let i = 0; i < blocks; i++) this.#blocks.push(hashOf(this.#blocks.length));
  }

  /** Mines a block that settles these groups. */
  settle(...groups: readonly Hex[]): void {
    this.mine();
    const block = this.#blocks.length - 1;
    for (const group of groups) {
      const ts = this.#paid.findLast((one) => one.group === group)?.te ?? 0;
      this.#paid.push(settlementOf(group, ts, block, this.#blocks[block] as Hex));
    }
  }

  paidTo(group: Hex): BookedSettlement[] {
    return this.#paid.filter((one) => one.group === group);
  }

  async head(): Promise<HeadInfo> {
    this.calls++;
    const block = this.#blocks.length - 1;
    return { block, blockHash: this.#blocks[block] as Hex, timestamp_s: block };
  }

  async blockTime_s(block: number): Promise<number | undefined> {
    this.calls++;
    return block < this.#blocks.length ? block : undefined;
  }

  async blockHash(block: number): Promise<Hex | undefined> {
    this.calls++;
    return this.#blocks[block];
  }

  async origin(): Promise<number> {
    return 1;
  }

  async settlements(group: Hex, from: number, to: number): Promise<BookedSettlement[]> {
    this.calls++;
    this.widest = Math.max(this.widest, to - from + 1);
    return this.paidTo(group).filter(({ te }) => te >= from && te <= to);
  }

  async settled(groups: readonly Hex[], from: number, to: number): Promise<ReadonlySet<Hex>> {
    this.calls++;
    this.widest = Math.max(this.widest, to - from + 1);
    const paid = this.#paid.filter(({ te }) => te >= from && te <= to);
    return new Set(paid.map(({ group }) => group).filter((group) => groups.includes(group)));
  }

  async groupFunds(group: Hex): Promise<GroupFunds> {
    this.calls++;
    this.#asked.push(group);
    const token = { address: undefined, symbol: "coin", decimals: 18 };
    return { token, available: 5n, arrears: 0n, required: 3n, lockup: 200 };
  }

  async operatorFunds(): Promise<AccountFees> {
    this.calls++;
    const market = { base: 1n, nextBase: 1n, tip: 1n };
    return { balance: 10n ** 18n, market, limits: defaultFeeLimits, l1Fee: 0n };
  }

  close(): void {}
}
