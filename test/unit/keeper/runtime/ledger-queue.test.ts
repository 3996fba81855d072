import { describe, expect, it } from "vitest";
import type { ReasonCode } from "../../../../protocol/reasons.ts";
import type { ClockPort } from "../../../../keeper/ports/clock.ts";
import type { ChallengeOf, ReasonEntry } from "../../../../keeper/ports/ledger.ts";
import { LedgerQueue, maxQueuedRows } from "../../../../keeper/runtime/ledger-queue.ts";
import { provenRecord, storeGroup, storeServed } from "../../../support/records.ts";

const day_ms = 86_400_000;

/** A clock whose sleeps end when the test ends them. */
class Clock implements ClockPort {
  now = 10 * day_ms;
  readonly slept: number[] = [];
  #wake: () => void = () => undefined;
  now_ms = (): number => this.now;
  entropy = (): `0x${string}` => "0x";
  sleep = (delay_ms: number, signal?: AbortSignal): Promise<void> => {
    this.slept.push(delay_ms);
    return new Promise((done) => {
      this.#wake = done;
      signal?.addEventListener("abort", () => done(), { once: true });
      if (signal?.aborted === true) done();
    });
  };
  wake(): void {
    this.#wake();
  }
}

/** A database of the test that fails a given number of times. */
class Sink {
  readonly challenges: ChallengeOf[] = [];
  readonly reasons: ReasonEntry[] = [];
  failures = 0;
  #check(): void {
    if (this.failures-- > 0) throw new Error("no database");
    this.failures = 0;
  }
  async addChallenges(rows: readonly ChallengeOf[]): Promise<void> {
    this.#check();
    this.challenges.push(...rows);
  }
  async addReasons(rows: readonly ReasonEntry[]): Promise<void> {
    this.#check();
    this.reasons.push(...rows);
  }
}

type Scene = {
  readonly clock: Clock;
  readonly sink: Sink;
  readonly queue: LedgerQueue;
  readonly troubles: ReasonCode[];
};

function scene(): Scene {
  const clock = new Clock();
  const sink = new Sink();
  const troubles: ReasonCode[] = [];
  return { clock, sink, troubles, queue: new LedgerQueue(sink, clock, (code) => troubles.push(code)) };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((next) => setImmediate(next));
};

describe("the ledger queue", () => {
  it("never blocks its caller, and writes in the order of arrival", async () => {
    const { queue, sink } = scene();
    const stop = new AbortController();
    for (let slot = 0; slot < 600; slot++) queue.addChallenge(storeServed, provenRecord(slot), 2n ** 71n);
    expect(queue.length).toBe(600);
    const running = queue.run(stop.signal);
    await turns();
    expect(sink.challenges.map(({ record }) => record.slot)).toEqual(
      Array.from({ length: 600 }, (_, i) => i),
    );
    queue.addChallenge(storeServed, provenRecord(600), 2n ** 71n);
    await turns();
    expect(sink.challenges).toHaveLength(601);
    stop.abort();
    await running;
  });

  it("repeats failed writes with growing pauses and loses no row", async () => {
    const { clock, queue, sink, troubles } = scene();
    sink.failures = 3;
    queue.addChallenge(storeServed, provenRecord(1), 2n ** 71n);
    const stop = new AbortController();
    const running = queue.run(stop.signal);
    for (let i = 0; i < 3; i++) {
      await turns();
      clock.wake();
    }
    await turns();
    expect(clock.slept).toEqual([1_000, 2_000, 4_000]);
    expect(troubles).toEqual(["ledger-failed", "ledger-failed", "ledger-failed"]);
    expect(sink.challenges).toHaveLength(1);
    stop.abort();
    await running;
  });

  it("holds a bounded number of rows, and reports the first dropped one", async () => {
    const { queue, sink, troubles } = scene();
    for (let slot = 0; slot < maxQueuedRows + 5; slot++)
      queue.addChallenge(storeServed, provenRecord(slot), 2n ** 71n);
    expect(queue.length).toBe(maxQueuedRows);
    expect(troubles).toEqual(["ledger-overflow"]);
    const stop = new AbortController();
    const running = queue.run(stop.signal);
    await turns();
    await turns();
    await turns();
    expect(sink.challenges).toHaveLength(maxQueuedRows);
    stop.abort();
    await running;
  });

  it("writes one row for equal reasons of a day, for any number of them", async () => {
    const { clock, queue, sink } = scene();
    for (let i = 0; i < 5_000; i++) queue.addReason(storeGroup, "wire-flood", `of ${i}`);
    clock.now += day_ms;
    queue.addReason(storeGroup, "wire-flood", "next day");
    const stop = new AbortController();
    const running = queue.run(stop.signal);
    await turns();
    expect(sink.reasons.map(({ day, count, detail }) => [day, count, detail])).toEqual([
      [10, 5_000, "of 4999"],
      [11, 1, "next day"],
    ]);
    queue.addReason(storeGroup, "wire-flood", "once more");
    await turns();
    expect(sink.reasons.at(-1)).toMatchObject({ day: 11, count: 1, detail: "once more" });
    stop.abort();
    await running;
  });

  it("writes the remaining rows when it stops, and does not wait for a failing database", async () => {
    const whole = scene();
    whole.queue.addChallenge(storeServed, provenRecord(1), 2n ** 71n);
    await whole.queue.run(AbortSignal.abort());
    expect(whole.sink.challenges).toHaveLength(1);
    const away = scene();
    away.sink.failures = 99;
    away.queue.addChallenge(storeServed, provenRecord(1), 2n ** 71n);
    await away.queue.run(AbortSignal.abort());
    expect(away.sink.challenges).toEqual([]);
  });
});
