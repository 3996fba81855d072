/** R9, R12, R13: challenges of a provider that serves several groups of a committee. */
import { describe, expect, it } from "vitest";
import { maxTargets, refusal } from "../../../../protocol/codec/challenge.ts";
import type { ChallengeTarget } from "../../../../keeper/core/effects.ts";
import type { Answer } from "../../../../keeper/core/events.ts";
import { keccakWords } from "../../../../protocol/hash.ts";
import { pageQueue } from "../../../../protocol/limits/derived.ts";
import type { ProviderClient } from "../../../../keeper/ports/provider.ts";
import { World } from "../../../../sim/world.ts";
import { groupOf } from "../../../support/machine.ts";
import {
  list,
  provider,
  committee,
  effectOf,
  challengerWith,
  keepTime,
} from "../../../support/challenging.ts";

describe("a provider of several groups (R9, R12)", () => {
  const groups = Array.from({ length: maxTargets + 6 }, (_, i) =>
    groupOf(i + 1, [provider(0)], { address: `0x${(i + 1).toString(16).padStart(40, "0")}` }),
  );
  const all = groups.map(({ number }) => number);

  /** Answers each call; a group whose number `isBusy` names is refused as busy. */
  async function play(isBusy: (group: number, call: number) => boolean, counts = true) {
    const world = new World(1);
    const asked: number[][] = [];
    const client: ProviderClient = {
      challenge: async (_target, { targets }) => {
        const numbers = targets.map(({ group }) => Number.parseInt(group, 16));
        const call = asked.push(numbers);
        const answers = numbers.map((number) =>
          isBusy(number, call) ? refusal("busy", "later") : refusal("no-data", "gone"),
        );
        return { ok: true, answers };
      },
      pieceList: async () => ({ ok: true, list }),
    };
    const challenger = challengerWith(world, [], client);
    const answers = new Map<number, Answer>();
    let over = false;
    keepTime(world);
    const asking = {
      signal: new AbortController().signal,
      counts: () => counts,
      onUnreachable: () => undefined,
      onAnswer: ({ group }: ChallengeTarget, answer: Answer) => void answers.set(group, answer),
    };
    void challenger.ask({ ...committee, groups }, effectOf(0, all), asking).then(() => (over = true));
    await world.run(() => over);
    return { asked, answers };
  }

  it("is asked about as many groups in one message as it holds, and about the rest in further ones", async () => {
    const { asked, answers } = await play(() => false);
    expect(asked.map(({ length }) => length)).toEqual([maxTargets, 6]);
    expect(asked.flat()).toEqual(all);
    expect([...answers.keys()].sort((a, b) => a - b)).toEqual(all);
    expect(
      new Set([...answers.values()].map((one) => (one.kind === "failed" ? one.reason : one.kind))),
    ).toEqual(new Set(["refused"]));
  });

  it("is asked for no more lists at once than it makes for one peer, so that none is refused as busy (R10, R13)", async () => {
    const world = new World(1);
    let [running, most] = [0, 0];
    const client: ProviderClient = {
      challenge: async (_target, { targets }) => {
        return { ok: true, answers: targets.map(() => refusal("no-data", "gone")) };
      },
      pieceList: async () => {
        most = Math.max(most, ++running);
        await world.sleep(10);
        const isBusy = running > pageQueue.perPeer;
        running--;
        return isBusy
          ? { ok: false, reason: "refused", refusal: "busy", detail: "later" }
          : { ok: true, list };
      },
    };
    const challenger = challengerWith(world, [], client);
    let answers: readonly Answer[] | undefined;
    keepTime(world);
    // Every group has a list of its own.
    const own = groups.map((group, i) => {
      const history = provider(0).history.map((point) => ({ ...point, listRoot: keccakWords(i) }));
      return { ...group, providers: [{ ...provider(0), history }] };
    });
    const found: Answer[] = [];
    const asking = {
      signal: new AbortController().signal,
      counts: () => false,
      onUnreachable: () => undefined,
      onAnswer: (_target: ChallengeTarget, answer: Answer) => void found.push(answer),
    };
    void challenger
      .ask({ ...committee, groups: own }, effectOf(0, all), asking)
      .then(() => (answers = found));
    await world.run(() => answers !== undefined);
    const reasons = new Set(answers?.map((one) => (one.kind === "failed" ? one.reason : one.kind)));
    expect({ most, reasons: [...reasons] }).toEqual({ most: pageQueue.perPeer, reasons: ["refused"] });
  });

  it("is heard about the groups of one message before the next one is asked: a slow message makes no other late (R13)", async () => {
    const world = new World(1);
    const heard: number[] = [];
    const client: ProviderClient = {
      challenge: async (_target, { targets }) => {
        if (heard.length > 0) await new Promise(() => undefined);
        return { ok: true, answers: targets.map(() => refusal("no-data", "gone")) };
      },
      pieceList: async () => ({ ok: true, list }),
    };
    keepTime(world);
    void challengerWith(world, [], client).ask({ ...committee, groups }, effectOf(0, all), {
      signal: new AbortController().signal,
      counts: () => true,
      onUnreachable: () => undefined,
      onAnswer: ({ group }) => void heard.push(group),
    });
    await world.run(() => heard.length > 0);
    expect(heard).toEqual(all.slice(0, maxTargets));
  });

  it("is asked again about those groups alone for which it was busy", async () => {
    const { asked, answers } = await play((group, call) => group === 3 && call < 4);
    expect(asked.slice(2)).toEqual([[3], [3]]);
    expect(answers.size).toBe(all.length);
  });
});
