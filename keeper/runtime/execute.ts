/** Executes the effects of the core. Results return as events; nothing here decides about money. */
import { encodeBody, encodeMessage, messageDigest, signatureBytes } from "../../protocol/codec/message.ts";
import type { Effect } from "../core/effects.ts";
import type { Answer, Event } from "../core/events.ts";
import { memberIndex, slotAt, slotStart } from "../../protocol/group.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Body } from "../../protocol/messages.ts";
import { domainSeparator } from "../../protocol/settlement.ts";
import type { KeeperState } from "../core/state.ts";
import type { ChainPort, SubmitResult } from "../ports/chain.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { CryptoPort, OpeningsScope } from "../ports/crypto.ts";
import type { KeyringPort } from "../ports/keyring.ts";
import type { LedgerPort } from "../ports/ledger.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import type { Challenger } from "./challenger.ts";
import { BackgroundQueue } from "./background.ts";
import { dataOfSlot } from "./group-data.ts";
import type { RecordExchange } from "./exchange.ts";
import type { GroupQuotas } from "./round-quota.ts";
import type { Questions } from "./questions.ts";

export type EffectDependencies = {
  readonly keyring: KeyringPort;
  readonly crypto: CryptoPort;
  readonly store: StorePort;
  readonly ledger: LedgerPort;
  readonly transport: TransportPort;
  readonly chain: ChainPort;
  readonly telemetry: TelemetryPort;
  readonly clock: ClockPort;
  readonly challenger: Challenger;
  readonly questions: Questions;
  readonly exchange: RecordExchange;
  readonly quotas: GroupQuotas;
};

export function topicOf(chainId: number, group: Hex): string {
  return `whitepay/1/${chainId}/${group}`;
}

const exchangeWidth = 8;

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** All effects but `persist`, which the loop executes before any other effect of its step. */
export type ExecutedEffect = Exclude<Effect, { kind: "persist" }>;

/** Executes the effects of one group's state machine. */
export class Effects {
  readonly #group: Hex;
  readonly #on: EffectDependencies;
  readonly #emit: (event: Event) => void;
  readonly #signal: AbortSignal;
  /** BLS work blocks the process for milliseconds: one piece at a time, with other work in between. */
  readonly #heavy: BackgroundQueue;
  /** Questions for records, a few at a time, so that many disputed providers do not open many streams (R24). */
  readonly #exchange: BackgroundQueue;
  #underWay = 0;

  constructor(group: Hex, on: EffectDependencies, emit: (event: Event) => void, signal: AbortSignal) {
    this.#group = group;
    this.#on = on;
    this.#emit = emit;
    this.#signal = signal;
    const onError = (error: unknown): void => this.#failed(error);
    this.#heavy = new BackgroundQueue(on.clock, onError, 1);
    this.#exchange = new BackgroundQueue(on.clock, onError, exchangeWidth);
  }

  /** Challenges, checks and writes that have not ended, without those that end only with a block or with another keeper's answer. */
  get underWay(): number {
    return this.#underWay + this.#heavy.length;
  }

  run(effect: ExecutedEffect, state: KeeperState): void {
    const group = state.group;
    if (effect.kind === "reason") return this.#on.telemetry.reason(this.#group, effect.code, effect.detail);
    if (group === undefined) return;
    switch (effect.kind) {
      case "book":
        return this.#book(group, effect);
      case "broadcast":
        return this.#broadcast(group, effect.body);
      case "make-seed":
        return this.#heavy.addFirst(() => this.#makeSeed(group, effect)); // before other work, because the slot does not wait (R8)
      case "challenge":
        return void this.#await(this.#challenge(group, state, effect));
      case "open":
        return this.#background(this.#open(effect));
      case "check-openings":
        return this.#background(this.#checkOpenings(group, state, effect));
      case "sign-digest":
        return this.#signDigest(group, effect);
      case "aggregate":
        return this.#heavy.add(() => this.#aggregate(group, effect));
      case "pull":
        return void this.#await(this.#pull(group, state, effect));
      case "ask-fee":
        return this.#background(this.#askFee(effect));
      case "pass-on":
        return this.#background(
          this.#on.transport.publish(topicOf(group.chainId, group.address), effect.message.bytes),
        );
      case "gather-records":
        return this.#exchange.add(() => this.#gatherRecords(group, state, effect));
      case "pack-pages":
        return this.#packPages(effect);
      case "fetch-pages":
        return this.#exchange.add(() => this.#fetchPages(group, effect));
      case "submit":
        return void this.#await(this.#submit(effect));
      case "prune":
        return this.#background(this.#prune(group, effect));
      case "evidence":
        return this.#background(
          this.#on.store.keepEvidence({
            group: this.#group,
            first: effect.first.bytes,
            second: effect.second.bytes,
          }),
        );
    }
  }

  #failed(error: unknown): void {
    if (this.#signal.aborted) return;
    this.#on.telemetry.error("an effect failed", { group: this.#group, error: String(error) });
  }

  async #await(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Counts one piece of work as under way until the returned function is called. */
  #begin(): () => void {
    this.#underWay++;
    let open = true;
    return () => {
      if (open) this.#underWay--;
      open = false;
    };
  }

  #background(work: Promise<void>): void {
    void this.#await(work).then(this.#begin());
  }

  #book(group: GroupSnapshot, { record }: EffectOf<"book">): void {
    const committed = dataOfSlot(group, record.provider, record.slot)?.bytes ?? 0n;
    this.#background(this.#on.ledger.addChallenge(this.#group, record, committed));
  }

  #broadcast(group: GroupSnapshot, body: Body): void {
    const keeper = memberIndex(group.committee, this.#on.keyring.operator);
    const committee = group.committee.version;
    const encoded = encodeBody(body);
    const domain = domainSeparator(group.chainId, group.address);
    const hash = messageDigest(domain, committee, keeper, body, encoded);
    const signature = this.#on.keyring.signMessage(hash);
    if (signature.length !== 2 + signatureBytes * 2) throw new Error(`signature: actual ${signature}`);
    const { chainId, address } = group;
    const bytes = encodeMessage({ chainId, group: address, committee, keeper, body, signature }, encoded);
    const message = { keeper, committee, body, hash, signature, bytes };
    // R19: an own message counts as passed on when it is sent.
    const sent = this.#on.transport.publish(topicOf(chainId, address), bytes);
    this.#background(sent.finally(() => this.#emit({ kind: "message", message, way: "gossip" })));
  }

  #makeSeed(group: GroupSnapshot, effect: EffectOf<"make-seed">): void {
    const { provider, slot, blockHash } = effect;
    const { chainId, address } = group;
    const seed = this.#on.keyring.signSeed({ chainId, group: address, provider, slot, blockHash });
    this.#emit({ kind: "seed", provider, slot, blockHash, seed });
  }

  async #challenge(group: GroupSnapshot, state: KeeperState, effect: EffectOf<"challenge">): Promise<void> {
    const last = state.head + group.params.answer;
    const counts = (): boolean => state.head <= last;
    const { provider, slot, blockHash } = effect;
    const done = this.#begin();
    // An unreachable provider is challenged again until it is late by blocks; this does not count as work under way.
    const tell = (answer: Answer): void => {
      this.#emit({ kind: "answer", provider, slot, blockHash, answer });
      done();
    };
    const onUnreachable = (): void => tell({ kind: "failed", reason: "unreachable" });
    try {
      tell(await this.#on.challenger.ask(group, effect, { signal: this.#signal, counts, onUnreachable }));
    } finally {
      done();
    }
  }

  async #open(effect: EffectOf<"open">): Promise<void> {
    const { store } = this.#on;
    const stored = await Promise.all(
      effect.leaves.map((leaf) => store.proofOf(this.#group, leaf.provider, leaf.slot)),
    );
    const first = stored[0];
    const proof =
      effect.proofOf === undefined || first === undefined
        ? undefined
        : { ...effect.proofOf, seed: first.seed, proof: first.proof };
    this.#emit({ kind: "opened", round: effect.round, receipts: stored.map((s) => s?.receipt), proof });
  }

  async #prune(group: GroupSnapshot, { ts }: EffectOf<"prune">): Promise<void> {
    await this.#on.store.prune(this.#group, ts, slotAt(group.params, ts));
    await this.#on.challenger.pruneLists(group);
  }

  /** Fetching the piece list may take seconds, so only the check itself enters the queue of heavy work. */
  async #checkOpenings(
    group: GroupSnapshot,
    state: KeeperState,
    effect: EffectOf<"check-openings">,
  ): Promise<void> {
    const { reveal, proof, opened, round } = effect;
    const { members } = group.committee;
    const keeper = members[reveal.keeper];
    if (keeper === undefined) return;
    const leader = members[reveal.body.round.leader]?.operator ?? keeper.operator;
    const pieceList =
      proof === undefined
        ? undefined
        : await this.#on.challenger.pieceList(group, proof, [leader, keeper.operator], this.#signal);
    const scope: OpeningsScope = {
      group,
      keeper,
      dataOf: (provider, slot) => dataOfSlot(group, provider, slot),
      pieceList,
      blockHash: proof === undefined ? undefined : state.hashes.get(slotStart(group.params, proof.slot)),
    };
    this.#heavy.add(() => {
      const missing = proof !== undefined && pieceList === undefined;
      const fault = missing ? "piece-list-missing" : this.#on.crypto.openingsFault(opened, proof, scope);
      this.#emit({ kind: "openings-checked", round, reveal: reveal.hash, keeper: reveal.keeper, fault });
    });
  }

  #signDigest(group: GroupSnapshot, effect: EffectOf<"sign-digest">): void {
    const signature = this.#on.keyring.signDigest(effect.digest);
    this.#broadcast(group, { kind: "partial", round: effect.round, digest: effect.digest, signature });
  }

  #aggregate(group: GroupSnapshot, effect: EffectOf<"aggregate">): void {
    const { ts, turn, digest, partials } = effect;
    const aggregate = this.#on.crypto.aggregate(digest, partials, group.committee.members);
    this.#emit({ kind: "aggregated", ts, turn, digest, ...aggregate });
  }

  async #pull(group: GroupSnapshot, state: KeeperState, effect: EffectOf<"pull">): Promise<void> {
    const { questions, quotas } = this.#on;
    const messages = await questions.pull(group, state, effect, quotas);
    if (messages === undefined) return;
    for (const message of messages) {
      const way = quotas.passesOn(state, message) ? "question" : "surplus";
      this.#emit({ kind: "message", message, way });
    }
    this.#emit({ kind: "pulled", keeper: effect.keeper, askedAt: effect.askedAt });
  }

  async #gatherRecords(
    group: GroupSnapshot,
    state: KeeperState,
    effect: EffectOf<"gather-records">,
  ): Promise<void> {
    const leaves = await this.#on.exchange.gather(group, state, effect);
    const { round, owner, provider } = effect;
    this.#emit({ kind: "records", round, owner, provider, leaves });
  }

  /** An unknown fee does not prevent the submission, which reports its own errors. */
  async #askFee(effect: EffectOf<"ask-fee">): Promise<void> {
    const { settlement, turn } = effect;
    const { chain } = this.#on;
    const amount = await chain.fee({ group: this.#group, ...effect }).catch(() => undefined);
    this.#emit({ kind: "fee", ts: settlement.ts, turn, amount });
  }

  #packPages(effect: EffectOf<"pack-pages">): void {
    const pages = this.#on.exchange.pack(this.#group, effect);
    this.#emit({ kind: "packed", round: effect.round, pages });
  }

  async #fetchPages(group: GroupSnapshot, effect: EffectOf<"fetch-pages">): Promise<void> {
    const result = await this.#on.exchange.fetch(group, effect);
    this.#emit({ kind: "pages", round: effect.round, result });
  }

  async #submit(effect: EffectOf<"submit">): Promise<void> {
    const { settlement, signers, signature, windowEnd, turn } = effect;
    const group = this.#group;
    const submission = { group, settlement, signers, signature, windowEnd };
    let result: SubmitResult;
    try {
      result = await this.#on.chain.submit(submission, this.#signal);
    } catch (error) {
      result = { kind: "failed", detail: (error as Error).message };
    }
    const block = result.kind === "mined" ? result.block : undefined;
    if (result.kind !== "superseded") this.#emit({ kind: "submission", ts: settlement.ts, turn, block });
    if (result.kind === "failed") {
      return this.#on.telemetry.reason(group, "submit-failed", result.detail);
    }
    if (result.kind === "superseded") {
      return this.#on.telemetry.info("settlement no longer needed", { group, detail: result.detail });
    }
    // The bookkeeper writes settlements from the chain into the ledger, own ones and others alike.
    this.#on.telemetry.info("settled", { group, ts: settlement.ts, te: settlement.te, tx: result.tx, block });
  }
}

/** A random id for this process, 16 bytes (D9). */
export function instanceName(entropy: Hex): Hex {
  return entropy.slice(0, 2 + 32) as Hex;
}
