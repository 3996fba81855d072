/** R10, R12, R13: challenges with repeated attempts, and piece lists from providers and keepers. */
import { describe, expect, it } from "vitest";
import { encodePiecesRequest, maxPagePieces } from "../../../../protocol/codec/challenge.ts";
import type { ProviderClient } from "../../../../keeper/ports/provider.ts";
import { operatorOf } from "../../../../sim/signatures/cheap-signatures.ts";
import { MemoryStore } from "../../../../sim/keepers/memory-store.ts";
import { World } from "../../../../sim/world.ts";
import { groupAddress } from "../../../support/machine.ts";
import {
  list,
  listRoot,
  withOtherData,
  committee,
  effectOf,
  ask,
  honest,
  dripping,
  onePiece,
  challengerWith,
  keepTime,
  nobody,
  type Holder,
} from "../../../support/challenging.ts";

describe("the piece list for another keeper's proof", () => {
  it.each([
    ["sends its pages slowly", dripping, 8_000],
    ["sends one piece in each page", onePiece, 0],
  ] as const)("comes from the next holder if one %s", async (_name, slow, longest_ms) => {
    const world = new World(1);
    const asked: number[] = [];
    const counted: Holder = (bytes, w) => {
      asked.push(w.now_ms);
      return slow(bytes, w);
    };
    const challenger = challengerWith(world, [honest, counted, honest], nobody);
    let found: unknown;
    const { signal } = new AbortController();
    void challenger
      .pieceList(committee, { group: 1, provider: 0, slot: 3 }, [operatorOf(1), operatorOf(2)], signal)
      .then((value) => (found = value));
    keepTime(world);
    await world.run(() => found !== undefined);
    expect(found).toEqual(list);
    expect(asked).toHaveLength(1);
    expect(world.now_ms).toBeLessThanOrEqual(longest_ms === 0 ? 60_000 : longest_ms);
  });
});

describe("a provider that withholds its piece list from one keeper", () => {
  const refusing: ProviderClient = {
    challenge: async () => ({ ok: false, reason: "late", detail: "far enough" }),
    pieceList: async () => ({ ok: false, reason: "refused", detail: "not for you" }),
  };
  const effect = effectOf(0);

  async function reasonWith(holders: readonly Holder[], store?: MemoryStore): Promise<unknown> {
    const world = new World(1);
    const challenger = challengerWith(world, holders, refusing, store);
    let answer: unknown;
    void ask(challenger, effect).then(({ answers }) => (answer = answers.get(1)));
    keepTime(world);
    await world.run(() => answer !== undefined);
    return answer;
  }

  it("is challenged with the list that another keeper serves (R10)", async () => {
    const silent: Holder = async () => undefined;
    expect(await reasonWith([silent, onePiece, silent, honest])).toEqual({ kind: "failed", reason: "late" });
    expect(await reasonWith([silent, silent, silent, silent])).toEqual({
      kind: "failed",
      reason: "unreachable",
    });
  });

  it("is challenged after a restart with the list on disk, which is deleted when no slot needs it", async () => {
    const world = new World(1);
    const store = new MemoryStore(world, 0);
    expect(await reasonWith([honest, honest, honest, honest], store)).toMatchObject({ reason: "late" });
    const again = challengerWith(world, [], refusing, store);
    expect((await ask(again, effect)).answers.get(1)).toMatchObject({ reason: "late" });
    const question = encodePiecesRequest({
      chainId: 5,
      committee: committee.address,
      group: groupAddress,
      provider: 0,
      listRoot,
      first: 0,
    });
    expect((await again.answerPieces(question))?.length).toBeGreaterThan(maxPagePieces * 40);
    // The data change later in the interval: slots before the change still need the list.
    const groups = committee.groups.map((group) => ({
      ...group,
      providers: group.providers.map(withOtherData),
    }));
    await again.pruneLists({ ...committee, groups });
    const later = challengerWith(world, [], refusing, store);
    expect((await later.answerPieces(question))?.length).toBeGreaterThan(maxPagePieces * 40);
    await again.pruneLists({ ...committee, groups: [] });
    const fresh = challengerWith(world, [], refusing, store);
    expect(await fresh.answerPieces(question)).toBeUndefined();
  });
});

describe("two providers that keep the same pieces", () => {
  it("are both asked for the list, so a refusal of one does not make the other unreachable", async () => {
    const world = new World(1);
    const client: ProviderClient = {
      challenge: async () => ({ ok: false, reason: "late", detail: "far enough" }),
      pieceList: async (target) => {
        await world.sleep(10);
        return target.peerId === operatorOf(2000)
          ? { ok: false, reason: "refused", detail: "will not" }
          : { ok: true, list };
      },
    };
    const challenger = challengerWith(world, [], client);
    const answers = new Map<number, string>();
    for (const index of [0, 1]) {
      void ask(challenger, effectOf(index)).then(({ answers: found }) => {
        const one = found.get(1);
        answers.set(index, one?.kind === "failed" ? one.reason : "proven");
      });
    }
    world.after(1_000, () => undefined);
    await world.run(() => answers.size === 2);
    expect(Object.fromEntries(answers)).toEqual({ 0: "unreachable", 1: "late" });
  });
});

describe("a provider that", () => {
  type Challenge = Awaited<ReturnType<ProviderClient["challenge"]>>;
  const failures: Readonly<Record<string, Challenge>> = {
    busy: { ok: false, reason: "refused", refusal: "busy", detail: "busy: ask again later" },
    late: { ok: false, reason: "late", detail: "no complete answer within 3000 ms" },
    unreachable: { ok: false, reason: "unreachable", detail: "the connection broke" },
    malformed: { ok: false, reason: "malformed", detail: "heard" },
    refused: { ok: false, reason: "refused", refusal: "slot-too-old", detail: "heard" },
  };

  /** Fails so many times in one way, and then answers in words that no keeper asks for again. */
  async function asking(how: string, times: number, counts: (after_ms: number) => boolean, lists = false) {
    const world = new World(1);
    let [asked, missed] = [0, 0];
    const failure = failures[how] as Challenge & { readonly ok: false };
    const client: ProviderClient = {
      challenge: async () => {
        if (!lists && asked++ < times) return failure;
        return failures["malformed"] as Challenge;
      },
      pieceList: async () => (lists && asked++ < times ? failure : { ok: true, list }),
    };
    const challenger = challengerWith(world, [], client);
    let answer: unknown;
    keepTime(world);
    void ask(challenger, effectOf(0), () => counts(world.now_ms)).then((result) => {
      missed = result.missed;
      answer = result.answers.get(1);
    });
    await world.run(() => answer !== undefined);
    return { answer, asked, missed };
  }

  it.each([
    ["is busy", "busy", 0],
    ["does not answer within the time limit of the call", "late", 0],
    ["cannot be reached", "unreachable", 3],
  ])("%s is asked again until it answers, while the answer would count", async (_name, how, missed) => {
    const answer = { kind: "failed", reason: "bad-proof" };
    expect(await asking(how, 3, () => true)).toEqual({ answer, asked: 4, missed });
  });

  it("does not serve its piece list is asked for it again", async () => {
    const answer = { kind: "failed", reason: "bad-proof" };
    expect(await asking("late", 3, () => true, true)).toEqual({ answer, asked: 4, missed: 3 });
  });

  it.each([
    ["is busy", "busy", "refused"],
    ["does not answer within the time limit of the call", "late", "late"],
    ["cannot be reached", "unreachable", "unreachable"],
  ])("%s until no answer would count gets a record with that reason", async (_name, how, reason) => {
    const { answer, asked } = await asking(how, 100, (after_ms) => after_ms < 10_000);
    expect(answer).toEqual({ kind: "failed", reason });
    expect(asked).toBe(7);
  });

  it("refuses permanently is not asked again", async () => {
    const { answer, asked } = await asking("refused", 100, () => true);
    expect({ answer, asked }).toEqual({ answer: { kind: "failed", reason: "refused" }, asked: 1 });
  });
});
