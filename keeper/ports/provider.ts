/** How a keeper asks providers: one question, one bounded answer, always within a time limit. */
import type { PieceList } from "../../storage/core/piece-list.ts";
import type { ChallengeAnswer, ChallengeRequest, RefusalCode } from "../../protocol/codec/challenge.ts";
import type { Hex } from "../../protocol/hash.ts";

/** Where the registry says that a provider is reached. */
export interface ProviderTarget {
  /** Text form of the libp2p peer id. */
  readonly peerId: string;
  /** Multiaddrs, with or without the peer id at the end. */
  readonly addrs: readonly string[];
}

export interface ProviderFailure {
  readonly ok: false;
  /**
   * unreachable: no connection, or it broke; refused: the provider said why not; late: connected, but no whole answer
   * in time; malformed: an answer that is not one.
   */
  readonly reason: "unreachable" | "refused" | "late" | "malformed";
  /** What the provider said, if it refused. One that is busy is asked again. */
  readonly refusal?: RefusalCode;
  /** For people; text of the peer is free of control characters. */
  readonly detail: string;
}

export interface CallLimits {
  /** Real time for the whole call; the chain's blocks decide whether the answer counts (R13). */
  readonly timeout_ms: number;
  readonly signal?: AbortSignal;
}

export interface PieceListQuery {
  readonly chainId: number;
  readonly group: Hex;
  readonly provider: number;
  /** As in the group's data checkpoint: what comes must hash to this root and sum to these bytes (R10). */
  readonly listRoot: Hex;
  readonly bytes: bigint;
}

export interface ProviderClient {
  /** The answer as it came, decoded but not verified: `verifyAnswer` does that. Never rejects. */
  challenge(
    target: ProviderTarget,
    request: ChallengeRequest,
    limits: CallLimits,
  ): Promise<{ readonly ok: true; readonly answer: ChallengeAnswer } | ProviderFailure>;
  /** The whole piece list, checked against root and bytes. Never rejects. */
  pieceList(
    target: ProviderTarget,
    query: PieceListQuery,
    limits: CallLimits,
  ): Promise<{ readonly ok: true; readonly list: PieceList } | ProviderFailure>;
}
