/** Providers with real bytes in memory and real proofs: the daemon's own logic and faults over the simulated chain. */
import {
  maxChallengeResponseBytes,
  decodeChallengeRequest,
  decodeChallengeResponse,
  decodePiecesResponse,
  encodeChallengeRequest,
} from "../../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { verifyAnswer } from "../../protocol/codec/answer.ts";
import { openingsFault, receiptHolds } from "../../protocol/codec/openings.ts";
import { PieceCollector } from "../../protocol/codec/piece-pages.ts";
import { encodeReceipt } from "../../protocol/codec/receipt.ts";
import { fromHex, keccak, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ProviderClient, ProviderFailure } from "../../keeper/ports/provider.ts";
import { withFaults } from "../../provider-sim/faults.ts";
import type { Fault } from "../../provider-sim/faults.ts";
import { challengeResponder } from "../../provider/challenge.ts";
import type { ChallengeDependencies } from "../../provider/challenge.ts";
import { piecesResponder } from "../../provider/pieces.ts";
import { chainId } from "../chain/chain-model.ts";
import { addressOfGroup, indexOfAddress } from "../chain/snapshots.ts";
import type { AnswerKey, AnswerStore, ChainView, StoredAnswer } from "../../provider/ports.ts";
import type { SilentResponder } from "../../provider/responder.ts";
import { MemoryPieces } from "./memory-pieces.ts";
import { hanging, madeOnce } from "./providers.ts";
import type { ProofChecks, ProviderWorld, Providers } from "./providers.ts";

export function realProviders(world: ProviderWorld): Providers {
  const stores = new Map<number, Disk>();
  const disk = (provider: number): Disk => {
    const known = stores.get(provider) ?? { pieces: new MemoryPieces(), answers: memoryAnswers() };
    stores.set(provider, known);
    return known;
  };
  return {
    checks: realChecks(world),
    dataOf: madeOnce((provider, bytes) => ({
      listRoot: toHex(disk(provider).pieces.add(provider, bytes).root),
      receiptKey: world.signatures.receiptKey(provider),
    })),
    client: (keeper) => clientOf(world, keeper, disk),
  };
}

type Disk = { readonly pieces: MemoryPieces; readonly answers: AnswerStore };

function realChecks({ signatures }: ProviderWorld): ProofChecks {
  const { checks } = signatures;
  return {
    checkAnswer: (input) => verifyAnswer(input, checks),
    openingsFault: (opened, proof, scope) => openingsFault(opened, proof, scope, checks),
    receiptHolds: (leaf, scope) => receiptHolds(leaf, scope, checks),
  };
}

function failure(reason: ProviderFailure["reason"], detail: string): ProviderFailure {
  return { ok: false, reason, detail };
}

function clientOf(world: ProviderWorld, keeper: number, disk: (provider: number) => Disk): ProviderClient {
  const { random } = world.world;
  const peer = world.signatures.member(keeper).operator;
  const pause = (): Promise<void> => world.world.sleep(random.integer(...world.delayMs));
  const responders = new Map<number, SilentResponder<ChallengeRequest>>();
  const responder = (provider: number): SilentResponder<ChallengeRequest> => {
    const known = responders.get(provider) ?? responderOf(world, provider, keeper, disk(provider));
    responders.set(provider, known);
    return known;
  };
  const hangs = hanging(world);
  return {
    challenge: async (_target, asked, limits) => {
      await pause();
      // A provider has the same index in all of its groups.
      const provider = asked.targets[0]?.provider ?? -1;
      const timeout = hangs(provider, asked.slot, limits);
      if (timeout !== undefined) {
        await timeout;
        return failure("late", "hangs");
      }
      const request = decodeChallengeRequest(encodeChallengeRequest(asked));
      if (!request.ok) return failure("refused", request.detail);
      const bytes = await responder(provider)(request.value, peer);
      if (bytes === undefined || bytes.length > maxChallengeResponseBytes) {
        return failure("unreachable", "no answer");
      }
      const response = decodeChallengeResponse(bytes, asked.targets.length);
      if (!response.ok) return failure("malformed", response.detail);
      const { value } = response;
      if (value.kind === "answers") return { ok: true, answers: value.answers };
      return { ...failure("refused", `${value.code}: ${value.detail}`), refusal: value.code };
    },
    pieceList: async (_target, query) => {
      await pause();
      const { provider } = query;
      if (!world.servesList(provider, keeper)) return failure("refused", "no list");
      const { pieces } = disk(provider);
      const store = { list: async (root: Uint8Array) => pieces.find(root), prove: noProof };
      const respond = piecesResponder({ chain: chainView(world, provider), store });
      const pages = new PieceCollector(query);
      for (let first = pages.next; first !== undefined; first = pages.next) {
        const page = decodePiecesResponse(await respond({ ...query, first }, peer));
        if (!page.ok) return failure("malformed", page.detail);
        if (page.value.kind !== "pieces") return failure("refused", page.value.detail);
        pages.add(page.value);
      }
      const collected = pages.list();
      return collected.ok ? { ok: true, list: collected.value } : failure("malformed", collected.detail);
    },
  };
}

function noProof(): never {
  throw new Error("a piece list needs no proof");
}

/** The answers of a provider to one keeper: the daemon's logic under the faults in force. */
function responderOf(
  world: ProviderWorld,
  provider: number,
  keeper: number,
  disk: Disk,
): SilentResponder<ChallengeRequest> {
  const { signatures } = world;
  const leaves = (): number | undefined => world.proves(provider, keeper);
  const dependencies: ChallengeDependencies = {
    chain: chainView(world, provider),
    answers: disk.answers,
    store: {
      list: async (root) => disk.pieces.find(root),
      prove: async (list, draws) => ({
        ...disk.pieces.prove(list, draws, 16 - (leaves() ?? 0)),
        warnings: [],
      }),
    },
    crypto: {
      verifySeed: async (scope, seed, blsKey) => signatures.checks.verifySeed(scope, seed, fromHex(blsKey)),
      signReceipt: (domain, receipt, key) => {
        if (key !== signatures.receiptKey(provider)) return undefined;
        const signed = signatures.signReceipt(domain, receipt, provider);
        const { group, keeper, slot, bytesProven: bytes } = receipt;
        world.onReceipt(keccak(encodeReceipt(signed)), { keeper, group, provider, slot, bytes });
        return signed;
      },
    },
    events: {
      answered: () => undefined,
      repeated: () => undefined,
      refused: () => undefined,
      turnedAway: () => undefined,
      damaged: () => undefined,
      served: () => undefined,
    },
  };
  const faults = async (): Promise<Fault[]> => {
    if (leaves() === undefined) return [{ kind: "offline" }];
    const spoiled = world.spoils(provider);
    if (spoiled === undefined || spoiled === "hang") return [];
    return [spoiled === "slow" ? { kind: spoiled, delay_ms: world.tooLate_ms } : { kind: spoiled }];
  };
  const sleep = (delay_ms: number): Promise<void> => world.world.sleep(delay_ms);
  return withFaults(challengeResponder(dependencies), { faults, sleep });
}

/** No payer retrieves data in a simulated world. */
const nobody: Hex = `0x${"00".repeat(20)}`;

/** A provider acts on the head, unconfirmed. */
function chainView(world: ProviderWorld, provider: number): ChainView {
  const chain = () => world.chain();
  const { setup } = chain();
  return {
    chainId,
    operator: setup.operatorOfProvider(provider),
    get groups() {
      return new Set(
        chain()
          .at(chain().head)
          .groups.map(({ index }) => addressOfGroup(index)),
      );
    },
    head: async () => chain().head,
    committee: async (committee) =>
      indexOfAddress(committee) < chain().committees
        ? chain().paramsOf(indexOfAddress(committee))
        : undefined,
    keeper: async (committee, operator) => {
      const { version, next } = chain().snapshot(indexOfAddress(committee), chain().head);
      const seats = [...version.members, ...(next?.members ?? [])].filter((m) => m.operator === operator);
      return seats.length === 0
        ? undefined
        : { blsKeys: [...new Set(seats.map(({ blsKey }) => blsKey))], peerId: operator };
    },
    blockHash: async (block) => chain().block(block)?.hash,
    data: async ({ committee, start, end }, target) => {
      if (target.provider !== provider) return "foreign";
      const group = chain().groupAt(indexOfAddress(target.group));
      const served = group.services.find(
        ({ committee: by, from, left }) =>
          by === indexOfAddress(committee) && from < end && (left === 0 || left > start),
      );
      if (served === undefined) return "unserved";
      const one = group.providers[provider];
      const bytes = one === undefined ? 0n : group.bytesAt(one, Math.max(start, served.from));
      return bytes === 0n ? "none" : { bytes, ...setup.dataOf(provider, bytes) };
    },
    payer: async () => nobody,
  };
}

function memoryAnswers(): AnswerStore {
  /** By committee, by slot, then by group and keeper: every answer prunes, so a prune looks at slots alone. */
  const kept = new Map<Hex, Map<number, Map<string, StoredAnswer>>>();
  const nameOf = ({ group, keeper }: AnswerKey): string => `${group}/${keeper}`;
  return {
    get: async (keys) => keys.map((key) => kept.get(key.committee)?.get(key.slot)?.get(nameOf(key))),
    put: async (answers) => {
      for (const { key, answer } of answers) {
        const slots = kept.get(key.committee) ?? new Map<number, Map<string, StoredAnswer>>();
        kept.set(key.committee, slots);
        const ofSlot = slots.get(key.slot) ?? new Map<string, StoredAnswer>();
        slots.set(key.slot, ofSlot.set(nameOf(key), answer));
      }
    },
    prune: async (committee, slot) => {
      const slots = kept.get(committee);
      for (const old of slots?.keys() ?? []) if (old < slot) slots?.delete(old);
    },
  };
}
