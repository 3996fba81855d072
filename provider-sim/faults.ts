/** Faults as a decorator of the honest responder, the same for the daemon and the simulator. */
import { decodeChallengeResponse, encodeChallengeResponse } from "../protocol/codec/challenge.ts";
import type { ChallengeRequest } from "../protocol/codec/challenge.ts";
import type { Hex } from "../protocol/hash.ts";
import type { Responder, SilentResponder } from "../provider/responder.ts";

export type Fault =
  /** Sends no answer. */
  | { readonly kind: "offline" }
  /** Answers after `delay_ms`. */
  | { readonly kind: "slow"; readonly delay_ms: number }
  /** Sends proofs with one wrong byte. */
  | { readonly kind: "corrupt" }
  /** Always sends a keeper the first answer that it gave to this keeper. */
  | { readonly kind: "replay" }
  /** Answers only the named keepers (operator addresses). */
  | { readonly kind: "only-keepers"; readonly keepers: readonly Hex[] };

export type FaultDependencies = {
  /** The active faults. */
  readonly faults: () => Promise<readonly Fault[]>;
  readonly sleep: (delay_ms: number) => Promise<void>;
};

/** Most keepers whose first answer is kept for replays. */
const maxReplayed = 256;

export function withFaults(
  respond: Responder<ChallengeRequest>,
  dependencies: FaultDependencies,
): SilentResponder<ChallengeRequest> {
  const firstAnswers = new Map<Hex, Uint8Array>();
  return async (request, peer) => {
    const faults = await dependencies.faults();
    const find = <Kind extends Fault["kind"]>(kind: Kind): Extract<Fault, { kind: Kind }> | undefined =>
      faults.find((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind);
    if (find("offline")) return undefined;
    const chosen = find("only-keepers")?.keepers;
    if (chosen && !chosen.some((keeper) => keeper.toLowerCase() === request.keeper)) return undefined;
    const slow = find("slow");
    if (slow) await dependencies.sleep(slow.delay_ms);
    const replayed = find("replay") && firstAnswers.get(request.keeper);
    if (replayed) return replayed;
    const response = await respond(request, peer);
    if (firstAnswers.size < maxReplayed && !firstAnswers.has(request.keeper) && isAnswer(response)) {
      firstAnswers.set(request.keeper, response);
    }
    return find("corrupt") ? corrupted(response) : response;
  };
}

function isAnswer(response: Uint8Array): boolean {
  const decoded = decodeChallengeResponse(response);
  return decoded.ok && decoded.value.kind === "answer";
}

function corrupted(response: Uint8Array): Uint8Array {
  const decoded = decodeChallengeResponse(response);
  if (!decoded.ok || decoded.value.kind !== "answer") return response;
  const proof = decoded.value.proof.slice();
  const last = proof.length - 1;
  proof[last] = (proof[last] as number) ^ 1;
  return encodeChallengeResponse({ ...decoded.value, proof });
}
