/** Which provider is named because it gives no answer: one that stalls, never one that is only slow. */
import { expect, it } from "vitest";
import { AnswerTimes, silences } from "../../../../cli/store/answer-times.ts";

const least_ms = 2_000;

/** Providers on one clock. */
class Clock {
  now_ms = 0;

  provider(): AnswerTimes {
    return new AnswerTimes(() => this.now_ms);
  }

  /** Requests that are answered one after another. */
  async answers(one: AnswerTimes, ...times_ms: readonly number[]): Promise<void> {
    for (const took_ms of times_ms) {
      const answer = Promise.withResolvers<void>();
      const asked = one.of(answer.promise);
      this.now_ms += took_ms;
      answer.resolve();
      await asked;
    }
  }
}

/** A request without an answer. */
function asks(one: AnswerTimes): void {
  void one.of(new Promise(() => undefined));
}

it("a provider that gives no answer while others do is named, with the time since its last answer", async () => {
  const clock = new Clock();
  const [stalled, other] = [clock.provider(), clock.provider()];
  await clock.answers(stalled, 300, 300);
  asks(stalled);
  asks(stalled);
  await clock.answers(other, 300, 300, 300, 1_200);
  expect(silences([stalled, other], least_ms)).toEqual([2_100, undefined]);
});

it("a provider that never answered is named, with the time since the first request", async () => {
  const clock = new Clock();
  const [stalled, other] = [clock.provider(), clock.provider()];
  asks(stalled);
  await clock.answers(other, 100, 100, 1_900);
  asks(stalled);
  expect(silences([stalled, other], least_ms)).toEqual([2_100, undefined]);
});

it("a slow provider that answers as slowly as before is not named", async () => {
  const clock = new Clock();
  const [slow, other] = [clock.provider(), clock.provider()];
  await clock.answers(slow, 5_000, 6_000);
  asks(slow);
  await clock.answers(other, 100, 100, 9_000, 9_000);
  expect(silences([slow, other], least_ms)).toEqual([undefined, undefined]);
});

it("a provider without a waiting request is not named, however long ago it answered", async () => {
  const clock = new Clock();
  const [first, failed, other] = [clock.provider(), clock.provider(), clock.provider()];
  await clock.answers(first, 100);
  await failed.of(Promise.reject(new Error("the connection ended"))).catch(() => undefined);
  await clock.answers(other, 100, 100, 9_000);
  expect(silences([first, failed, other], least_ms)).toEqual([undefined, undefined, undefined]);
});
