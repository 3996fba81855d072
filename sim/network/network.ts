/** The network between simulated keepers: delay, loss, partitions. */
import { wireReader } from "../../protocol/codec/message.ts";
import type { Envelope, WireReader } from "../../protocol/codec/message.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Endpoint } from "../../keeper/ports/chain.ts";
import type { GossipHandler, RequestHandler, TransportPort } from "../../keeper/ports/transport.ts";
import type { Question } from "../../protocol/codec/question.ts";
import { Witness } from "./witness.ts";
import type { World } from "../world.ts";

export type NetworkOptions = {
  readonly delayMs: readonly [number, number];
  readonly loss: number;
  /** Share of messages that arrive twice. */
  readonly duplicate?: number;
  /** False: a message never overtakes an earlier one on the same link. */
  readonly reorder?: boolean;
};

/** A copy of a message: its receiver and the time of its arrival. */
export type Way = { readonly to: Hex; readonly at_ms: number };

/** Time between two attempts to deliver a message to a paused process. */
const pauseRetry_ms = 250;

/** A published message. */
export type Said = {
  readonly message: Envelope;
  readonly from: Hex;
  /** Name of the process that published it; one keeper may have two (D9). */
  readonly process: string;
  readonly at_ms: number;
  /** Keepers to which a copy is delivered. */
  reached: readonly Hex[];
};

export class Network {
  readonly #world: World;
  /** May change while the world runs. */
  conditions: NetworkOptions;
  /** Operators of paused processes; messages to them wait. */
  readonly paused = new Set<Hex>();
  readonly #lastArrival_ms = new Map<string, number>();
  /** By the name of the process: the operator, or a name of its own for a second process. */
  readonly #nodes = new Map<string, Node>();
  /** Whether a message from `a` reaches `b` now. */
  reaches: (a: Hex, b: Hex) => boolean = () => true;
  sent = 0;
  /** All published messages, in order. */
  readonly heard: Said[] = [];
  /** The messages that each process accepted. */
  readonly witness: Witness;
  /** Called when a message is published, before it arrives anywhere. */
  onSaid: (message: Envelope) => void = () => undefined;
  /** Called after a message is sent, with the copies that are not lost. */
  onSent: (message: Envelope, ways: readonly Way[], from: Hex) => void = () => undefined;
  /** Called when the asking keeper has its answer, or when it is certain that there is none. */
  onAsked: (from: Hex, to: Hex, question: Question, start_ms: number, answered: boolean) => void = () =>
    undefined;

  /** The delay of a message between two keepers. */
  delayOf: (from: Hex, to: Hex) => number = () => {
    const [low, high] = this.conditions.delayMs;
    return this.#world.random.integer(low, high);
  };

  readonly #reader: WireReader;

  constructor(world: World, options: NetworkOptions, reader = wireReader) {
    this.#world = world;
    this.#reader = reader;
    this.conditions = options;
    this.witness = new Witness(() => world.now_ms);
  }

  /** @param name of the process, if another one goes by the same operator */
  attach(operator: Hex, name: string = operator): Node {
    const node = new Node(operator, name, this);
    this.#nodes.set(name, node);
    this.changed();
    return node;
  }

  detach(name: string): void {
    this.#nodes.delete(name);
    this.changed();
  }

  /** Tells every node to which operators it is connected. */
  changed(): void {
    const operators = new Set([...this.#nodes.values()].map(({ operator }) => operator));
    for (const { operator, tell } of this.#nodes.values()) {
      tell([...operators].filter((other) => other !== operator && this.linked(operator, other)));
    }
  }

  linked(a: Hex, b: Hex): boolean {
    return this.reaches(a, b) && this.reaches(b, a);
  }

  /**
   * Delivers to all keepers, or to those in `only`. As in gossip, a keeper that accepts a message forwards it to the keepers that the
   * author's copies do not reach (R18).
   */
  deliver(sender: Node, topic: string, bytes: Uint8Array, only?: ReadonlySet<Hex>): void {
    const from = sender.operator;
    const decoded = this.#reader.decode(bytes);
    const said: Said | undefined = decoded.ok
      ? { message: decoded.value, from, process: sender.name, at_ms: this.#world.now_ms, reached: [] }
      : undefined;
    if (said !== undefined) {
      this.heard.push(said);
      this.onSaid(said.message);
    }
    const isHello = said?.message.body.kind === "hello";
    const ways: Way[] = [];
    const missing = new Map<string, Hex>();
    const hear = (by: Hex, to: Hex, name: string): Way[] =>
      this.#send(by, to, name, (one) => {
        const accepted = said === undefined || isHello ? undefined : this.witness.hear(name, said.message);
        const verdict = one.gossip.get(topic)?.(bytes, by);
        if (missing.size === 0 && accepted === undefined) return;
        void verdict?.then((found) => {
          if (found !== "accept") return;
          accepted?.();
          if (missing.size > 0) passOn(to);
        });
      });
    const passOn = (by: Hex): void => {
      for (const [name, to] of missing) {
        if (to === by || hear(by, to, name).length === 0) continue;
        missing.delete(name);
        if (said !== undefined) said.reached = [...said.reached, to];
      }
    };
    for (const [name, { operator }] of this.#nodes) {
      // D9: gossip delivers no message to a peer with the author's own key; a second process gets it from others.
      if (operator === from) continue;
      const sent = only?.has(operator) === false ? [] : hear(from, operator, name);
      if (sent.length === 0) missing.set(name, operator);
      ways.push(...sent);
    }
    if (said === undefined) return;
    said.reached = [...new Set(ways.map(({ to }) => to))];
    this.onSent(said.message, ways, from);
  }

  #send(from: Hex, to: Hex, name: string, arrive: (node: Node) => void): Way[] {
    this.sent++;
    const { loss, duplicate = 0, reorder = true } = this.conditions;
    const { random } = this.#world;
    const lost = random.next() < loss;
    const copies = random.next() < duplicate ? 2 : 1;
    if (lost || !this.reaches(from, to)) return [];
    return Array.from({ length: copies }, () => {
      let delay_ms = this.delayOf(from, to);
      if (!reorder) delay_ms = this.#inOrder(from, name, delay_ms);
      this.#world.after(delay_ms, () => this.#arrive(to, name, arrive));
      return { to, at_ms: this.#world.now_ms + delay_ms };
    });
  }

  #inOrder(from: Hex, to: string, delay_ms: number): number {
    const link = `${from}/${to}`;
    const now_ms = this.#world.now_ms;
    const at_ms = Math.max(now_ms + delay_ms, this.#lastArrival_ms.get(link) ?? 0);
    this.#lastArrival_ms.set(link, at_ms);
    return at_ms - now_ms;
  }

  #arrive(to: Hex, name: string, arrive: (node: Node) => void): void {
    if (this.paused.has(to)) return this.#world.after(pauseRetry_ms, () => this.#arrive(to, name, arrive));
    const node = this.#nodes.get(name);
    if (node !== undefined) arrive(node);
  }

  async ask(from: Hex, to: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const start_ms = this.#world.now_ms;
    const answer = await this.#answer(from, to, question, bytes);
    this.onAsked(from, to, question, start_ms, answer !== undefined);
    return answer;
  }

  async #answer(from: Hex, to: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#world.sleep(this.delayOf(from, to));
    const node = this.#nodes.get(to);
    if (node === undefined || this.paused.has(to) || !this.linked(from, to)) return undefined;
    const reply = await node.answers.get(question)?.(bytes, from);
    await this.#world.sleep(this.delayOf(to, from));
    return this.linked(from, to) ? reply : undefined;
  }
}

export class Node implements TransportPort {
  readonly operator: Hex;
  readonly name: string;
  readonly gossip = new Map<string, GossipHandler>();
  readonly answers = new Map<Question, RequestHandler>();
  readonly #network: Network;
  #listener: (operators: readonly Hex[]) => void = () => undefined;
  #told: string | undefined;

  constructor(operator: Hex, name: string, network: Network) {
    this.operator = operator;
    this.name = name;
    this.#network = network;
  }

  /** Tells the listener which operators are connected, if that changed. */
  readonly tell = (operators: readonly Hex[]): void => {
    const told = operators.join();
    if (told === this.#told) return;
    this.#told = told;
    this.#listener(operators);
  };

  join(topic: string, handler: GossipHandler): void {
    this.gossip.set(topic, handler);
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    this.#network.deliver(this, topic, bytes);
  }

  /** Publishes to these keepers only, as Byzantine keepers do. */
  publishTo(only: ReadonlySet<Hex>, topic: string, bytes: Uint8Array): void {
    this.#network.deliver(this, topic, bytes, only);
  }

  serve(question: Question, handler: RequestHandler): void {
    this.answers.set(question, handler);
  }

  async ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const reply = await this.#network.ask(this.operator, keeper, question, bytes);
    if (question === "pull" && reply !== undefined) this.#network.witness.pull(this.name, reply);
    return reply;
  }

  /** Connections follow from the network alone. */
  setMembers(_members: readonly Endpoint[]): void {
    return;
  }

  onConnected(listener: (operators: readonly Hex[]) => void): void {
    this.#listener = listener;
    this.#told = undefined;
    this.#network.changed();
  }
}
