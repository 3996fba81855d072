/** The ledger always converges to the chain's settlements and never mixes two branches, under random reorgs and endpoint faults. */
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { HeadInfo, HistoryPort } from "../../keeper/ports/history.ts";
import type { BookedSettlement, BooksPort, Cursor } from "../../keeper/ports/ledger.ts";
import { Bookkeeper } from "../../keeper/runtime/bookkeeper.ts";
import { settlementOf } from "../support/counted-history.ts";
import { hashOf } from "../support/records.ts";

const group: Hex = `0x${"2e".repeat(20)}`;
/** Is settled in the same blocks, so the cursors of both move together where neither is settled. */
const twin: Hex = `0x${"2f".repeat(20)}`;
const origin = 5;

type Block = { readonly number: number; readonly hash: Hex; readonly paid: BookedSettlement | undefined };

/** A chain with reorgs behind an endpoint that lags and fails; a reorg may happen between two calls. */
class Chain implements HistoryPort {
  readonly errors = 0;
  blocks: Block[] = [];
  /** Number of newest blocks that the endpoint hides. */
  lag = 0;
  /** Calls until the next failure, or until `between` runs. */
  failIn = -1;
  between: { in: number; what: () => void } | undefined;
  #made = 0;

  constructor() {
    for (let i = 0; i <= origin; i++) this.extend(false);
  }

  extend(pays: boolean): void {
    const number = this.blocks.length;
    const hash = hashOf(1_000_000 + this.#made++);
    const last = this.blocks.findLast(({ paid }) => paid !== undefined)?.paid;
    const ts = last?.te ?? origin;
    this.blocks.push({
      number,
      hash,
      paid: pays && number > ts ? settlementOf(group, ts, number, hash) : undefined,
    });
  }

  reorg(depth: number, pays: readonly boolean[]): void {
    const kept = Math.max(origin + 1, this.blocks.length - depth);
    this.blocks = this.blocks.slice(0, kept);
    for (const one of pays) this.extend(one);
    if (this.blocks.length === kept) this.extend(false);
  }

  #call(): readonly Block[] {
    if (this.between !== undefined && this.between.in-- === 0) {
      this.between.what();
      this.between = undefined;
    }
    if (this.failIn-- === 0) throw new Error("no answer");
    return this.blocks.slice(0, Math.max(origin + 1, this.blocks.length - this.lag));
  }

  async head(): Promise<HeadInfo> {
    const { number, hash } = this.#call().at(-1) as Block;
    return { block: number, blockHash: hash, timestamp_s: number };
  }
  async blockTime_s(block: number): Promise<number | undefined> {
    return block;
  }
  async blockHash(block: number): Promise<Hex | undefined> {
    return this.#call()[block]?.hash;
  }
  async origin(): Promise<number> {
    return origin;
  }
  async settlements(of: Hex, from: number, to: number): Promise<BookedSettlement[]> {
    return this.#call()
      .slice(from, to + 1)
      .flatMap(({ paid }) => (paid === undefined ? [] : { ...paid, group: of }));
  }
  async settled(groups: readonly Hex[], from: number, to: number): Promise<ReadonlySet<Hex>> {
    const paid = (await this.settlements(group, from, to)).length > 0;
    return new Set(paid ? groups : []);
  }
  groupFunds(): never {
    throw new Error("not asked for here");
  }
  operatorFunds(): never {
    throw new Error("not asked for here");
  }
  close(): void {}
}

const pays = fc.array(fc.boolean(), { maxLength: 6 });
const step = fc.oneof(
  fc.record({ kind: fc.constant("extend" as const), pays }),
  fc.record({ kind: fc.constant("reorg" as const), depth: fc.integer({ min: 1, max: 12 }), pays }),
  fc.record({
    kind: fc.constant("reorg-between" as const),
    calls: fc.nat(8),
    depth: fc.integer({ min: 1, max: 12 }),
    pays,
  }),
  fc.record({ kind: fc.constant("lag" as const), blocks: fc.nat(8) }),
  fc.record({ kind: fc.constant("fail" as const), calls: fc.nat(8) }),
  fc.record({ kind: fc.constant("rebuild" as const) }),
);

/** Settlements of the ledger: each begins at the end of the previous one, so branches are not mixed. */
async function coherent(books: BooksPort, of = group): Promise<BookedSettlement[]> {
  const booked = (await books.settlements(of, undefined, 1_000)).toReversed();
  let ts = origin;
  for (const one of booked) {
    expect(one.ts).toBe(ts);
    ts = one.te;
  }
  return booked;
}

it("ends with exactly the settlements of the chain, after any reorgs, lags, failures and rebuilds", async () => {
  const seen = { passes: 0, moved: 0, failed: 0, taken: 0, together: 0 };
  const ledger = await TypeormLedger.open({ kind: "file", path: ":memory:" });
  onTestFinished(() => ledger.close());
  const game = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
    for (const one of [group, twin]) {
      await ledger.rewind(one, { from: await ledger.cursor(one), to: undefined });
    }
    const chain = new Chain();
    const onTrouble = (): void => void seen.failed++;
    const keeper = new Bookkeeper(() => [group, twin], {
      books: ledger,
      history: chain,
      clock: systemClock,
      onTrouble,
    });
    for (const one of steps) {
      if (one.kind === "extend") for (const pay of one.pays) chain.extend(pay);
      if (one.kind === "reorg") chain.reorg(one.depth, one.pays);
      if (one.kind === "reorg-between")
        chain.between = { in: one.calls, what: () => chain.reorg(one.depth, one.pays) };
      if (one.kind === "lag") chain.lag = one.blocks;
      if (one.kind === "fail") chain.failIn = one.calls;
      if (one.kind === "rebuild") {
        const cursor: Cursor | undefined = await ledger.cursor(group);
        await ledger.rewind(group, { from: cursor, to: undefined });
      }
      const before = (await coherent(ledger)).length;
      seen.passes++;
      if (seen.passes % 2 === 0) {
        await keeper.catchUp(group).then(
          (done) => (seen.moved += done ? 0 : 1),
          () => seen.failed++,
        );
      } else {
        await keeper.pass().catch(() => seen.failed++);
        const [one, other] = [await ledger.cursor(group), await ledger.cursor(twin)];
        if (one !== undefined && one.blockHash === other?.blockHash) seen.together++;
      }
      await coherent(ledger, twin);
      if ((await coherent(ledger)).length < before) seen.taken++;
    }
    chain.lag = 0;
    chain.failIn = -1;
    chain.between = undefined;
    // The chain continues and becomes longer than every earlier branch.
    for (let i = 0; i < 200; i++) chain.extend(i % 50 === 49);
    for (let tries = 0; !(await keeper.catchUp(group)); tries++) expect(tries).toBeLessThan(3);
    while ((await ledger.cursor(twin))?.block !== chain.blocks.length - 1) await keeper.pass();
    const paid = chain.blocks.flatMap((block) => block.paid ?? []);
    expect(await coherent(ledger)).toEqual(paid);
    expect(await coherent(ledger, twin)).toEqual(paid.map((one) => ({ ...one, group: twin })));
    expect(await ledger.cursor(group)).toEqual({
      block: chain.blocks.length - 1,
      blockHash: chain.blocks.at(-1)?.hash,
    });
  });
  // A reorg removes a settlement about 11 times in 60 runs; in 200 runs five or fewer are practically impossible.
  await fc.assert(game, { numRuns: 200 });
  // Without these events the property would be vacuous.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
});
