/** How a provider answers: pure of transport, disk and chain, so that daemon and simulator run the same code. */
import { encodeReceipt } from "../protocol/codec/receipt.ts";
import type { Receipt } from "../protocol/codec/receipt.ts";
import { encodeChallengeResponse, encodePiecesResponse, refusal } from "../protocol/codec/challenge.ts";
import type { ChallengeRequest, PiecesRequest, Refusal, RefusalCode } from "../protocol/codec/challenge.ts";
import { pageOf } from "../protocol/codec/piece-pages.ts";
import { fromHex } from "../protocol/hash.ts";
import { equalBytes } from "../storage/core/bytes.ts";
import { bytesProven, encodeProof, proofHash } from "../storage/core/proof.ts";
import type { Proof } from "../storage/core/proof.ts";
import { sampleLeaves } from "../storage/core/sampling.ts";
import type { Draw } from "../storage/core/sampling.ts";
import { challengeQueue, pageQueue } from "../protocol/limits/derived.ts";
import { Gate } from "./gate.ts";
import type { GateLimits } from "./gate.ts";
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

export interface ProviderDependencies {
  readonly chain: ChainView;
  readonly answers: AnswerStore;
  readonly store: SampleStore;
  readonly crypto: ProviderCrypto;
  readonly events: ProviderEvents;
  /** Seed checks that may wait, of all peers and of one. */
  readonly queue?: GateLimits;
}

/** Answers one request of one peer (text form of its peer id) with the response's bytes. Never rejects. */
export type Responder<Request> = (request: Request, peer: string) => Promise<Uint8Array>;

/** A responder that may stay silent. Undefined: the stream is closed without an answer. */
export type SilentResponder<Request> = (request: Request, peer: string) => Promise<Uint8Array | undefined>;

/** Changes how a provider behaves. The daemon has none; `provider-sim` makes one that plays faults. */
export type ProviderDecorator = {
  challenge(respond: Responder<ChallengeRequest>): SilentResponder<ChallengeRequest>;
  /** False: no protocol is served, as if the node were not there. */
  online(): Promise<boolean>;
};

/** Slots whose answers are kept for retries. */
const KEPT_SLOTS = 32;

class Refused extends Error {
  readonly refusal: Refusal;
  constructor(code: RefusalCode, detail: string) {
    super(detail);
    this.refusal = refusal(code, detail);
  }
}

/** R12, from the cheapest check to the dearest: nothing is hashed or read from disk for a stranger. */
export function challengeResponder(dependencies: ProviderDependencies): Responder<ChallengeRequest> {
  const gate = new Gate(dependencies.queue ?? challengeQueue(1));
  return async (request, peer) => {
    const { group, keeper, slot } = request;
    try {
      const admitted = await admit(request, peer, dependencies.chain);
      // One at a time: a second request of the same keeper and slot finds the first one's answer.
      const queued = gate.run(peer, () => answer(request, admitted, dependencies));
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

interface Admitted {
  readonly times: GroupTimes;
  readonly seat: KeeperSeat;
  readonly head: number;
}

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
  deps: ProviderDependencies,
): Promise<Uint8Array> {
  const { group, keeper, provider, slot, seed, blockHash } = request;
  const key = { group, keeper, provider, slot };
  const stored = await deps.answers.get(key);
  if (stored && stored.blockHash === blockHash && equalBytes(stored.seed, seed)) {
    deps.events.repeated({ group, keeper, slot });
    return stored.response;
  }
  const start = await checkSlot(request, admitted, deps.chain);
  // An answer to another seed stands, unless the chain has since moved to another first block of the slot.
  if (stored?.blockHash === blockHash) {
    throw new Refused("already-answered", `slot ${slot} was answered to another seed`);
  }
  await checkSeed(request, admitted.seat, deps.crypto);
  const data = await deps.chain.data(group, provider, start);
  if (data === "foreign") throw new Refused("unknown-provider", `provider ${provider} is somebody else`);
  if (data === "none")
    throw new Refused("no-data", `provider ${provider} committed to nothing at block ${start}`);
  const made = await makeAnswer(request, data, deps);
  await deps.answers.put(key, { blockHash, seed, response: made.response }); // before it leaves: R12
  await deps.answers.prune(group, slot - KEPT_SLOTS);
  const { proven, bytesProven: bytes, lost } = made;
  const share = { proven, bytesProven: bytes, bytesCommitted: data.bytes };
  deps.events.answered({ group, keeper, slot, ...share, askedAt: admitted.head, lost });
  return made.response;
}

/** First block of the slot, once the slot is a current one of the provider's own chain. */
async function checkSlot(request: ChallengeRequest, admitted: Admitted, chain: ChainView): Promise<number> {
  const { times, head } = admitted;
  const start = times.originBlock + request.slot * times.slot;
  // A keeper asks inside the slot; one slot more is for a provider whose endpoint is ahead of the keeper's.
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
  deps: ProviderDependencies,
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

/** Serves pages of piece lists to anyone: roots and sizes are on chain in sum, and useless without the bytes. */
export function piecesResponder(
  dependencies: Pick<ProviderDependencies, "chain" | "store">,
): Responder<PiecesRequest> {
  const { chain, store } = dependencies;
  const gate = new Gate(pageQueue);
  const answer = async (request: PiecesRequest): Promise<Uint8Array> => {
    if (request.chainId !== chain.chainId || (await chain.group(request.group)) === undefined) {
      return encodePiecesResponse(refusal("unknown-group", `${request.group}: not served here`));
    }
    const list = await store.list(fromHex(request.listRoot));
    if (list === undefined || request.first >= list.pieces.length) {
      return encodePiecesResponse(refusal("unknown-list", `${request.listRoot} from piece ${request.first}`));
    }
    return encodePiecesResponse(pageOf(list, request.first));
  };
  return async (request, peer) => {
    try {
      const page = gate.run(peer, () => answer(request));
      return page === undefined
        ? encodePiecesResponse(refusal("busy", "too many pages are waiting; ask again later"))
        : await page;
    } catch {
      return encodePiecesResponse(
        refusal("internal", "the provider cannot reach its chain endpoint or its disk"),
      );
    }
  };
}
