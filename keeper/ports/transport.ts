/** How keepers reach each other: a gossip topic per group, and bounded questions with one answer. */
import type { Question } from "../../protocol/codec/question.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Scale } from "../../protocol/limits/derived.ts";
import type { Endpoint } from "./chain.ts";

/**
 * What gossip does with a message: hand it on, drop it, or drop it and hold it against the sender. `surplus`: dropped since its
 * author says too much, for which whoever hands it on is not to blame.
 */
export type Verdict = "accept" | "surplus" | "ignore" | "reject";

export type GossipHandler = (bytes: Uint8Array, from: Hex | undefined) => Promise<Verdict>;

/** Answers a question of another keeper; undefined: nothing to say. */
export type RequestHandler = (bytes: Uint8Array, from: Hex) => Promise<Uint8Array | undefined>;

export interface TransportPort {
  join(topic: string, handler: GossipHandler): void;
  publish(topic: string, bytes: Uint8Array): Promise<void>;
  serve(question: Question, handler: RequestHandler): void;
  /** Undefined if the keeper is unreachable, too slow or answers too much. */
  ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * The keepers to be connected to, as the registry has them; anyone else is refused at the gate, and none is believed before it
   * has proven itself (R3).
   * @param own this keeper's own registration, which it proves to others
   * @param scale what the limits of peers follow from
   */
  setMembers(members: readonly Endpoint[], own: Endpoint | undefined, scale: Scale): void;
  /** Operators of members connected now, each of them proven; called at every change. */
  onConnected(listener: (operators: readonly Hex[]) => void): void;
}

/** For people: how far other keepers are. */
export interface PeerStatsPort {
  /** Milliseconds for a question and its answer, by connected operator. */
  latencies_ms(): Promise<ReadonlyMap<Hex, number>>;
}
