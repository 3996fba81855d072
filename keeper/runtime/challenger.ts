/** Asks providers and checks what they answer (R11–R13). Piece lists are fetched once per list root. */
import {
  MAX_PAGE_PIECES,
  decodePiecesRequest,
  decodePiecesResponse,
  encodePiecesRequest,
  encodePiecesResponse,
} from "../codec/challenge.ts";
import type { ChallengeRequest } from "../codec/challenge.ts";
import { collectPieces, pageOf } from "../codec/piece-pages.ts";
import type { Effect } from "../core/effects.ts";
import type { Answer } from "../core/events.ts";
import type { DataCheckpoint, GroupSnapshot } from "../core/group.ts";
import type { Hex } from "../core/hash.ts";
import type { ChainPort, Endpoint } from "../ports/chain.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import type { KeyringPort } from "../ports/keyring.ts";
import type { ProviderClient, ProviderFailure, ProviderTarget } from "../ports/provider.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { dataOfSlot } from "./group-data.ts";

export type ChallengerOptions = {
  /** Real time for one call; the chain's blocks decide whether the answer counts (R13). */
  readonly timeout_ms: number;
  /** Piece lists kept in memory; the oldest goes first. */
  readonly maxLists: number;
};

export type ChallengerDependencies = {
  readonly provider: ProviderClient;
  readonly chain: ChainPort;
  readonly crypto: CryptoPort;
  readonly keyring: KeyringPort;
  readonly telemetry: TelemetryPort;
  readonly transport: Pick<TransportPort, "ask">;
  readonly clock: Pick<ClockPort, "now_ms" | "sleep">;
};

/** Before a busy provider is asked again; doubled each time. */
const firstPause_ms = 250;
const longestPause_ms = 4_000;

type ChallengeEffect = Extract<Effect, { kind: "challenge" }>;

export class Challenger {
  readonly #options: ChallengerOptions;
  readonly #on: ChallengerDependencies;
  /** Where providers are; looked up again after a failed call, since a provider may have moved. */
  readonly #endpoints = new Map<Hex, Endpoint>();
  readonly #lists = new Map<Hex, PieceList>();
  /** Fetches under way, so that several questions for one list cost one fetch. */
  readonly #fetching = new Map<string, Promise<PieceList | undefined>>();

  constructor(options: ChallengerOptions, on: ChallengerDependencies) {
    this.#options = options;
    this.#on = on;
  }

  /** @param counts whether an answer that came now would still count (R13): so long a busy provider is asked again */
  async ask(
    group: GroupSnapshot,
    effect: ChallengeEffect,
    signal: AbortSignal,
    counts: () => boolean,
  ): Promise<Answer> {
    const data = dataOfSlot(group, effect.provider, effect.slot);
    const target = await this.#target(group, effect.provider);
    if (data === undefined || target === undefined) return { kind: "failed", reason: "unreachable" };
    const list = await this.#list(group, effect.provider, data, target, signal);
    if (list === undefined) return { kind: "failed", reason: "unreachable" };
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
    const response = await this.#untilHeard(signal, counts, () =>
      this.#on.provider.challenge(target, request, { timeout_ms, signal }),
    );
    if (!response.ok) {
      if (response.reason === "unreachable") this.#forgetEndpoint(group, effect.provider);
      this.#on.telemetry.info("challenge failed", { provider: effect.provider, why: response.detail });
      return { kind: "failed", reason: response.reason === "malformed" ? "bad-proof" : response.reason };
    }
    const { receiptKey } = data;
    const checked = this.#on.crypto.checkAnswer({ request, answer: response.answer, list, receiptKey });
    if (!checked.ok) {
      this.#on.telemetry.info("answer refused", { provider: effect.provider, why: checked.detail });
      return { kind: "failed", reason: checked.code };
    }
    const { bytesProven, receiptHash } = checked.value;
    const { receipt, proof } = response.answer;
    return { kind: "proven", bytes: bytesProven, receiptHash, receipt, proof };
  }

  /** A provider that many ask at once refuses some: they come again, each time later, as long as it makes a difference. */
  async #untilHeard<T extends { readonly ok: true } | ProviderFailure>(
    signal: AbortSignal,
    counts: () => boolean,
    call: () => Promise<T>,
  ): Promise<T> {
    for (let pause_ms = firstPause_ms; ; pause_ms = Math.min(longestPause_ms, 2 * pause_ms)) {
      const response = await call();
      if (response.ok || response.refusal !== "busy" || !counts() || signal.aborted) return response;
      await this.#on.clock.sleep(pause_ms, signal);
    }
  }

  /**
   * The list behind another keeper's full proof. That keeper has it, and so has a leader that counts the reveal: a
   * provider that answers only some keepers must not make the others refuse what those reveal (L3).
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
    const known = this.#lists.get(data.listRoot);
    if (known !== undefined) return known;
    for (const holder of new Set(holders)) {
      const list = await this.#listOfKeeper(group, provider, data, holder);
      if (list !== undefined) return list;
    }
    const target = await this.#target(group, provider);
    return target === undefined ? undefined : this.#list(group, provider, data, target, signal);
  }

  async #listOfKeeper(
    group: GroupSnapshot,
    provider: number,
    data: DataCheckpoint,
    holder: Hex,
  ): Promise<PieceList | undefined> {
    const { chainId, address } = group;
    const { listRoot } = data;
    const { clock } = this.#on;
    const deadline_ms = clock.now_ms() + this.#options.timeout_ms;
    const collected = await collectPieces(data, async (first) => {
      // A holder that sends a page now and then must not keep this keeper from asking the next one (L3).
      if (clock.now_ms() > deadline_ms) return { failure: "too slow" };
      const question = encodePiecesRequest({ chainId, group: address, provider, listRoot, first });
      const reply = await this.#on.transport.ask(holder, "pieces", question);
      const page = reply === undefined ? undefined : decodePiecesResponse(reply);
      if (page?.ok !== true || page.value.kind !== "pieces") return { failure: "not served" };
      const full = Math.min(page.value.total - first, MAX_PAGE_PIECES);
      return page.value.pieces.length === full ? page.value : { failure: "a page that is not full" };
    });
    if ("failure" in collected || !collected.ok) return undefined;
    this.#remember(listRoot, collected.value);
    return collected.value;
  }

  /** Another keeper asks for a list that this one has. */
  answerPieces(bytes: Uint8Array): Uint8Array | undefined {
    const question = decodePiecesRequest(bytes);
    if (!question.ok) return undefined;
    const list = this.#lists.get(question.value.listRoot);
    if (list === undefined || question.value.first >= list.pieces.length) return undefined;
    return encodePiecesResponse(pageOf(list, question.value.first));
  }

  #remember(listRoot: Hex, list: PieceList): void {
    this.#lists.set(listRoot, list);
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= this.#options.maxLists) break;
      this.#lists.delete(oldest);
    }
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
          `registry look-up of ${operator}: ${String(error)}`,
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

  async #list(
    group: GroupSnapshot,
    provider: number,
    data: DataCheckpoint,
    target: ProviderTarget,
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    const known = this.#lists.get(data.listRoot);
    if (known !== undefined) return known;
    // Of two providers with one list each is asked for itself: one that does not serve it must not speak for the other (L3).
    const key = `${data.listRoot}/${target.peerId}`;
    const running = this.#fetching.get(key);
    if (running !== undefined) return running;
    const fetch = this.#fetch(group, provider, data, target, signal);
    this.#fetching.set(key, fetch);
    try {
      return await fetch;
    } finally {
      this.#fetching.delete(key);
    }
  }

  async #fetch(
    group: GroupSnapshot,
    provider: number,
    data: DataCheckpoint,
    target: ProviderTarget,
    signal: AbortSignal,
  ): Promise<PieceList | undefined> {
    const { chainId, address } = group;
    const { listRoot, bytes } = data;
    const query = { chainId, group: address, provider, listRoot, bytes };
    const { timeout_ms } = this.#options;
    const result = await this.#on.provider.pieceList(target, query, { timeout_ms, signal });
    if (!result.ok) {
      this.#forgetEndpoint(group, provider);
      this.#on.telemetry.info("piece list not served", { provider, why: result.detail });
      return undefined;
    }
    this.#remember(listRoot, result.list);
    return result.list;
  }
}
