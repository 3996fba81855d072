/** R12: how a provider answers a challenge: one message of a keeper for all of the provider's groups in a committee. */
import { encodeChallengeResponse, refusal } from "../protocol/codec/challenge.ts";
import type {
  ChallengeAnswer,
  ChallengeRequest,
  ChallengeTarget,
  Refusal,
} from "../protocol/codec/challenge.ts";
import { equalBytes } from "../storage/core/bytes.ts";
import { challengeQueue, unknownProviderScale } from "../protocol/limits/derived.ts";
import type { ProviderScale } from "../protocol/limits/derived.ts";
import { AnswerMaker } from "./answer.ts";
import type { MadeAnswer } from "./answer.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import type {
  AnswerKey,
  AnswerStore,
  ChainView,
  KeeperSeat,
  ProviderCrypto,
  ProviderEvents,
  SampleStore,
  SlotBlocks,
  StoredAnswer,
} from "./ports.ts";
import { Refused } from "./refused.ts";
import type { Responder } from "./responder.ts";
import { SeedChecks } from "./seed-checks.ts";

export type ChallengeDependencies = {
  readonly chain: ChainView;
  readonly answers: AnswerStore;
  readonly store: SampleStore;
  readonly crypto: ProviderCrypto;
  readonly events: ProviderEvents;
  /** Determines the limits. Default: as if every group had a committee of its own. */
  readonly scale?: () => ProviderScale;
  /** Default: the process's clock. It limits wrong seeds only. */
  readonly now_ms?: () => number;
};

/** Slots whose answers are kept for retries. */
const keptSlots = 32;

const unavailable = "the provider cannot reach its chain endpoint or its disk";

type Admitted = {
  readonly seat: KeeperSeat;
  readonly head: number;
  readonly blocks: SlotBlocks;
};

type Said = ChallengeAnswer | Refusal;

/** Checks from the cheapest to the most expensive: nothing is hashed or read from disk for a peer that is no keeper. */
export function challengeResponder(dependencies: ChallengeDependencies): Responder<ChallengeRequest> {
  const responder = new ChallengeResponder(dependencies);
  return (request, peer) => responder.respond(request, peer);
}

class ChallengeResponder {
  readonly #deps: ChallengeDependencies;
  readonly #queue: BoundedQueue;
  readonly #seeds: SeedChecks;
  readonly #maker: AnswerMaker;

  constructor(deps: ChallengeDependencies) {
    const { chain, crypto, now_ms = () => performance.now() } = deps;
    const scale = deps.scale ?? ((): ProviderScale => unknownProviderScale(chain.groups.size));
    this.#deps = deps;
    this.#queue = new BoundedQueue(() => challengeQueue(scale()));
    this.#seeds = new SeedChecks(crypto, scale, now_ms);
    this.#maker = new AnswerMaker(deps);
  }

  async respond(request: ChallengeRequest, peer: string): Promise<Uint8Array> {
    let isKeeper = false;
    try {
      const admitted = await this.#admit(request, peer);
      isKeeper = true;
      // Jobs run one at a time, so a repeated request finds the stored answers of the first one.
      const queued = this.#queue.run(peer, () => this.#answers(request, admitted, peer));
      if (queued === undefined) throw new Refused("busy", "too many requests are waiting; ask again later");
      return encodeChallengeResponse({ kind: "answers", answers: await queued });
    } catch (error) {
      const refused = refusalOf(error);
      const detail = error instanceof Refused ? refused.detail : (error as Error).message;
      this.#reportWhole(request, peer, { code: refused.code, detail }, isKeeper);
      return encodeChallengeResponse(refused);
    }
  }

  #reportWhole(
    { committee, keeper, slot, targets }: ChallengeRequest,
    peer: string,
    reason: { readonly code: string; readonly detail: string },
    isKeeper: boolean,
  ): void {
    const { chain, events } = this.#deps;
    const own = targets.filter(({ group }) => chain.groups.has(group));
    if (!isKeeper || own.length === 0) events.turnedAway({ committee, keeper, slot, peer, ...reason });
    else for (const { group } of own) events.refused({ committee, group, keeper, slot, peer, ...reason });
  }

  async #admit(request: ChallengeRequest, peer: string): Promise<Admitted> {
    const { chain } = this.#deps;
    const { chainId, committee, operator, keeper, slot, targets } = request;
    if (chainId !== chain.chainId) {
      throw new Refused("unknown-committee", `chain id: expected ${chain.chainId}, actual ${chainId}`);
    }
    if (operator !== chain.operator) {
      throw new Refused("unknown-provider", `operator: expected ${chain.operator}, actual ${operator}`);
    }
    if (new Set(targets.map(({ group }) => group)).size < targets.length) {
      throw new Refused("malformed", "targets: expected each group once, actual one twice");
    }
    const times = await chain.committee(committee);
    if (times === undefined) {
      throw new Refused("unknown-committee", `${committee}: serves no group of this provider`);
    }
    const seat = await chain.keeper(committee, keeper);
    if (seat === undefined) throw new Refused("not-a-member", `${keeper}: no member of ${committee}`);
    if (seat.peerId !== peer) {
      throw new Refused("wrong-peer", `peer of ${keeper}: expected ${seat.peerId}, actual ${peer}`);
    }
    const head = await chain.head();
    const start = times.originBlock + slot * times.slot;
    if (head < start) throw new Refused("slot-in-future", `slot starts at block ${start}, head is ${head}`);
    return { seat, head, blocks: { committee, start, end: start + times.slot } };
  }

  /** One answer or refusal for each target. @throws Refused if none is answered for a reason that concerns them all */
  async #answers(request: ChallengeRequest, admitted: Admitted, peer: string): Promise<Said[]> {
    const { answers, events } = this.#deps;
    const { committee, keeper, slot, blockHash, seed, targets } = request;
    const keys = targets.map((target): AnswerKey => ({ committee, slot, keeper, ...target }));
    const stored = await answers.get(keys);
    const isRepeated = (one: StoredAnswer | undefined): boolean =>
      one?.blockHash === blockHash && equalBytes(one.seed, seed);
    const fault = stored.every(isRepeated)
      ? undefined
      : await this.#fault(request, admitted, stored).then(undefined, (error: Error) => error);
    if (fault !== undefined && !stored.some(isRepeated)) throw fault;
    const made = new Map<number, MadeAnswer>();
    const said: Said[] = [];
    for (const [i, target] of targets.entries()) {
      const before = stored[i];
      const name = { committee, group: target.group, keeper, slot };
      if (before !== undefined && isRepeated(before)) {
        events.repeated(name);
        said.push({ kind: "answer", receipt: before.receipt, proof: before.proof });
        continue;
      }
      try {
        if (fault !== undefined) throw fault;
        const answer = await this.#made(request, admitted, target, before);
        made.set(i, answer);
        said.push({ kind: "answer", receipt: answer.receipt, proof: answer.proof });
      } catch (error) {
        const refused = refusalOf(error);
        const detail = error instanceof Refused ? refused.detail : (error as Error).message;
        if (this.#deps.chain.groups.has(target.group)) {
          events.refused({ ...name, peer, code: refused.code, detail });
        }
        said.push(refused);
      }
    }
    await this.#keep(request, keys, made);
    for (const [i, { share }] of made) {
      const { group } = targets[i] as ChallengeTarget;
      events.answered({ committee, group, keeper, slot, ...share, askedAt: admitted.head });
    }
    return said;
  }

  /** R12: stored before they are sent, so that a retry gets the same bytes, also after a crash. */
  async #keep(
    { committee, slot, blockHash, seed }: ChallengeRequest,
    keys: readonly AnswerKey[],
    made: ReadonlyMap<number, MadeAnswer>,
  ): Promise<void> {
    if (made.size === 0) return;
    const { answers } = this.#deps;
    await answers.put(
      [...made].map(([i, { receipt, proof }]) => ({
        key: keys[i] as AnswerKey,
        answer: { blockHash, seed, receipt, proof },
      })),
    );
    await answers.prune(committee, slot - keptSlots);
  }

  /** @throws Refused for a slot that is over, a first block that differs from this provider's chain, and a wrong seed */
  async #fault(
    request: ChallengeRequest,
    { head, seat, blocks }: Admitted,
    stored: readonly (StoredAnswer | undefined)[],
  ): Promise<void> {
    const { start, end } = blocks;
    // A keeper asks inside the slot. One more slot is allowed, since this endpoint may be ahead of the keeper's.
    const last = end + (end - start);
    if (head >= last)
      throw new Refused("slot-too-old", `slot: expected a head below ${last}, actual ${head}`);
    const hash = await this.#deps.chain.blockHash(start);
    if (hash !== request.blockHash) {
      const expected = hash ?? "none yet";
      throw new Refused("wrong-block", `block ${start}: expected ${expected}, actual ${request.blockHash}`);
    }
    if (stored.every((one) => one?.blockHash === request.blockHash)) throw answeredBefore(request.slot);
    const verdict = await this.#seeds.check(request, seat);
    if (verdict === "wrong") {
      throw new Refused("wrong-seed", "the seed is not the keeper's signature over this challenge");
    }
    if (verdict === "too-many") {
      throw new Refused("busy", "too many wrong seeds of this keeper; ask again later");
    }
  }

  #made(
    request: ChallengeRequest,
    { blocks }: Admitted,
    target: ChallengeTarget,
    before: StoredAnswer | undefined,
  ): Promise<MadeAnswer> {
    // R12: one answer a slot. A reorg that replaces the slot's first block allows another.
    if (before?.blockHash === request.blockHash) throw answeredBefore(request.slot);
    return this.#maker.make(request, blocks, target);
  }
}

function answeredBefore(slot: number): Refused {
  return new Refused("already-answered", `slot ${slot} was answered to another seed`);
}

function refusalOf(error: unknown): Refusal {
  return error instanceof Refused ? error.refusal : refusal("internal", unavailable);
}
