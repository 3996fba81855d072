/** R10, R12, R13: challenges with repeated attempts, and piece lists from providers and keepers. */
import { describe, expect, it } from "vitest";
import {
  encodePiecesResponse,
  decodePiecesRequest,
  encodePiecesRequest,
  maxPagePieces,
  maxTargets,
  refusal,
} from "../../../../protocol/codec/challenge.ts";
import { pageOf } from "../../../../protocol/codec/piece-pages.ts";
import type { ProviderEntry } from "../../../../protocol/committee.ts";
import type { ChallengeTarget, Effect } from "../../../../keeper/core/effects.ts";
import type { Answer } from "../../../../keeper/core/events.ts";
import { keccakWords } from "../../../../protocol/hash.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { pageQueue } from "../../../../protocol/limits/derived.ts";
import type { ProviderClient } from "../../../../keeper/ports/provider.ts";
import { Challenger } from "../../../../keeper/runtime/challenger.ts";
import {
  operatorOf,
  simulatedCrypto,
  simulatedKeyring,
} from "../../../../sim/signatures/cheap-signatures.ts";
import { MemoryStore } from "../../../../sim/keepers/memory-store.ts";
import { World } from "../../../../sim/world.ts";
import { toHex } from "../../../../storage/core/bytes.ts";
import { makePieceList } from "../../../../storage/core/piece-list.ts";
import { committeeAt, groupAddress, groupOf, providerEntry } from "../../../support/machine.ts";

const pieces = Array.from({ length: maxPagePieces + 2 }, (_, i) => ({
  root: new Uint8Array(32).fill(i % 251),
  size: 1000,
}));
const list = makePieceList(pieces);
const listRoot = toHex(list.root);

const provider = (index: number): ProviderEntry => {
  const history = [
    { fromBlock: 10, bytes: list.totalBytes, price: 1n, listRoot, receiptKey: operatorOf(1000 + index) },
  ];
  return { ...providerEntry(index), history };
};

function withOtherData(entry: ProviderEntry): ProviderEntry {
  const later = entry.history.map((data) => ({ ...data, fromBlock: 40, listRoot: keccakWords(1) }));
  return { ...entry, history: [...entry.history, ...later] };
}

const committee = committeeAt(10, { chainId: 5, providers: [provider(0), provider(1)] });

type ChallengeEffect = Extract<Effect, { kind: "challenge" }>;

function effectOf(index: number, groups: readonly number[] = [1]): ChallengeEffect {
  return {
    kind: "challenge",
    operator: operatorOf(2000 + index),
    slot: 3,
    blockHash: "0x00",
    seed: new Uint8Array(48),
    targets: groups.map((group) => ({ group, provider: index, address: groupAddress })),
  };
}

/** The last answer about the first group, and how often it was reported as unreachable. */
async function ask(
  challenger: Challenger,
  effect: ChallengeEffect,
  counts: () => boolean = () => false,
): Promise<{ answers: Map<number, Answer>; missed: number }> {
  const answers = new Map<number, Answer>();
  let missed = 0;
  await challenger.ask(committee, effect, {
    signal: new AbortController().signal,
    counts,
    onUnreachable: () => void missed++,
    onAnswer: ({ group }: ChallengeTarget, answer) => void answers.set(group, answer),
  });
  return { answers, missed };
}

type Holder = (question: Uint8Array, world: World) => Promise<Uint8Array | undefined>;

const honest: Holder = async (bytes) => {
  const question = decodePiecesRequest(bytes);
  return question.ok ? encodePiecesResponse(pageOf(list, question.value.first)) : undefined;
};

/** Complete pages that arrive late. */
const dripping: Holder = async (bytes, world) => {
  await world.sleep(4_000);
  return honest(bytes, world);
};

const onePiece: Holder = async (bytes) => {
  const question = decodePiecesRequest(bytes);
  if (!question.ok) return undefined;
  const page = pageOf(list, question.value.first);
  return encodePiecesResponse({ ...page, pieces: page.pieces.slice(0, 1) });
};

function challengerWith(
  world: World,
  holders: readonly Holder[],
  client: ProviderClient,
  store = new MemoryStore(world, 0),
): Challenger {
  return new Challenger(
    { timeout_ms: 3_000 },
    {
      provider: client,
      chain: {
        follow: async () => undefined,
        keeperEndpoint: async () => undefined,
        providerEndpoint: async (operator) => ({ operator, peerId: operator, multiaddrs: [], sequence: 1 }),
        fee: async () => undefined,
        submit: async () => ({ kind: "failed", detail: "not used" }),
      },
      crypto: simulatedCrypto,
      keyring: simulatedKeyring(0),
      store,
      telemetry: {
        reason: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: () => undefined,
      },
      clock: { now_ms: () => world.now_ms, sleep: (delay_ms) => world.sleep(delay_ms) },
      transport: {
        ask: async (keeper: Hex, _question, bytes) => {
          const index = [0, 1, 2, 3].find((i) => operatorOf(i) === keeper) ?? -1;
          return holders[index]?.(bytes, world);
        },
      },
    },
  );
}

/** Lets one simulated minute pass, with a turn of the event loop after each step. */
function keepTime(world: World): void {
  for (let beat_ms = 100; beat_ms < 60_000; beat_ms += 100) world.after(beat_ms, () => undefined);
}

const nobody: ProviderClient = {
  challenge: async () => ({ ok: false, reason: "unreachable", detail: "none" }),
  pieceList: async () => ({ ok: false, reason: "unreachable", detail: "none" }),
};

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
