/** Serves a payer's data by ranges, only to peers for which the payer signed a permission. */
import { encodeRetrieveResponse, permissionSigner } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest, RetrieveResponse } from "../protocol/codec/retrieve.ts";
import { refusal } from "../protocol/codec/challenge.ts";
import { fromHex } from "../protocol/hash.ts";
import { rangeCount } from "../storage/core/range.ts";
import type { ChainView, ProviderEvents, RangeStore } from "./ports.ts";
import type { Responder } from "./responder.ts";

/** Most ranges being read or sent at once, over all peers: about 64 MB. */
const maxRangesInFlight = 32;

export type RetrieveDependencies = {
  readonly chain: Pick<ChainView, "chainId" | "groups" | "payer" | "head">;
  readonly store: RangeStore;
  readonly events: Pick<ProviderEvents, "served">;
};

export function retrieveResponder({
  chain,
  store,
  events,
}: RetrieveDependencies): Responder<RetrieveRequest> {
  let inFlight = 0;
  const answer = async (request: RetrieveRequest, peer: string): Promise<RetrieveResponse> => {
    const { chainId, group, pieceRoot, size, range } = request;
    if (chainId !== chain.chainId || !chain.groups.has(group)) {
      return refusal("unknown-group", `${group}: not served here`);
    }
    // Signature and head are checked first: nothing is read from disk without a permission.
    const signer = permissionSigner({ chainId, group }, peer, request);
    const payer = await chain.payer(group);
    if (signer !== payer) {
      return refusal("not-the-payer", `permission: expected by ${payer}, actual ${signer ?? "none"}`);
    }
    const head = await chain.head();
    if (head > request.until) {
      return refusal("not-the-payer", `permission: ended with block ${request.until}, head is ${head}`);
    }
    if (size < 1 || range >= rangeCount(size)) {
      return refusal("unknown-piece", `a piece of ${size} bytes has no range ${range}`);
    }
    const found = await store.readRange({ root: fromHex(pieceRoot), size }, range);
    if (found === undefined) {
      return refusal("damaged", `${pieceRoot} range ${range}: missing or damaged at this provider`);
    }
    events.served({ group, peer, pieceRoot, range, bytes: found.bytes.length });
    return { kind: "range", ...found };
  };
  return async (request, peer) => {
    if (inFlight >= maxRangesInFlight)
      return encodeRetrieveResponse(refusal("busy", "too many ranges are being sent; ask again later"));
    inFlight++;
    try {
      return encodeRetrieveResponse(await answer(request, peer));
    } catch {
      const text = "the provider cannot reach its chain endpoint or its disk";
      return encodeRetrieveResponse(refusal("internal", text));
    } finally {
      inFlight--;
    }
  };
}
