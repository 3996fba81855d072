/** Calls from a keeper to providers: one request, one bounded answer, within a time limit. */
import type { PieceList } from "../../storage/core/piece-list.ts";
import type {
  ChallengeAnswer,
  ChallengeRequest,
  Refusal,
  RefusalCode,
} from "../../protocol/codec/challenge.ts";
import type { Hex } from "../../protocol/hash.ts";

/** Endpoint of a provider in the registry. */
export type ProviderTarget = {
  /** Text form of the libp2p peer id. */
  readonly peerId: string;
  /** Multiaddrs, with or without the peer id at the end. */
  readonly addrs: readonly string[];
};

export type ProviderFailure = {
  readonly ok: false;
  /**
   * unreachable: no connection, or it broke; refused: the provider answered with a refusal; late: connected, but no complete answer in
   * time; malformed: the answer cannot be decoded.
   */
  readonly reason: "unreachable" | "refused" | "late" | "malformed";
  /** Code of the refusal. A provider that is busy is asked again. */
  readonly refusal?: RefusalCode;
  /** For logs; text of the peer contains no control characters. */
  readonly detail: string;
};

export type CallLimits = {
  /** Real-time limit of the whole call. Only blocks decide whether the answer counts (R13). */
  readonly timeout_ms: number;
  readonly signal?: AbortSignal;
};

export type PieceListQuery = {
  readonly chainId: number;
  readonly committee: Hex;
  readonly group: Hex;
  readonly provider: number;
  /** As in the group's data checkpoint. The list must have this root and these total bytes (R10). */
  readonly listRoot: Hex;
  readonly bytes: bigint;
};

export type ProviderClient = {
  /** The decoded answers, one for each target of the request in its order; `verifyAnswer` verifies them. Never rejects. */
  challenge(
    target: ProviderTarget,
    request: ChallengeRequest,
    limits: CallLimits,
  ): Promise<
    { readonly ok: true; readonly answers: readonly (ChallengeAnswer | Refusal)[] } | ProviderFailure
  >;
  /** The whole piece list, checked against root and bytes. Never rejects. */
  pieceList(
    target: ProviderTarget,
    query: PieceListQuery,
    limits: CallLimits,
  ): Promise<{ readonly ok: true; readonly list: PieceList } | ProviderFailure>;
};
