/** Challengers in a simulated world, with piece lists that providers and keepers serve well or badly. */
import { encodePiecesResponse, decodePiecesRequest, maxPagePieces } from "../../protocol/codec/challenge.ts";
import { pageOf } from "../../protocol/codec/piece-pages.ts";
import type { ProviderEntry } from "../../protocol/committee.ts";
import type { ChallengeTarget, Effect } from "../../keeper/core/effects.ts";
import type { Answer } from "../../keeper/core/events.ts";
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ProviderClient } from "../../keeper/ports/provider.ts";
import { Challenger } from "../../keeper/runtime/challenger.ts";
import { operatorOf, simulatedCrypto, simulatedKeyring } from "../../sim/signatures/cheap-signatures.ts";
import { MemoryStore } from "../../sim/keepers/memory-store.ts";
import { World } from "../../sim/world.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import { committeeAt, groupAddress, providerEntry } from "./machine.ts";

const pieces = Array.from({ length: maxPagePieces + 2 }, (_, i) => ({
  root: new Uint8Array(32).fill(i % 251),
  size: 1000,
}));
export const list = makePieceList(pieces);
export const listRoot = toHex(list.root);

export const provider = (index: number): ProviderEntry => {
  const history = [
    { fromBlock: 10, bytes: list.totalBytes, price: 1n, listRoot, receiptKey: operatorOf(1000 + index) },
  ];
  return { ...providerEntry(index), history };
};

export function withOtherData(entry: ProviderEntry): ProviderEntry {
  const later = entry.history.map((data) => ({ ...data, fromBlock: 40, listRoot: keccakWords(1) }));
  return { ...entry, history: [...entry.history, ...later] };
}

export const committee = committeeAt(10, { chainId: 5, providers: [provider(0), provider(1)] });

type ChallengeEffect = Extract<Effect, { kind: "challenge" }>;

export function effectOf(index: number, groups: readonly number[] = [1]): ChallengeEffect {
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
export async function ask(
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

export type Holder = (question: Uint8Array, world: World) => Promise<Uint8Array | undefined>;

export const honest: Holder = async (bytes) => {
  const question = decodePiecesRequest(bytes);
  return question.ok ? encodePiecesResponse(pageOf(list, question.value.first)) : undefined;
};

/** Complete pages that arrive late. */
export const dripping: Holder = async (bytes, world) => {
  await world.sleep(4_000);
  return honest(bytes, world);
};

export const onePiece: Holder = async (bytes) => {
  const question = decodePiecesRequest(bytes);
  if (!question.ok) return undefined;
  const page = pageOf(list, question.value.first);
  return encodePiecesResponse({ ...page, pieces: page.pieces.slice(0, 1) });
};

export function challengerWith(
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
export function keepTime(world: World): void {
  for (let beat_ms = 100; beat_ms < 60_000; beat_ms += 100) world.after(beat_ms, () => undefined);
}

export const nobody: ProviderClient = {
  challenge: async () => ({ ok: false, reason: "unreachable", detail: "none" }),
  pieceList: async () => ({ ok: false, reason: "unreachable", detail: "none" }),
};
