/** Executes the effects of the core. Results return as events; nothing here decides about money. */
import { encodeBody, encodeMessage, messageDigest, signatureBytes } from "../../protocol/codec/message.ts";
import type { ChallengeTarget, Effect, Transaction } from "../core/effects.ts";
import type { Answer, Event, TransactionName } from "../core/events.ts";
import { memberIndex, slotAt, slotStart } from "../../protocol/committee.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Body } from "../../protocol/messages.ts";
import { domainOf } from "../../protocol/certificate.ts";
import type { KeeperState } from "../core/state.ts";
import type { ChainPort, Submission, SubmitResult } from "../ports/chain.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { CryptoPort, OpeningsScope } from "../ports/crypto.ts";
import type { KeyringPort } from "../ports/keyring.ts";
import type { LedgerPort } from "../ports/ledger.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import type { Challenger } from "./challenger.ts";
import { BackgroundQueue } from "./background.ts";
import { dataOfSlot, dataOfTurn } from "./committee-data.ts";
import type { RecordExchange } from "./exchange.ts";
import type { CommitteeQuotas } from "./round-quota.ts";
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
  readonly quotas: CommitteeQuotas;
};

export function topicOf(chainId: number, committee: Hex): string {
  return `whitepay/2/${chainId}/${committee}`;
}

const exchangeWidth = 8;

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** All effects but `persist`, which the loop executes before any other effect of its step. */
export type ExecutedEffect = Exclude<Effect, { kind: "persist" }>;

/** Executes the effects of one committee's state machine. */
export class Effects {
  readonly #committee: Hex;
  readonly #on: EffectDependencies;
  readonly #emit: (event: Event) => void;
  readonly #signal: AbortSignal;
  /** BLS work blocks the process for milliseconds: one piece at a time, with other work in between. */
  readonly #heavy: BackgroundQueue;
  /** Questions for records, a few at a time, so that many disputed providers do not open many streams (R24). */
  readonly #exchange: BackgroundQueue;
  #underWay = 0;

  constructor(committee: Hex, on: EffectDependencies, emit: (event: Event) => void, signal: AbortSignal) {
    this.#committee = committee;
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
    const { committee } = state;
    if (effect.kind === "reason")
      return this.#on.telemetry.reason(this.#committee, effect.code, effect.detail);
    if (committee === undefined) return;
    switch (effect.kind) {
      case "book":
        return this.#book(committee, effect);
      case "broadcast":
        return this.#broadcast(committee, effect.body);
      case "make-seed":
        return this.#heavy.addFirst(() => this.#makeSeed(committee, effect)); // before other work, because the slot does not wait (R8)
      case "challenge":
        return void this.#await(this.#challenge(committee, state, effect));
      case "open":
        return this.#background(this.#open(effect));
      case "serve-pages":
        return this.#on.exchange.servePages(effect.pages);
      case "fetch-values":
        return this.#exchange.add(() => this.#fetchValues(committee, effect));
      case "check-openings":
        return this.#background(this.#checkOpenings(committee, state, effect));
      case "sign-digest":
        return this.#signDigest(committee, effect);
      case "aggregate":
        return this.#heavy.add(() => this.#aggregate(committee, effect));
      case "pull":
        return void this.#await(this.#pull(committee, state, effect));
      case "ask-certificate":
        return void this.#await(this.#askCertificate(committee, effect));
      case "ask-fee":
        return this.#background(this.#askFee(effect));
      case "pass-on":
        return this.#background(
          this.#on.transport.publish(topicOf(committee.chainId, committee.address), effect.message.bytes),
        );
      case "gather-records":
        return this.#exchange.add(() => this.#gatherRecords(committee, state, effect));
      case "pack-pages":
        return this.#packPages(effect);
      case "fetch-pages":
        return this.#exchange.add(() => this.#fetchPages(committee, effect));
      case "submit":
        return void this.#await(this.#submit(effect));
      case "consent":
        return void this.#await(this.#consent(effect));
      case "prune":
        return this.#background(this.#prune(committee, effect));
      case "evidence":
        return this.#background(
          this.#on.store.keepEvidence({
            committee: this.#committee,
            first: effect.first.bytes,
            second: effect.second.bytes,
          }),
        );
    }
  }

  #failed(error: unknown): void {
    if (this.#signal.aborted) return;
    this.#on.telemetry.error("an effect failed", { committee: this.#committee, error: String(error) });
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
    const end = this.#begin();
    void work.then(end, (error: unknown) => {
      end();
      this.#failed(error);
    });
  }

  #book(committee: CommitteeSnapshot, { record }: EffectOf<"book">): void {
    const known = dataOfSlot(committee, record);
    if (known === undefined) return;
    const served = { committee: committee.address, group: known.group };
    this.#on.ledger.addChallenge(served, record, known.data.bytes);
  }

  #broadcast(committee: CommitteeSnapshot, body: Body): void {
    const { chainId, address } = committee;
    const { version } = committee.version;
    const keeper = memberIndex(committee.version, this.#on.keyring.operator);
    const encoded = encodeBody(body);
    const hash = messageDigest(domainOf(chainId, address), version, keeper, body, encoded);
    const signature = this.#on.keyring.signMessage(hash);
    if (signature.length !== 2 + signatureBytes * 2) throw new Error(`signature: actual ${signature}`);
    const envelope = { chainId, committee: address, version, keeper, body, signature };
    const bytes = encodeMessage(envelope, encoded);
    const message = { keeper, version, body, hash, signature, bytes };
    // R19: an own message counts as passed on when it is sent.
    const sent = this.#on.transport.publish(topicOf(chainId, address), bytes);
    this.#background(sent.finally(() => this.#emit({ kind: "message", message, way: "gossip" })));
  }

  #makeSeed(committee: CommitteeSnapshot, effect: EffectOf<"make-seed">): void {
    const { operator, slot, blockHash } = effect;
    const { chainId, address } = committee;
    const seed = this.#on.keyring.signSeed({ chainId, committee: address, operator, slot, blockHash });
    this.#emit({ kind: "seed", operator, slot, blockHash, seed });
  }

  async #challenge(
    committee: CommitteeSnapshot,
    state: KeeperState,
    effect: EffectOf<"challenge">,
  ): Promise<void> {
    const last = state.head + committee.params.answer;
    const counts = (): boolean => state.head <= last;
    const { operator, slot, blockHash } = effect;
    const done = this.#begin();
    // An unreachable provider is challenged again until it is late by blocks; this does not count as work under way.
    const unreachable = new Set<ChallengeTarget>();
    let waiting = effect.targets.length;
    const tell = ({ group, provider }: ChallengeTarget, answer: Answer): void =>
      this.#emit({ kind: "answer", operator, name: { group, provider }, slot, blockHash, answer });
    const onUnreachable = (target: ChallengeTarget): void => {
      tell(target, { kind: "failed", reason: "unreachable" });
      if (unreachable.has(target)) return;
      unreachable.add(target);
      if (--waiting === 0) done();
    };
    const onAnswer = (target: ChallengeTarget, answer: Answer): void => {
      tell(target, answer);
      if (!unreachable.has(target) && --waiting === 0) done();
    };
    const asking = { signal: this.#signal, counts, onUnreachable, onAnswer };
    try {
      await this.#on.challenger.ask(committee, effect, asking);
    } finally {
      done();
    }
  }

  async #open(effect: EffectOf<"open">): Promise<void> {
    const { store } = this.#on;
    const stored = await Promise.all(effect.leaves.map((leaf) => store.proofOf(this.#committee, leaf)));
    const first = stored[0];
    const proof =
      effect.proofOf === undefined || first === undefined
        ? undefined
        : { ...effect.proofOf, seed: first.seed, proof: first.proof };
    this.#emit({ kind: "opened", round: effect.round, receipts: stored.map((s) => s?.receipt), proof });
  }

  async #prune(committee: CommitteeSnapshot, effect: EffectOf<"prune">): Promise<void> {
    const { ts, certificatesFrom } = effect;
    const firstSlot = slotAt(committee.params, ts);
    await this.#on.store.prune(this.#committee, ts, firstSlot, certificatesFrom);
    await this.#on.challenger.pruneLists(committee);
  }

  /** Fetching the piece list may take seconds, so only the check itself enters the queue of heavy work. */
  async #checkOpenings(
    committee: CommitteeSnapshot,
    state: KeeperState,
    effect: EffectOf<"check-openings">,
  ): Promise<void> {
    const { reveal, proof, opened, round } = effect;
    const { members } = committee.version;
    const keeper = members[reveal.keeper];
    if (keeper === undefined) return;
    const leader = members[reveal.body.round.leader]?.operator ?? keeper.operator;
    const pieceList =
      proof === undefined
        ? undefined
        : await this.#on.challenger.pieceList(committee, proof, [leader, keeper.operator], this.#signal);
    const scope: OpeningsScope = {
      chainId: committee.chainId,
      committee: committee.address,
      keeper,
      dataOf: (key) => dataOfTurn(committee, key),
      pieceList,
      blockHash: proof === undefined ? undefined : state.hashes.get(slotStart(committee.params, proof.slot)),
    };
    this.#heavy.add(() => {
      const missing = proof !== undefined && pieceList === undefined;
      const fault = missing ? "piece-list-missing" : this.#on.crypto.openingsFault(opened, proof, scope);
      this.#emit({ kind: "openings-checked", round, reveal: reveal.hash, keeper: reveal.keeper, fault });
    });
  }

  #signDigest(committee: CommitteeSnapshot, effect: EffectOf<"sign-digest">): void {
    const signature = this.#on.keyring.signDigest(effect.digest);
    this.#broadcast(committee, { kind: "partial", round: effect.round, digest: effect.digest, signature });
  }

  #aggregate(committee: CommitteeSnapshot, effect: EffectOf<"aggregate">): void {
    const { ts, turn, digest, partials } = effect;
    const aggregate = this.#on.crypto.aggregate(digest, partials, committee.version.members);
    this.#emit({ kind: "aggregated", ts, turn, digest, ...aggregate });
  }

  async #pull(committee: CommitteeSnapshot, state: KeeperState, effect: EffectOf<"pull">): Promise<void> {
    const { questions, quotas } = this.#on;
    const messages = await questions.pull(committee, state, effect, quotas);
    if (messages === undefined) return;
    for (const message of messages) {
      const way = quotas.passesOn(state, message) ? "question" : "surplus";
      this.#emit({ kind: "message", message, way });
    }
    this.#emit({ kind: "pulled", keeper: effect.keeper, askedAt: effect.askedAt });
  }

  async #gatherRecords(
    committee: CommitteeSnapshot,
    state: KeeperState,
    effect: EffectOf<"gather-records">,
  ): Promise<void> {
    const leaves = await this.#on.exchange.gather(committee, state, effect);
    const { round, owner, name } = effect;
    this.#emit({ kind: "records", round, owner, name, leaves });
  }

  async #fetchValues(committee: CommitteeSnapshot, effect: EffectOf<"fetch-values">): Promise<void> {
    const values = await this.#on.exchange.fetchValues(committee, effect);
    this.#emit({ kind: "values", round: effect.round, reveal: effect.reveal, values });
  }

  async #askCertificate(committee: CommitteeSnapshot, effect: EffectOf<"ask-certificate">): Promise<void> {
    const signed = await this.#on.questions.certificate(committee, effect);
    if (signed !== undefined) this.#emit({ kind: "certificate", ...signed });
  }

  /** An unknown fee does not prevent the submission, which reports its own errors. */
  async #askFee({ transaction }: EffectOf<"ask-fee">): Promise<void> {
    const submission = { committee: this.#committee, ...transaction };
    const amount = await this.#on.chain.fee(submission).catch(() => undefined);
    this.#emit({ kind: "fee", ...nameOf(transaction), amount });
  }

  #packPages(effect: EffectOf<"pack-pages">): void {
    const pages = this.#on.exchange.pack(this.#committee, effect);
    this.#emit({ kind: "packed", round: effect.round, pages });
  }

  async #fetchPages(committee: CommitteeSnapshot, effect: EffectOf<"fetch-pages">): Promise<void> {
    const result = await this.#on.exchange.fetch(committee, effect);
    this.#emit({ kind: "pages", round: effect.round, result });
  }

  async #send(submission: Submission): Promise<SubmitResult> {
    try {
      return await this.#on.chain.submit(submission, this.#signal);
    } catch (error) {
      return { kind: "failed", detail: (error as Error).message };
    }
  }

  async #consent({ version, replaced, members }: EffectOf<"consent">): Promise<void> {
    const committee = this.#committee;
    const { telemetry } = this.#on;
    const consent = { kind: "consent", committee, version, replaced: replaced.length, members } as const;
    const result = await this.#send(consent);
    this.#emit({ kind: "consented", version });
    if (result.kind === "failed") return telemetry.reason(committee, "submit-failed", result.detail);
    if (result.kind === "superseded")
      return telemetry.info("consent no longer needed", { committee, version, detail: result.detail });
    // A reason, so that metrics count it.
    const changes = replaced.map(({ seat, by }) => `keeper ${seat} resigned, ${by} takes its seat`);
    telemetry.reason(committee, "consented-alone", `consented to version ${version}: ${changes.join("; ")}`);
  }

  async #submit({ transaction }: EffectOf<"submit">): Promise<void> {
    const committee = this.#committee;
    const result = await this.#send({ committee, ...transaction });
    const block = result.kind === "mined" ? result.block : undefined;
    // A settlement that another keeper's made superfluous is not repeated: the next snapshot shows its groups settled.
    if (result.kind !== "superseded") {
      this.#emit({ kind: "submission", ...nameOf(transaction), block });
    }
    if (result.kind === "failed") {
      return this.#on.telemetry.reason(committee, "submit-failed", result.detail);
    }
    const { ts, te } = transaction.certificate;
    if (result.kind === "superseded") {
      return this.#on.telemetry.info("transaction no longer needed", { committee, detail: result.detail });
    }
    // The bookkeeper writes settlements from the chain into the ledger, own ones and others alike.
    const done = transaction.kind === "certify" ? "certified" : "settled";
    this.#on.telemetry.info(done, {
      committee,
      ts,
      te,
      groups: transaction.run.length,
      tx: result.tx,
      block,
    });
  }
}

function nameOf({ kind, certificate, turn, run }: Transaction): TransactionName {
  return { transaction: kind, ts: certificate.ts, turn, first: run.first };
}

/** A random id for this process, 16 bytes (D9). */
export function instanceName(entropy: Hex): Hex {
  return entropy.slice(0, 2 + 32) as Hex;
}
