/** Challenges providers and checks their answers (R11–R13). A piece list is fetched once for each list root. */
import { maxTargets } from "../../protocol/codec/challenge.ts";
import type { ChallengeAnswer, ChallengeRequest, Refusal } from "../../protocol/codec/challenge.ts";
import type { SlotData } from "../../protocol/codec/openings.ts";
import type { ChallengeTarget, Effect } from "../core/effects.ts";
import type { Answer } from "../core/events.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { pageQueue } from "../../protocol/limits/derived.ts";
import type { LeafKey } from "../../protocol/records.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChainPort, Endpoint } from "../ports/chain.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { KeyringPort } from "../ports/keyring.ts";
import type { ProviderClient, ProviderFailure, ProviderTarget } from "../ports/provider.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { dataOfSlot, dataOfTurn } from "./committee-data.ts";
import { PieceLists } from "./piece-lists.ts";
import type { ListDependencies, ListQuery, Source } from "./piece-lists.ts";

export type ChallengerOptions = {
  /** Real-time limit of one call. Only blocks decide whether an answer counts (R13). */
  readonly timeout_ms: number;
};

export type ChallengerDependencies = ListDependencies & {
  readonly provider: ProviderClient;
  readonly chain: ChainPort;
  readonly crypto: CryptoPort;
  readonly keyring: KeyringPort;
  readonly telemetry: TelemetryPort;
  readonly clock: Pick<ClockPort, "now_ms" | "sleep">;
};

export type Asking = {
  readonly signal: AbortSignal;
  /** Whether an answer at the present head would still count (R13). The provider is asked again while it would. */
  readonly counts: () => boolean;
  /** Called for each group after an attempt that did not reach the provider, while further attempts may follow. */
  readonly onUnreachable: (target: ChallengeTarget) => void;
  /** Called once for each group with the last result. */
  readonly onAnswer: (target: ChallengeTarget, answer: Answer) => void;
};

/** The result of one attempt, and whether another attempt may give another result. */
type Attempt = { readonly answer: Answer; readonly again: boolean };

const unreachable: Attempt = { answer: { kind: "failed", reason: "unreachable" }, again: true };

/** Pause before the second attempt; it doubles with each attempt. */
const firstPause_ms = 250;
const longestPause_ms = 4_000;

type Settle = (target: ChallengeTarget, attempt: Attempt) => void;

type ChallengeEffect = Extract<Effect, { kind: "challenge" }>;

/** A group that can be asked about: the provider's data and piece list there. */
type Ready = { readonly target: ChallengeTarget; readonly known: SlotData; readonly list: PieceList };

export class Challenger {
  readonly #options: ChallengerOptions;
  readonly #on: ChallengerDependencies;
  /** Endpoints of providers. One is looked up again after a failed call, because the provider may have moved. */
  readonly #endpoints = new Map<Hex, Endpoint>();
  readonly #lists: PieceLists;

  constructor(options: ChallengerOptions, on: ChallengerDependencies) {
    this.#options = options;
    this.#on = on;
    this.#lists = new PieceLists(options.timeout_ms, on);
  }

  /**
   * Repeats a challenge while an answer would still count, for the groups about which the provider was busy or unreachable or for which
   * the clock of this keeper ended the call: blocks decide what is late (R13), and a provider repeats its answer to the same challenge (R12).
   */
  async ask(committee: CommitteeSnapshot, effect: ChallengeEffect, asking: Asking): Promise<void> {
    const { signal, counts, onUnreachable, onAnswer } = asking;
    let open = effect.targets;
    for (let pause_ms = firstPause_ms; ; pause_ms = Math.min(longestPause_ms, 2 * pause_ms)) {
      const again: ChallengeTarget[] = [];
      const settle: Settle = (target, attempt) => {
        const { answer } = attempt;
        if (!attempt.again || !counts() || signal.aborted) return onAnswer(target, answer);
        if (answer.kind === "failed" && answer.reason === "unreachable") onUnreachable(target);
        again.push(target);
      };
      await this.#attempt(committee, effect, open, settle, signal);
      open = again;
      if (open.length === 0) return;
      await this.#on.clock.sleep(pause_ms, signal);
    }
  }

  /** One attempt for each target. The answers of each message count when they arrive, before those of the next one (R13). */
  async #attempt(
    committee: CommitteeSnapshot,
    effect: ChallengeEffect,
    targets: readonly ChallengeTarget[],
    settle: Settle,
    signal: AbortSignal,
  ): Promise<void> {
    const endpoint = this.#knownTarget(effect.operator) ?? (await this.#target(committee, effect.operator));
    if (endpoint === undefined) {
      for (const target of targets) settle(target, unreachable);
      return;
    }
    const ready = await this.#prepareAll(committee, effect, targets, endpoint, signal);
    if (ready.length < targets.length) {
      const prepared = new Set(ready.map(({ target }) => target));
      for (const target of targets) if (!prepared.has(target)) settle(target, unreachable);
    }
    for (let at = 0; at < ready.length; at += maxTargets) {
      const page = ready.length <= maxTargets ? ready : ready.slice(at, at + maxTargets);
      const attempts = await this.#call(committee, effect, page, endpoint, signal);
      page.forEach(({ target }, i) => settle(target, attempts[i] ?? unreachable));
    }
  }

  /**
   * Lists in memory are taken at once. The others are found a few at a time: the provider refuses as busy what one peer asks beyond them,
   * and other providers' lists must not wait (L3).
   */
  async #prepareAll(
    committee: CommitteeSnapshot,
    effect: ChallengeEffect,
    targets: readonly ChallengeTarget[],
    endpoint: ProviderTarget,
    signal: AbortSignal,
  ): Promise<Ready[]> {
    const { slot } = effect;
    const found: (Ready | undefined)[] = [];
    const missing: { readonly at: number; readonly target: ChallengeTarget; readonly known: SlotData }[] = [];
    targets.forEach((target, at) => {
      const { group, provider } = target;
      const known = dataOfSlot(committee, { group, provider, slot });
      if (known === undefined) return;
      const list = this.#lists.inMemory(known.data.listRoot);
      if (list === undefined) missing.push({ at, target, known });
      else found[at] = { target, known, list };
    });
    const waiting = missing.values();
    const prepare = async (): Promise<void> => {
      for (const { at, target, known } of waiting) {
        const query = { committee, group: known.group, provider: target.provider, data: known.data };
        const list = await this.#listFor(query, known.operator, endpoint, signal);
        if (list !== undefined) found[at] = { target, known, list };
      }
    };
    const width = Math.min(pageQueue.perPeer, missing.length);
    if (width > 0) await Promise.all(Array.from({ length: width }, prepare));
    return found.filter((ready) => ready !== undefined);
  }

  /** One message about several groups of the provider (R9). */
  async #call(
    committee: CommitteeSnapshot,
    { operator, slot, blockHash, seed }: ChallengeEffect,
    ready: readonly Ready[],
    endpoint: ProviderTarget,
    signal: AbortSignal,
  ): Promise<Attempt[]> {
    const request: ChallengeRequest = {
      chainId: committee.chainId,
      committee: committee.address,
      operator,
      keeper: this.#on.keyring.operator,
      slot,
      blockHash,
      seed,
      targets: ready.map(({ known, target }) => ({ group: known.group, provider: target.provider })),
    };
    const { timeout_ms } = this.#options;
    const response = await this.#on.provider.challenge(endpoint, request, { timeout_ms, signal });
    if (!response.ok) {
      if (response.reason === "unreachable") this.#endpoints.delete(operator);
      this.#on.telemetry.info("challenge failed", { operator, why: response.detail });
      return ready.map(() => failedBy(response));
    }
    return ready.map((one, i) => this.#judge(request, one, response.answers[i]));
  }

  #judge(
    request: ChallengeRequest,
    { target, known, list }: Ready,
    answer: ChallengeAnswer | Refusal | undefined,
  ): Attempt {
    const about = { group: known.group, provider: target.provider };
    if (answer === undefined || answer.kind === "refusal") {
      const why = answer === undefined ? "no answer" : `${answer.code}: ${answer.detail}`;
      this.#on.telemetry.info("challenge refused", { ...about, why });
      return { answer: { kind: "failed", reason: "refused" }, again: answer?.code === "busy" };
    }
    const { receiptKey } = known.data;
    const checked = this.#on.crypto.checkAnswer({ request, target: about, answer, list, receiptKey });
    if (!checked.ok) {
      this.#on.telemetry.info("answer refused", { ...about, why: checked.detail });
      return { answer: { kind: "failed", reason: checked.code }, again: false };
    }
    const { bytesProven, receiptHash } = checked.value;
    const { receipt, proof } = answer;
    return { answer: { kind: "proven", bytes: bytesProven, receiptHash, receipt, proof }, again: false };
  }

  /**
   * The piece list for another keeper's full proof. That keeper has it, and so has a leader that counts the reveal. If a provider serves
   * its list only to some keepers, the others can still check the reveals of those (L3).
   */
  async pieceList(
    committee: CommitteeSnapshot,
    proof: LeafKey,
    holders: readonly Hex[],
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    const known = dataOfTurn(committee, proof);
    if (known === undefined) return undefined;
    const { operator, group, data } = known;
    const query = { committee, group, provider: proof.provider, data };
    const target = await this.#target(committee, operator);
    const keepers = [...this.#lists.helpfulFirst(holders), ...this.#keepers(committee)];
    if (target === undefined) return this.#lists.find(query, keepers);
    const fromProvider = async (): Promise<PieceList | undefined> => {
      const result = await this.#listOfProvider(query, operator, target, signal);
      return result.ok ? result.list : undefined;
    };
    return this.#lists.find(query, [...new Set<Source>([...keepers, fromProvider])]);
  }

  /** Answers the question of another keeper for a piece list. */
  answerPieces(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lists.answer(bytes);
  }

  pruneLists(committee: CommitteeSnapshot): Promise<void> {
    return this.#lists.prune(committee);
  }

  /**
   * The piece list for this keeper's own challenge: from the provider, or from another keeper if the provider withholds it (R10). If the
   * provider is unreachable, no keeper is asked, because the challenge would fail as well.
   */
  async #listFor(
    query: ListQuery,
    operator: Hex,
    target: ProviderTarget,
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    let isReachable = true;
    const fromProvider = async (): Promise<PieceList | undefined> => {
      const result = await this.#listOfProvider(query, operator, target, signal);
      isReachable = result.ok || result.reason !== "unreachable";
      return result.ok ? result.list : undefined;
    };
    const list = await this.#lists.find(query, [fromProvider]);
    if (list !== undefined || !isReachable) return list;
    return this.#lists.find(query, this.#keepers(query.committee));
  }

  #keepers({ version }: CommitteeSnapshot): Hex[] {
    const operators = version.members.map(({ operator }) => operator);
    return this.#lists.helpfulFirst(operators.filter((operator) => operator !== this.#on.keyring.operator));
  }

  #knownTarget(operator: Hex): ProviderTarget | undefined {
    const endpoint = this.#endpoints.get(operator);
    return endpoint === undefined ? undefined : { peerId: endpoint.peerId, addrs: endpoint.multiaddrs };
  }

  async #target({ address }: CommitteeSnapshot, operator: Hex): Promise<ProviderTarget | undefined> {
    const known = this.#knownTarget(operator);
    if (known !== undefined) return known;
    try {
      const endpoint = await this.#on.chain.providerEndpoint(operator);
      if (endpoint !== undefined) this.#endpoints.set(operator, endpoint);
    } catch (error) {
      this.#on.telemetry.reason(
        address,
        "rpc-down",
        `registry look-up of ${operator}: ${(error as Error).message}`,
      );
    }
    return this.#knownTarget(operator);
  }

  async #listOfProvider(
    { committee, group, provider, data }: ListQuery,
    operator: Hex,
    target: ProviderTarget,
    signal: AbortSignal,
  ): ReturnType<ProviderClient["pieceList"]> {
    const { chainId, address } = committee;
    const { listRoot, bytes } = data;
    const query = { chainId, committee: address, group, provider, listRoot, bytes };
    const { timeout_ms } = this.#options;
    const result = await this.#on.provider.pieceList(target, query, { timeout_ms, signal });
    if (!result.ok) {
      this.#endpoints.delete(operator);
      this.#on.telemetry.info("piece list not served", { group, provider, why: result.detail });
    }
    return result;
  }
}

function failedBy({ reason, refusal }: ProviderFailure): Attempt {
  if (reason === "malformed") return { answer: { kind: "failed", reason: "bad-proof" }, again: false };
  const again = reason !== "refused" || refusal === "busy";
  return { answer: { kind: "failed", reason }, again };
}
