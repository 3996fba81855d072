/** One keeper for all its committees: one chain feed and one transport, and a state machine for each committee (R39). */
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { slotAt } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Config, KeeperState } from "../core/state.ts";
import type { ChainUpdate, Endpoint } from "../ports/chain.ts";
import type { RequestHandler } from "../ports/transport.ts";
import type { Question } from "../../protocol/codec/question.ts";
import { Challenger } from "./challenger.ts";
import { wireVersion } from "../../protocol/codec/message.ts";
import type { WireReader } from "../../protocol/codec/message.ts";
import { Effects, instanceName, topicOf } from "./execute.ts";
import type { EffectDependencies } from "./execute.ts";
import { Ingress } from "./ingress.ts";
import { CommitteeLoop } from "./loop.ts";
import type { ChallengerDependencies, ChallengerOptions } from "./challenger.ts";
import { Questions } from "./questions.ts";
import { RecordExchange } from "./exchange.ts";
import { CommitteeQuotas } from "./round-quota.ts";
import {
  authorBytes,
  authorRate,
  maxCommittees,
  maxKeeperNames,
  questionRate,
  scaleOf,
  smallestScale,
} from "../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import { recover } from "./recovery.ts";

export type KeeperOptions = ChallengerOptions & {
  /** R37: consent without the operator to the replacement of members that resigned. */
  readonly replacesResigned: boolean;
};

export type KeeperDependencies = Omit<
  EffectDependencies,
  "challenger" | "questions" | "exchange" | "quotas"
> &
  Pick<ChallengerDependencies, "provider"> & { readonly reader?: WireReader };

/** Progress of a keeper. Two equal answers in a row with nothing under way: the keeper has finished its work for this head. */
export type Work = {
  /** Last handled head; −1: none. */
  readonly head: number;
  /** Challenges, checks and writes that have not ended, without those that end only with a block or with another keeper's answer. */
  readonly underWay: number;
  /** Number of events of all committees so far. */
  readonly handled: number;
};

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #on: KeeperDependencies;
  readonly #ingress: Ingress;
  readonly #challenger: Challenger;
  readonly #questions: Questions;
  readonly #exchange: RecordExchange;
  readonly #loops = new Map<Hex, CommitteeLoop>();
  readonly #quotas = new Map<Hex, CommitteeQuotas>();
  readonly #effects: Effects[] = [];
  #handledHead = -1;
  readonly #endpoints = new Map<Hex, Endpoint>();
  #scale = smallestScale;
  #connected: readonly Hex[] = [];
  #membersStale = false;
  #refreshing = false;
  #fatal: ((error: unknown) => void) | undefined;

  constructor(options: KeeperOptions, on: KeeperDependencies) {
    this.#options = options;
    this.#on = on;
    const { clock, crypto, reader } = on;
    this.#ingress = new Ingress({
      crypto,
      authors: this.#buckets(),
      rate: () => authorRate(this.#scale),
      bytesOfAuthors: this.#buckets(),
      byteRate: () => authorBytes(this.#scale),
      pause: () => clock.sleep(0),
      ...(reader === undefined ? {} : { reader }),
    });
    this.#challenger = new Challenger(options, on);
    this.#questions = new Questions({ ...on, ingress: this.#ingress });
    this.#exchange = new RecordExchange(on);
  }

  /** State of the machine of a committee, for status pages. */
  stateOf(committee: Hex): KeeperState | undefined {
    return this.#loops.get(committee)?.state;
  }

  /** Committees in which this keeper has or had a seat since the start. */
  get committees(): readonly Hex[] {
    return [...this.#loops.keys()];
  }

  work(): Work {
    const loops = [...this.#loops.values()];
    const busy = loops.filter((loop) => loop.busy).length + (this.#refreshing ? 1 : 0);
    return {
      head: this.#handledHead,
      underWay: this.#effects.reduce((sum, effects) => sum + effects.underWay, busy),
      handled: loops.reduce((sum, loop) => sum + loop.handled, 0),
    };
  }

  get connected(): readonly Hex[] {
    return this.#connected;
  }

  /** Runs until `signal` aborts. Rejects if a write fails, because nothing may be signed without its note. */
  async run(signal: AbortSignal): Promise<void> {
    const inner = new AbortController();
    const stop = (): void => inner.abort();
    signal.addEventListener("abort", stop, { once: true });
    // A stop signal may have arrived while the daemon was composed.
    if (signal.aborted) stop();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fatal = reject;
        this.#start(inner.signal).then(resolve, reject);
      });
    } finally {
      inner.abort();
      signal.removeEventListener("abort", stop);
      for (const loop of this.#loops.values()) loop.stop();
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { keyring, clock, transport, chain, telemetry } = this.#on;
    const instance = instanceName(clock.entropy());
    const { replacesResigned } = this.#options;
    const config = { me: keyring.operator, instance, speaks: wireVersion, replacesResigned };
    const stateOf = (committee: Hex): KeeperState | undefined => this.stateOf(committee);
    this.#serve("pull", async (bytes) => this.#questions.answerPull(bytes, stateOf));
    this.#serve("records", (bytes) => this.#exchange.answer(bytes, stateOf));
    this.#serve("page", async (bytes) => this.#exchange.answerPage(bytes));
    this.#serve("certificate", async (bytes) => this.#questions.answerCertificate(bytes, stateOf));
    this.#serve("pieces", async (bytes) => this.#challenger.answerPieces(bytes));
    transport.onConnected((operators) => {
      this.#connected = operators;
      for (const loop of this.#loops.values()) loop.enqueue({ kind: "peers", operators });
    });
    const onTrouble = (code: ReasonCode, detail: string): void => telemetry.reason("", code, detail);
    const onUpdate = (update: ChainUpdate): Promise<void> => this.#onUpdate(update, config, signal);
    await chain.follow(keyring.operator, onUpdate, onTrouble, signal);
  }

  /** R39: a committee in which this keeper has got a seat begins with what its store holds. */
  async #open(committee: Hex, config: Config, signal: AbortSignal): Promise<void> {
    const { store } = this.#on;
    const state = await recover(committee, config, store);
    const quotas = new CommitteeQuotas();
    this.#quotas.set(committee, quotas);
    const parts = { challenger: this.#challenger, questions: this.#questions, exchange: this.#exchange };
    const effects = new Effects(
      committee,
      { ...this.#on, ...parts, quotas },
      (event) => this.#loops.get(committee)?.enqueue(event),
      signal,
    );
    const loop = new CommitteeLoop(state, config, {
      persist: (writes) => store.write(committee, writes),
      effects,
      onFatal: (error) => this.#fatal?.(error),
    });
    this.#loops.set(committee, loop);
    this.#effects.push(effects);
    loop.enqueue({ kind: "peers", operators: this.#connected });
  }

  #buckets(): TokenBuckets {
    const { clock } = this.#on;
    return new TokenBuckets(maxKeeperNames(maxCommittees), () => clock.now_ms());
  }

  /** D6: each asking keeper has its own tokens, so a flood of one does not limit the others. */
  #serve(question: Question, handler: RequestHandler): void {
    const { transport, telemetry } = this.#on;
    const askers = this.#buckets();
    transport.serve(question, async (bytes, from) => {
      if (askers.take(from, questionRate(question, this.#scale))) return handler(bytes, from);
      telemetry.reason("", "wire-flood", `${question} questions of ${from}`);
      return undefined;
    });
  }

  async #onUpdate(update: ChainUpdate, config: Config, signal: AbortSignal): Promise<void> {
    const { committees } = update;
    for (const { address } of committees) {
      if (!this.#loops.has(address)) await this.#open(address, config, signal);
    }
    if (signal.aborted) return;
    if (committees.length > 0) this.#rescale(committees);
    for (const snapshot of committees) {
      const loop = this.#loops.get(snapshot.address);
      if (loop === undefined) continue;
      if (loop.state.committee === undefined) this.#join(snapshot, loop);
      loop.enqueue({ kind: "hashes", blocks: update.blocks });
      loop.enqueue({ kind: "committee", snapshot });
    }
    const entropy = this.#on.clock.entropy();
    const loops = [...this.#loops.values()];
    const heads = loops.map((loop) => loop.state.head);
    for (const loop of loops) loop.enqueue({ kind: "blocks", blocks: update.blocks, entropy });
    for (const loop of loops) await loop.settled();
    const slotBegan = loops.some((loop, i) => slotsDiffer(loop.state, heads[i] as number));
    if (committees.length > 0 || slotBegan) this.#refreshSoon();
    this.#handledHead = update.blocks.at(-1)?.number ?? this.#handledHead;
  }

  /** Derives the limits from the present committees. */
  #rescale(news: readonly CommitteeSnapshot[]): void {
    const latest = new Map(news.map((snapshot) => [snapshot.address, snapshot]));
    const committees = [...this.#loops].map(([address, loop]) => latest.get(address) ?? loop.state.committee);
    this.#scale = scaleOf(committees.filter((committee) => committee !== undefined));
  }

  #join({ chainId, address }: CommitteeSnapshot, loop: CommitteeLoop): void {
    const { transport, telemetry } = this.#on;
    const quotas = this.#quotas.get(address) ?? new CommitteeQuotas();
    transport.join(topicOf(chainId, address), async (bytes, from) => {
      const { state } = loop;
      const { committee } = state;
      if (committee === undefined) return "ignore";
      const check = this.#ingress.check(bytes, committee, quotas.reserved(state, from));
      const checked = check instanceof Promise ? await check : check;
      if (checked.verdict !== "accept") {
        telemetry.reason(committee.address, checked.code, checked.detail);
        return checked.code === "wire-flood" ? "surplus" : checked.verdict;
      }
      const surplus = !quotas.passesOn(state, checked.message);
      loop.enqueue({ kind: "message", message: checked.message, way: surplus ? "surplus" : "gossip" });
      return surplus ? "surplus" : "accept";
    });
  }

  /** Refreshes the members outside the chain feed, because a slow endpoint must not delay blocks. One refresh at a time. */
  #refreshSoon(): void {
    this.#membersStale = true;
    if (!this.#refreshing) void this.#refreshWhileStale();
  }

  async #refreshWhileStale(): Promise<void> {
    this.#refreshing = true;
    while (this.#membersStale) {
      this.#membersStale = false;
      await this.#refreshMembers();
    }
    this.#refreshing = false;
  }

  /** Reads the endpoints of all members. A change in the registry is read at the next slot at the latest. */
  async #refreshMembers(): Promise<void> {
    const me = this.#on.keyring.operator;
    const operators = new Set<Hex>();
    for (const { state } of this.#loops.values()) {
      if (state.committee !== undefined)
        for (const operator of seatsOf(state.committee)) operators.add(operator);
    }
    operators.delete(me);
    const found = await Promise.all([...operators].map((operator) => this.#endpoint(operator)));
    const members = found.filter((endpoint) => endpoint !== undefined);
    this.#on.transport.setMembers(members, await this.#endpoint(me), this.#scale);
  }

  async #endpoint(operator: Hex): Promise<Endpoint | undefined> {
    const known = this.#endpoints.get(operator);
    if (known !== undefined && this.#connected.includes(operator)) return known;
    try {
      const found = await this.#on.chain.keeperEndpoint(operator);
      if (found !== undefined) this.#endpoints.set(operator, found);
      return found;
    } catch (error) {
      this.#on.telemetry.reason(
        "",
        "rpc-down",
        `registry look-up of ${operator}: ${(error as Error).message}`,
      );
      return known;
    }
  }
}

/** Operators with a seat, in the complete next version, too: everybody in it has consented (R37). */
function seatsOf({ version, next }: CommitteeSnapshot): Hex[] {
  return [...version.members, ...(next?.members ?? [])].map(({ operator }) => operator);
}

function slotsDiffer({ committee, head }: KeeperState, headBefore: number): boolean {
  return committee !== undefined && slotAt(committee.params, headBefore) !== slotAt(committee.params, head);
}
