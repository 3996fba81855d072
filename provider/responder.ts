/** Types of the functions that answer requests. They are independent of transport, disk and chain, so daemon and simulator share them. */
import type { ChallengeRequest } from "../protocol/codec/challenge.ts";
import type { RetrieveRequest } from "../protocol/codec/retrieve.ts";
import type { StoreMessage } from "../protocol/codec/store.ts";

/** Answers one request of a peer (text form of its peer id) with the bytes of the response. Never rejects. */
export type Responder<Request> = (request: Request, peer: string) => Promise<Uint8Array>;

/** A responder that may return undefined: then the stream is closed without an answer. */
export type SilentResponder<Request> = (request: Request, peer: string) => Promise<Uint8Array | undefined>;

/** Changes how a provider behaves. The daemon has none; `provider-sim` has one that injects faults. */
export type ProviderDecorator = {
  challenge(respond: Responder<ChallengeRequest>): SilentResponder<ChallengeRequest>;
  retrieve(respond: Responder<RetrieveRequest>): Responder<RetrieveRequest>;
  store(respond: Responder<StoreMessage>): Responder<StoreMessage>;
  /** False: all protocols are refused, as if the node were down. */
  online(): Promise<boolean>;
};
