import { describe, expect, it, onTestFinished } from "vitest";
import { TypeormLedger } from "../../../../keeper/adapters/ledger-typeorm/index.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { Bookkeeper, finalBlocks } from "../../../../keeper/runtime/bookkeeper.ts";
import { systemClock } from "../../../../keeper/adapters/clock-system.ts";
import { CountedHistory, groupNumber } from "../../../support/counted-history.ts";

async function openLedger(): Promise<TypeormLedger> {
  const ledger = await TypeormLedger.open({ kind: "file", path: ":memory:" });
  onTestFinished(() => ledger.close());
  return ledger;
}

/** A bookkeeper as after a start of the keeper: it knows nothing but the ledger. */
function started(books: TypeormLedger, history: CountedHistory, served: readonly Hex[]): Bookkeeper {
  return new Bookkeeper(() => served, { books, history, clock: systemClock, onTrouble: failed });
}

function failed(scope: string, error: unknown): never {
  throw new Error(`${scope}: expected a pass without trouble`, { cause: error });
}

describe("the bookkeeper", () => {
  it("books the last settlement of a group that left while the keeper was down", async () => {
    const ledger = await openLedger();
    const history = new CountedHistory();
    const group = groupNumber(1);
    history.settle(group);
    await started(ledger, history, [group]).pass();
    expect(await ledger.countSettlements(group)).toBe(1);
    // The keeper is down: the group is settled for the last time and leaves the committee.
    history.settle(group);
    history.mine(5);
    const again = started(ledger, history, []);
    await again.pass();
    expect(await ledger.settlements(group, undefined, 10)).toEqual(history.paidTo(group).toReversed());
  });

  it("ends to follow a group that left, also after a restart, and begins again when it returns", async () => {
    const ledger = await openLedger();
    const history = new CountedHistory();
    const group = groupNumber(1);
    history.settle(group);
    await started(ledger, history, [group]).pass();
    const later = started(ledger, history, []);
    await later.pass();
    history.mine(finalBlocks);
    await later.pass();
    expect([...(await ledger.followed()).keys()]).toEqual([group]);
    history.mine();
    await later.pass();
    expect([...(await ledger.followed()).keys()]).toEqual([]);
    const through = (await ledger.cursor(group))?.block;
    for (const one of [later, started(ledger, history, [])]) {
      history.mine();
      await one.pass();
      expect((await ledger.cursor(group))?.block).toBe(through);
    }
    // Another committee settled it, then it came back: nothing is missing.
    history.settle(group);
    history.mine();
    await started(ledger, history, [group]).pass();
    expect([...(await ledger.followed()).keys()]).toEqual([group]);
    expect(await ledger.countSettlements(group)).toBe(2);
  });

  it("asks the chain as often for many groups without settlements as for few, but for two requests a hundred groups", async () => {
    const calls: number[] = [];
    for (const count of [200, 400]) {
      const ledger = await openLedger();
      const history = new CountedHistory();
      const groups = Array.from({ length: count }, (_, i) => groupNumber(i + 1));
      const bookkeeper = started(ledger, history, groups);
      await bookkeeper.pass();
      history.mine();
      history.calls = 0;
      await bookkeeper.pass();
      calls.push(history.calls);
      const head = await history.head();
      for (const cursor of (await ledger.followed()).values()) {
        expect(cursor).toEqual({ block: head.block, blockHash: head.blockHash });
      }
    }
    const [few, many] = calls as [number, number];
    // A hundred groups share one request for logs and the check of the block after it.
    expect(few).toBeLessThanOrEqual(2 + 2 * 2);
    expect(many).toBeLessThanOrEqual(2 + 2 * 4);
  });

  it("never asks for more blocks at once than endpoints answer, also for many groups after an outage", async () => {
    const ledger = await openLedger();
    const history = new CountedHistory();
    const bookkeeper = started(ledger, history, [groupNumber(1), groupNumber(2)]);
    await bookkeeper.pass();
    for (const blocks of [1_000, 1_001]) {
      history.mine(blocks);
      await bookkeeper.pass();
      const { block } = await history.head();
      expect((await ledger.cursor(groupNumber(2)))?.block).toBe(block);
    }
    expect(history.widest).toBe(1_000);
  });

  it("books the settlements of those groups that have one", async () => {
    const ledger = await openLedger();
    const history = new CountedHistory();
    const groups = Array.from({ length: 150 }, (_, i) => groupNumber(i + 1));
    const bookkeeper = started(ledger, history, groups);
    await bookkeeper.pass();
    history.settle(groupNumber(3), groupNumber(140));
    history.mine(3);
    history.settle(groupNumber(140));
    history.mine(2);
    await bookkeeper.pass();
    const counts = await Promise.all(groups.map((group) => ledger.countSettlements(group)));
    expect(counts.map((count, i) => [i + 1, count]).filter(([, count]) => count !== 0)).toEqual([
      [3, 1],
      [140, 2],
    ]);
    const { block } = await history.head();
    const cursors = [...(await ledger.followed()).values()];
    expect(cursors.map((cursor) => cursor.block)).toEqual(groups.map(() => block));
  });
});
