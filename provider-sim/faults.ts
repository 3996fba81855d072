/** Faults as a decorator of the honest responder, the same for the daemon and the simulator. */
import { decodeChallengeResponse, encodeChallengeResponse } from "../protocol/codec/challenge.ts";
import type { ChallengeAnswer, ChallengeRequest, Refusal } from "../protocol/codec/challenge.ts";
import { decodeRetrieveResponse, encodeRetrieveResponse } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../protocol/codec/retrieve.ts";
import { decodeStoreResponse, encodeStoreResponse } from "../protocol/codec/store-response.ts";
import type { StoreMessage } from "../protocol/codec/store.ts";
import type { Hex } from "../protocol/hash.ts";
import type { Responder, SilentResponder } from "../provider/responder.ts";

export type Fault =
  /** Sends no answer. */
  | { readonly kind: "offline" }
  /** Answers after `delay_ms`. */
  | { readonly kind: "slow"; readonly delay_ms: number }
  /** Sends proofs, and ranges that a payer reads, with one wrong byte. */
  | { readonly kind: "corrupt" }
  /** Says that it has stored what a payer sends, and keeps nothing of it. */
  | { readonly kind: "discard" }
  /** Sends a payer a consent with a signature that is not its own. */
  | { readonly kind: "forge-consent" }
  /** Always sends a keeper the first answer that it gave to this keeper for the same groups. */
  | { readonly kind: "replay" }
  /** Answers only the named keepers (operator addresses). */
  | { readonly kind: "only-keepers"; readonly keepers: readonly Hex[] };

export type FaultDependencies = {
  /** The active faults. */
  readonly faults: () => Promise<readonly Fault[]>;
  readonly sleep: (delay_ms: number) => Promise<void>;
};

/** Most first answers that are kept for replays. */
const maxReplayed = 256;

export function withFaults(
  respond: Responder<ChallengeRequest>,
  dependencies: FaultDependencies,
): SilentResponder<ChallengeRequest> {
  const firstAnswers = new Map<string, Uint8Array>();
  return async (request, peer) => {
    const faults = await dependencies.faults();
    const find = <Kind extends Fault["kind"]>(kind: Kind): Extract<Fault, { kind: Kind }> | undefined =>
      faults.find((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind);
    if (find("offline")) return undefined;
    const chosen = find("only-keepers")?.keepers;
    if (chosen && !chosen.some((keeper) => keeper.toLowerCase() === request.keeper)) return undefined;
    const slow = find("slow");
    if (slow) await dependencies.sleep(slow.delay_ms);
    const first = `${request.committee}/${request.keeper}/${targetNames(request)}`;
    const replayed = find("replay") && firstAnswers.get(first);
    if (replayed) return replayed;
    const response = await respond(request, peer);
    const targets = request.targets.length;
    if (firstAnswers.size < maxReplayed && !firstAnswers.has(first) && hasAnswer(response, targets)) {
      firstAnswers.set(first, response);
    }
    return find("corrupt") ? corrupted(response, targets) : response;
  };
}

function targetNames({ targets }: ChallengeRequest): string {
  return targets.map(({ group, provider }) => `${group} ${provider}`).join();
}

function answersIn(response: Uint8Array, targets: number): readonly (ChallengeAnswer | Refusal)[] {
  const decoded = decodeChallengeResponse(response, targets);
  return decoded.ok && decoded.value.kind === "answers" ? decoded.value.answers : [];
}

function hasAnswer(response: Uint8Array, targets: number): boolean {
  return answersIn(response, targets).some(({ kind }) => kind === "answer");
}

function corrupted(response: Uint8Array, targets: number): Uint8Array {
  const answers = answersIn(response, targets);
  if (answers.length === 0) return response;
  return encodeChallengeResponse({ kind: "answers", answers: answers.map(withWrongByte) });
}

function withWrongByte(answer: ChallengeAnswer | Refusal): ChallengeAnswer | Refusal {
  return answer.kind === "refusal" ? answer : { ...answer, proof: withLastBitChanged(answer.proof) };
}

function withLastBitChanged(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  const last = changed.length - 1;
  changed[last] = (changed[last] as number) ^ 1;
  return changed;
}

type Active = Pick<FaultDependencies, "faults">;

const isActive = async ({ faults }: Active, kind: Fault["kind"]): Promise<boolean> =>
  (await faults()).some((fault) => fault.kind === kind);

/** Reading with the fault `corrupt`. */
export function withReadFaults(
  respond: Responder<RetrieveRequest>,
  active: Active,
): Responder<RetrieveRequest> {
  return async (request, peer) => {
    const response = await respond(request, peer);
    if (!(await isActive(active, "corrupt"))) return response;
    const decoded = decodeRetrieveResponse(response);
    if (!decoded.ok || decoded.value.kind !== "range") return response;
    return encodeRetrieveResponse({ ...decoded.value, bytes: withLastBitChanged(decoded.value.bytes) });
  };
}

/** Storing with the faults `discard` and `forge-consent`. */
export function withStoreFaults(respond: Responder<StoreMessage>, active: Active): Responder<StoreMessage> {
  return async (message, peer) => {
    if (message.kind === "put" && (await isActive(active, "discard")))
      return encodeStoreResponse({ kind: "stored", whole: false });
    const response = await respond(message, peer);
    if (message.kind !== "consent" || !(await isActive(active, "forge-consent"))) return response;
    const decoded = decodeStoreResponse(response, "consent");
    if (!decoded.ok || decoded.value.kind !== "consented") return response;
    const signature = decoded.value.signature.slice();
    signature[40] = (signature[40] as number) ^ 1;
    return encodeStoreResponse({ ...decoded.value, signature });
  };
}
