/** Challenges providers and checks their answers (R11–R13). A piece list is fetched once for each list root. */
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import type { Effect } from "../core/effects.ts";
import type { Answer } from "../core/events.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChainPort, Endpoint } from "../ports/chain.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { KeyringPort } from "../ports/keyring.ts";
import type { ProviderClient, ProviderFailure, ProviderTarget } from "../ports/provider.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { dataOfSlot } from "./group-data.ts";
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
  /** Called after each attempt that did not reach the provider, while further attempts may follow. */
  readonly onUnreachable: () => void;
};

/** The result of one attempt, and whether another attempt may give another result. */
type Attempt = { readonly answer: Answer; readonly again: boolean };

const unreachable: Attempt = { answer: { kind: "failed", reason: "unreachable" }, again: true };

/** Pause before the second attempt; it doubles with each attempt. */
const firstPause_ms = 250;
const longestPause_ms = 4_000;

type ChallengeEffect = Extract<Effect, { kind: "challenge" }>;

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
   * Repeats a challenge while an answer would still count, if the provider was busy or unreachable or if the clock of this keeper ended
   * the call: blocks decide what is late (R13), and a provider repeats its answer to the same challenge (R12).
   */
  async ask(group: GroupSnapshot, effect: ChallengeEffect, asking: Asking): Promise<Answer> {
    const { signal, counts, onUnreachable } = asking;
    for (let pause_ms = firstPause_ms; ; pause_ms = Math.min(longestPause_ms, 2 * pause_ms)) {
      const { answer, again } = await this.#attempt(group, effect, signal);
      if (!again || !counts() || signal.aborted) return answer;
      if (answer.kind === "failed" && answer.reason === "unreachable") onUnreachable();
      await this.#on.clock.sleep(pause_ms, signal);
    }
  }

  async #attempt(group: GroupSnapshot, effect: ChallengeEffect, signal: AbortSignal): Promise<Attempt> {
    const data = dataOfSlot(group, effect.provider, effect.slot);
    const target = await this.#target(group, effect.provider);
    if (data === undefined || target === undefined) return unreachable;
    const query = { group, provider: effect.provider, data };
    const list = await this.#listFor(query, target, signal);
    if (list === undefined) return unreachable;
    const request: ChallengeRequest = {
      chainId: group.chainId,
      group: group.address,
      keeper: this.#on.keyring.operator,
      provider: effect.provider,
      slot: effect.slot,
      blockHash: effect.blockHash,
      seed: effect.seed,
    };
    const { timeout_ms } = this.#options;
    const response = await this.#on.provider.challenge(target, request, { timeout_ms, signal });
    if (!response.ok) {
      if (response.reason === "unreachable") this.#forgetEndpoint(group, effect.provider);
      this.#on.telemetry.info("challenge failed", { provider: effect.provider, why: response.detail });
      return failedBy(response);
    }
    const { receiptKey } = data;
    const checked = this.#on.crypto.checkAnswer({ request, answer: response.answer, list, receiptKey });
    if (!checked.ok) {
      this.#on.telemetry.info("answer refused", { provider: effect.provider, why: checked.detail });
      return { answer: { kind: "failed", reason: checked.code }, again: false };
    }
    const { bytesProven, receiptHash } = checked.value;
    const { receipt, proof } = response.answer;
    const answer = { kind: "proven", bytes: bytesProven, receiptHash, receipt, proof } as const;
    return { answer, again: false };
  }

  /**
   * The piece list for another keeper's full proof. That keeper has it, and so has a leader that counts the reveal. If a provider serves
   * its list only to some keepers, the others can still check the reveals of those (L3).
   */
  async pieceList(
    group: GroupSnapshot,
    proof: { readonly provider: number; readonly slot: number },
    holders: readonly Hex[],
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    const { provider, slot } = proof;
    const data = dataOfSlot(group, provider, slot);
    if (data === undefined) return undefined;
    const query = { group, provider, data };
    const target = await this.#target(group, provider);
    const keepers = [...this.#lists.helpfulFirst(holders), ...this.#keepers(group)];
    if (target === undefined) return this.#lists.find(query, keepers);
    const fromProvider = async (): Promise<PieceList | undefined> => {
      const result = await this.#listOfProvider(query, target, signal);
      return result.ok ? result.list : undefined;
    };
    return this.#lists.find(query, [...new Set<Source>([...keepers, fromProvider])]);
  }

  /** Answers the question of another keeper for a piece list. */
  answerPieces(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lists.answer(bytes);
  }

  pruneLists(group: GroupSnapshot): Promise<void> {
    return this.#lists.prune(group);
  }

  /**
   * The piece list for this keeper's own challenge: from the provider, or from another keeper if the provider withholds it (R10). If the
   * provider is unreachable, no keeper is asked, because the challenge would fail as well.
   */
  async #listFor(
    query: ListQuery,
    target: ProviderTarget,
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    let isReachable = true;
    const fromProvider = async (): Promise<PieceList | undefined> => {
      const result = await this.#listOfProvider(query, target, signal);
      isReachable = result.ok || result.reason !== "unreachable";
      return result.ok ? result.list : undefined;
    };
    const list = await this.#lists.find(query, [fromProvider]);
    if (list !== undefined || !isReachable) return list;
    return this.#lists.find(query, this.#keepers(query.group));
  }

  #keepers(group: GroupSnapshot): Hex[] {
    const operators = group.committee.members.map(({ operator }) => operator);
    return this.#lists.helpfulFirst(operators.filter((operator) => operator !== this.#on.keyring.operator));
  }

  async #target(group: GroupSnapshot, provider: number): Promise<ProviderTarget | undefined> {
    const operator = group.providers.find((p) => p.index === provider)?.operator;
    if (operator === undefined) return undefined;
    let endpoint = this.#endpoints.get(operator);
    if (endpoint === undefined) {
      try {
        endpoint = await this.#on.chain.providerEndpoint(operator);
      } catch (error) {
        this.#on.telemetry.reason(
          group.address,
          "rpc-down",
          `registry look-up of ${operator}: ${(error as Error).message}`,
        );
      }
      if (endpoint === undefined) return undefined;
      this.#endpoints.set(operator, endpoint);
    }
    return { peerId: endpoint.peerId, addrs: endpoint.multiaddrs };
  }

  #forgetEndpoint(group: GroupSnapshot, provider: number): void {
    const operator = group.providers.find((p) => p.index === provider)?.operator;
    if (operator !== undefined) this.#endpoints.delete(operator);
  }

  async #listOfProvider(
    { group, provider, data }: ListQuery,
    target: ProviderTarget,
    signal: AbortSignal,
  ): ReturnType<ProviderClient["pieceList"]> {
    const { chainId, address } = group;
    const { listRoot, bytes } = data;
    const query = { chainId, group: address, provider, listRoot, bytes };
    const { timeout_ms } = this.#options;
    const result = await this.#on.provider.pieceList(target, query, { timeout_ms, signal });
    if (!result.ok) {
      this.#forgetEndpoint(group, provider);
      this.#on.telemetry.info("piece list not served", { provider, why: result.detail });
    }
    return result;
  }
}

function failedBy({ reason, refusal }: ProviderFailure): Attempt {
  if (reason === "malformed") return { answer: { kind: "failed", reason: "bad-proof" }, again: false };
  const again = reason !== "refused" || refusal === "busy";
  return { answer: { kind: "failed", reason }, again };
}
