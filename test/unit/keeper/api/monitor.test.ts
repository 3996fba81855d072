import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../../keeper/adapters/clock-system.ts";
import { TypeormLedger } from "../../../../keeper/adapters/ledger-typeorm/index.ts";
import { fundsEachPass, Monitor } from "../../../../keeper/api/monitor.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { CountedHistory, groupNumber } from "../../../support/counted-history.ts";

type Watched = {
  readonly monitor: Monitor;
  readonly history: CountedHistory;
  readonly passes: () => Promise<void>;
};

async function watch(groups: () => readonly Hex[]): Promise<Watched> {
  const books = await TypeormLedger.open({ kind: "file", path: ":memory:" });
  const history = new CountedHistory();
  const monitor = new Monitor(
    { operator: groupNumber(9), groups, dataDir: ".", rpc: [], largest: () => ({ groups: 1, providers: 1 }) },
    {
      history,
      books,
      peers: { latencies_ms: async () => new Map() },
      clock: systemClock,
      pace: { look: () => ({ block: 1, age_s: 0, limit_s: 10, isOld: false }) },
      onHead: () => undefined,
    },
  );
  onTestFinished(() => books.close());
  return {
    monitor,
    history,
    /** Four passes, after which everything was measured at least once. */
    passes: async () => {
      const stop = new AbortController();
      let left = 4;
      await monitor.run(1, stop.signal, () => {
        if (--left === 0) stop.abort();
      });
    },
  };
}

describe("the monitor", () => {
  it("asks for the funds of a bounded number of groups a pass, and for those of all groups in turn", async () => {
    const groups = Array.from({ length: 1_000 }, (_, i) => groupNumber(i + 1));
    const { monitor, history, passes } = await watch(() => groups);
    await passes();
    const first = history.calls;
    expect(first).toBeLessThanOrEqual(4 * (fundsEachPass + 6));
    let rounds = 1;
    while (monitor.now.funds.size < groups.length) {
      await passes();
      expect(++rounds).toBeLessThan(40);
    }
    // None is asked a second time before all were asked once.
    expect(new Set(history.fundsAsked.slice(0, groups.length)).size).toBe(groups.length);
    expect(Math.ceil(groups.length / (4 * fundsEachPass))).toBe(rounds);
  });

  it("asks for the funds of few groups in every fourth pass", async () => {
    const { history, passes } = await watch(() => [groupNumber(1), groupNumber(2)]);
    await passes();
    expect(history.fundsAsked).toEqual([groupNumber(1), groupNumber(2)]);
    await passes();
    expect(history.fundsAsked).toHaveLength(4);
  });

  it("forgets groups that left", async () => {
    let groups = [groupNumber(1), groupNumber(2)];
    const { monitor, passes } = await watch(() => groups);
    await passes();
    expect([...monitor.now.funds.keys()]).toEqual(groups);
    groups = [groupNumber(2)];
    await passes();
    await sleep(1);
    expect([...monitor.now.funds.keys()]).toEqual(groups);
  });
});
