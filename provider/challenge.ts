/** R12: how a provider answers a challenge. */
import { encodeReceipt } from "../protocol/codec/receipt.ts";
import type { Receipt } from "../protocol/codec/receipt.ts";
import { encodeChallengeResponse, refusal } from "../protocol/codec/challenge.ts";
import type { ChallengeRequest, Refusal, RefusalCode } from "../protocol/codec/challenge.ts";
import { fromHex } from "../protocol/hash.ts";
import { equalBytes } from "../storage/core/bytes.ts";
import { bytesProven, encodeProof, proofHash } from "../storage/core/proof.ts";
import type { Proof } from "../storage/core/proof.ts";
import { sampleLeaves } from "../storage/core/sampling.ts";
import type { Draw } from "../storage/core/sampling.ts";
import { challengeQueue } from "../protocol/limits/derived.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import type { QueueLimits } from "./bounded-queue.ts";
import type {
  AnswerStore,
  ChainView,
  CommittedData,
  GroupTimes,
  KeeperSeat,
  ProviderCrypto,
  ProviderEvents,
  SampleStore,
} from "./ports.ts";
import type { Responder } from "./responder.ts";

export type ChallengeDependencies = {
  readonly chain: ChainView;
  readonly answers: AnswerStore;
  readonly store: SampleStore;
  readonly crypto: ProviderCrypto;
  readonly events: ProviderEvents;
  /** Most seed checks that may wait. */
  readonly queue?: QueueLimits;
};

/** Slots whose answers are kept for retries. */
const keptSlots = 32;

class Refused extends Error {
  readonly refusal: Refusal;
  constructor(code: RefusalCode, detail: string) {
    super(detail);
    this.refusal = refusal(code, detail);
  }
}

/** Checks from the cheapest to the most expensive: nothing is hashed or read from disk for a peer that is no keeper. */
export function challengeResponder(dependencies: ChallengeDependencies): Responder<ChallengeRequest> {
  const queue = new BoundedQueue(dependencies.queue ?? challengeQueue(1));
  return async (request, peer) => {
    const { group, keeper, slot } = request;
    try {
      const admitted = await admit(request, peer, dependencies.chain);
      // Jobs run one at a time, so a repeated request finds the stored answer of the first one.
      const queued = queue.run(peer, () => answer(request, admitted, dependencies));
      if (queued === undefined) throw new Refused("busy", "too many requests are waiting; ask again later");
      return await queued;
    } catch (error) {
      const refused =
        error instanceof Refused
          ? error.refusal
          : refusal("internal", "the provider cannot reach its chain endpoint or its disk");
      const detail = error instanceof Refused ? refused.detail : (error as Error).message;
      dependencies.events.refused({ group, keeper, slot, peer, code: refused.code, detail });
      return encodeChallengeResponse(refused);
    }
  };
}

type Admitted = {
  readonly times: GroupTimes;
  readonly seat: KeeperSeat;
  readonly head: number;
};

async function admit(request: ChallengeRequest, peer: string, chain: ChainView): Promise<Admitted> {
  if (request.chainId !== chain.chainId) {
    throw new Refused("unknown-group", `chain id: expected ${chain.chainId}, actual ${request.chainId}`);
  }
  const times = await chain.group(request.group);
  if (times === undefined) throw new Refused("unknown-group", `${request.group}: not served here`);
  const seat = await chain.keeper(request.group, request.keeper);
  if (seat === undefined)
    throw new Refused("not-a-member", `${request.keeper}: in no committee of the group`);
  if (seat.peerId !== peer) {
    throw new Refused("wrong-peer", `peer of ${request.keeper}: expected ${seat.peerId}, actual ${peer}`);
  }
  const head = await chain.head();
  const start = times.originBlock + request.slot * times.slot;
  if (head < start) throw new Refused("slot-in-future", `slot starts at block ${start}, head is ${head}`);
  return { times, seat, head };
}

async function answer(
  request: ChallengeRequest,
  admitted: Admitted,
  deps: ChallengeDependencies,
): Promise<Uint8Array> {
  const { group, keeper, provider, slot, seed, blockHash } = request;
  const key = { group, keeper, provider, slot };
  const stored = await deps.answers.get(key);
  if (stored && stored.blockHash === blockHash && equalBytes(stored.seed, seed)) {
    deps.events.repeated({ group, keeper, slot });
    return stored.response;
  }
  const start = await checkSlot(request, admitted, deps.chain);
  // R12: one answer a slot. A reorg that replaces the slot's first block allows another.
  if (stored?.blockHash === blockHash) {
    throw new Refused("already-answered", `slot ${slot} was answered to another seed`);
  }
  await checkSeed(request, admitted.seat, deps.crypto);
  const data = await deps.chain.data(group, provider, start);
  if (data === "foreign")
    throw new Refused("unknown-provider", `provider ${provider} belongs to another operator`);
  if (data === "none")
    throw new Refused("no-data", `provider ${provider} committed to nothing at block ${start}`);
  const made = await makeAnswer(request, data, deps);
  // R12: stored before it is sent, so that a retry gets the same bytes, also after a crash.
  await deps.answers.put(key, { blockHash, seed, response: made.response });
  await deps.answers.prune(group, slot - keptSlots);
  const { proven, bytesProven: bytes, lost } = made;
  const share = { proven, bytesProven: bytes, bytesCommitted: data.bytes };
  deps.events.answered({ group, keeper, slot, ...share, askedAt: admitted.head, lost });
  return made.response;
}

/** Returns the first block of the slot. @throws Refused if the slot is over or its first block differs from this provider's chain */
async function checkSlot(request: ChallengeRequest, admitted: Admitted, chain: ChainView): Promise<number> {
  const { times, head } = admitted;
  const start = times.originBlock + request.slot * times.slot;
  // A keeper asks inside the slot. One more slot is allowed, since this endpoint may be ahead of the keeper's.
  const end = start + 2 * times.slot;
  if (head >= end) throw new Refused("slot-too-old", `slot: expected a head below ${end}, actual ${head}`);
  const hash = await chain.blockHash(start);
  if (hash !== request.blockHash) {
    throw new Refused(
      "wrong-block",
      `block ${start}: expected ${hash ?? "none yet"}, actual ${request.blockHash}`,
    );
  }
  return start;
}

async function checkSeed(request: ChallengeRequest, seat: KeeperSeat, crypto: ProviderCrypto): Promise<void> {
  for (const blsKey of seat.blsKeys) if (await crypto.verifySeed(request, request.seed, blsKey)) return;
  throw new Refused("wrong-seed", "the seed is not the keeper's signature over this challenge");
}

async function makeAnswer(
  request: ChallengeRequest,
  data: CommittedData,
  deps: ChallengeDependencies,
): Promise<{ response: Uint8Array; proven: number; bytesProven: bigint; lost: string[] }> {
  const list = await deps.store.list(fromHex(data.listRoot));
  if (list === undefined || list.totalBytes !== data.bytes) {
    throw new Refused("no-data", `the list ${data.listRoot} of ${data.bytes} bytes is not stored here`);
  }
  const draws = sampleLeaves(request.seed, list);
  const { proof, lost, warnings } = await deps.store.prove(list, draws);
  const reasons = lost.map(({ piece, leaf, reason }) => `piece ${piece} leaf ${leaf} left out: ${reason}`);
  for (const text of reasons) deps.events.damaged({ text });
  for (const text of warnings) deps.events.damaged({ text });
  const proven = provenDraws(draws, proof);
  const proofBytes = encodeProof(proof);
  const receipt: Receipt = {
    keeper: request.keeper,
    provider: request.provider,
    slot: request.slot,
    seed: request.seed,
    bytesProven: bytesProven(list.totalBytes, proven),
    proofHash: proofHash(proofBytes),
  };
  const signed = deps.crypto.signReceipt(request, receipt, data.receiptKey);
  if (signed === undefined) {
    throw new Refused("internal", `the receipt key ${data.receiptKey} is not in this provider's key file`);
  }
  const response = encodeChallengeResponse({
    kind: "answer",
    receipt: encodeReceipt(signed),
    proof: proofBytes,
  });
  return { response, proven, bytesProven: receipt.bytesProven, lost: reasons };
}

function provenDraws(draws: readonly Draw[], proof: Proof): number {
  const there = new Set(
    proof.pieces.flatMap(({ piece, leaves }) => leaves.map(({ leaf }) => `${piece}/${leaf}`)),
  );
  return draws.filter(({ piece, leaf }) => there.has(`${piece}/${leaf}`)).length;
}
