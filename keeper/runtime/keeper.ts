/** One keeper for all its groups: one chain feed and one transport, and a state machine for each group. */
import type { ReasonCode } from "../../protocol/reasons.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import { slotAt } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { KeeperState } from "../core/state.ts";
import type { ChainUpdate, Endpoint } from "../ports/chain.ts";
import type { RequestHandler } from "../ports/transport.ts";
import type { Question } from "../../protocol/codec/question.ts";
import { Challenger } from "./challenger.ts";
import { wireVersion } from "../../protocol/codec/message.ts";
import type { WireReader } from "../../protocol/codec/message.ts";
import { Effects, instanceName, topicOf } from "./execute.ts";
import type { EffectDependencies } from "./execute.ts";
import { Ingress } from "./ingress.ts";
import { GroupLoop } from "./loop.ts";
import type { ChallengerDependencies, ChallengerOptions } from "./challenger.ts";
import { Questions } from "./questions.ts";
import { RecordExchange } from "./exchange.ts";
import { GroupQuotas } from "./round-quota.ts";
import {
  authorBytes,
  authorRate,
  maxKeeperNames,
  questionRate,
  scaleOf,
  smallestScale,
} from "../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import { recover } from "./recovery.ts";

export type KeeperOptions = { readonly groups: readonly Hex[] } & ChallengerOptions;

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
  /** Number of events of all groups so far. */
  readonly handled: number;
};

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #on: KeeperDependencies;
  readonly #ingress: Ingress;
  readonly #challenger: Challenger;
  readonly #questions: Questions;
  readonly #exchange: RecordExchange;
  readonly #loops = new Map<Hex, GroupLoop>();
  readonly #quotas = new Map<Hex, GroupQuotas>();
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

  /** State of the machine of a group, for status pages. */
  stateOf(group: Hex): KeeperState | undefined {
    return this.#loops.get(group)?.state;
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
    const { groups } = this.#options;
    const { store, keyring, clock, transport, chain, telemetry } = this.#on;
    const instance = instanceName(clock.entropy());
    const config = { me: keyring.operator, instance, speaks: wireVersion };
    for (const group of groups) {
      const state = await recover(group, config, store);
      const quotas = new GroupQuotas();
      this.#quotas.set(group, quotas);
      const effects = new Effects(
        group,
        {
          ...this.#on,
          challenger: this.#challenger,
          questions: this.#questions,
          exchange: this.#exchange,
          quotas,
        },
        (event) => this.#loops.get(group)?.enqueue(event),
        signal,
      );
      const loop = new GroupLoop(state, config, {
        persist: (writes) => store.write(group, writes),
        effects,
        onFatal: (error) => this.#fatal?.(error),
      });
      this.#loops.set(group, loop);
      this.#effects.push(effects);
    }
    const stateOf = (group: Hex): KeeperState | undefined => this.stateOf(group);
    this.#serve("pull", async (bytes) => this.#questions.answerPull(bytes, stateOf));
    this.#serve("records", (bytes) => this.#exchange.answer(bytes, stateOf));
    this.#serve("page", async (bytes) => this.#exchange.answerPage(bytes));
    this.#serve("pieces", async (bytes) => this.#challenger.answerPieces(bytes));
    transport.onConnected((operators) => {
      this.#connected = operators;
      for (const loop of this.#loops.values()) loop.enqueue({ kind: "peers", operators });
    });
    const onTrouble = (code: ReasonCode, detail: string): void => telemetry.reason("", code, detail);
    await chain.follow(groups, (update) => this.#onUpdate(update), onTrouble, signal);
  }

  #buckets(): TokenBuckets {
    const { clock } = this.#on;
    return new TokenBuckets(maxKeeperNames(this.#options.groups.length), () => clock.now_ms());
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

  async #onUpdate(update: ChainUpdate): Promise<void> {
    if (update.groups.length > 0) this.#rescale(update.groups);
    for (const snapshot of update.groups) {
      const loop = this.#loops.get(snapshot.address);
      if (loop === undefined) continue;
      if (loop.state.group === undefined) this.#join(snapshot);
      loop.enqueue({ kind: "group", snapshot });
    }
    const entropy = this.#on.clock.entropy();
    const loops = [...this.#loops.values()];
    const heads = loops.map((loop) => loop.state.head);
    for (const loop of loops) loop.enqueue({ kind: "blocks", blocks: update.blocks, entropy });
    for (const loop of loops) await loop.settled();
    const slotBegan = loops.some((loop, i) => slotsDiffer(loop.state, heads[i] as number));
    if (update.groups.length > 0 || slotBegan) this.#refreshSoon();
    this.#handledHead = update.blocks.at(-1)?.number ?? this.#handledHead;
  }

  /** Derives the limits from the present groups. */
  #rescale(news: readonly GroupSnapshot[]): void {
    const latest = new Map(news.map((snapshot) => [snapshot.address, snapshot]));
    const groups = [...this.#loops].map(([address, loop]) => latest.get(address) ?? loop.state.group);
    this.#scale = scaleOf(groups.filter((group) => group !== undefined));
  }

  #join(snapshot: GroupSnapshot): void {
    const { transport, telemetry } = this.#on;
    const topic = topicOf(snapshot.chainId, snapshot.address);
    const loop = this.#loops.get(snapshot.address);
    const quotas = this.#quotas.get(snapshot.address) ?? new GroupQuotas();
    transport.join(topic, async (bytes, from) => {
      const group = loop?.state.group;
      if (loop === undefined || group === undefined) return "ignore";
      const { state } = loop;
      const check = this.#ingress.check(bytes, group, quotas.reserved(state, from));
      const checked = check instanceof Promise ? await check : check;
      if (checked.verdict !== "accept") {
        telemetry.reason(group.address, checked.code, checked.detail);
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
      if (state.group !== undefined) for (const operator of seatsOf(state.group)) operators.add(operator);
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

/** Operators with a seat. A proposed member counts only after it has accepted, so nobody becomes a peer without consent (R3). */
function seatsOf({ committee, pending }: GroupSnapshot): Hex[] {
  const accepted = pending?.members.filter((_, index) => pending.accepted?.includes(index) ?? false) ?? [];
  return [...committee.members, ...accepted].map(({ operator }) => operator);
}

function slotsDiffer({ group, head }: KeeperState, headBefore: number): boolean {
  return group !== undefined && slotAt(group.params, headBefore) !== slotAt(group.params, head);
}
