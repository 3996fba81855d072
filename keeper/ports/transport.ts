/** Transport between keepers: one gossip topic for each committee, and bounded questions with one answer. */
import type { Question } from "../../protocol/codec/question.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Scale } from "../../protocol/limits/derived.ts";
import type { Endpoint } from "./chain.ts";

/**
 * Verdict on a gossip message. accept: forward it. ignore: drop it. reject: drop it and lower the score of the sending peer. surplus:
 * drop it because its author sends too much; the peer that forwarded it is not blamed.
 */
export type Verdict = "accept" | "surplus" | "ignore" | "reject";

export type GossipHandler = (bytes: Uint8Array, from: Hex | undefined) => Promise<Verdict>;

/** Answers a question of another keeper; undefined: no answer. */
export type RequestHandler = (bytes: Uint8Array, from: Hex) => Promise<Uint8Array | undefined>;

export type TransportPort = {
  join(topic: string, handler: GossipHandler): void;
  publish(topic: string, bytes: Uint8Array): Promise<void>;
  serve(question: Question, handler: RequestHandler): void;
  /** Undefined if the keeper is unreachable, too slow or answers too much. */
  ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Sets the keepers to connect to, with their endpoints in the registry. Connections of others are refused, and a peer counts as a keeper
   * only after it has proven its identity (R3).
   * @param own this keeper's registration, which it proves to others
   * @param scale from which the limits of peers are derived
   */
  setMembers(members: readonly Endpoint[], own: Endpoint | undefined, scale: Scale): void;
  /** Calls `listener` at every change with the operators of the connected and proven members. */
  onConnected(listener: (operators: readonly Hex[]) => void): void;
};

/** Latencies of other keepers, for reporting. */
export type PeerStatsPort = {
  /** Round-trip time in milliseconds, by connected operator. */
  latencies_ms(): Promise<ReadonlyMap<Hex, number>>;
};
