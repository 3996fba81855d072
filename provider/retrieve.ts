/** Gives a payer its data back: pieces by range, to the peers that the payer signed for and nobody else. */
import { encodeRetrieveResponse, permissionSigner } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest, RetrieveResponse } from "../protocol/codec/retrieve.ts";
import { refusal } from "../protocol/codec/challenge.ts";
import { fromHex } from "../protocol/hash.ts";
import { rangeCount } from "../storage/core/range.ts";
import type { Responder } from "./logic.ts";
import type { ChainView, ProviderEvents, RangeStore } from "./ports.ts";

/** Ranges that are read or on their way at once, of all peers: some 64 MB. */
const MAX_IN_FLIGHT = 32;

export interface RetrieveDependencies {
  readonly chain: ChainView;
  readonly store: RangeStore;
  readonly events: Pick<ProviderEvents, "served">;
}

export function retrieveResponder({
  chain,
  store,
  events,
}: RetrieveDependencies): Responder<RetrieveRequest> {
  let inFlight = 0;
  const answer = async (request: RetrieveRequest, peer: string): Promise<RetrieveResponse> => {
    const { chainId, group, pieceRoot, size, range } = request;
    const times = chainId === chain.chainId ? await chain.group(group) : undefined;
    if (times === undefined) return refusal("unknown-group", `${group}: not served here`);
    // Signature and head before the disk: nothing is read for a stranger.
    const signer = permissionSigner({ chainId, group }, peer, request);
    if (signer !== times.payer) {
      return refusal("not-the-payer", `permission: expected by ${times.payer}, actual ${signer ?? "none"}`);
    }
    const head = await chain.head();
    if (head > request.until) {
      return refusal("not-the-payer", `permission: ended with block ${request.until}, head is ${head}`);
    }
    if (size < 1 || range >= rangeCount(size)) {
      return refusal("unknown-piece", `a piece of ${size} bytes has no range ${range}`);
    }
    const found = await store.readRange({ root: fromHex(pieceRoot), size }, range);
    if (found === undefined)
      return refusal("damaged", `${pieceRoot} range ${range}: missing or damaged here`);
    events.served({ group, peer, pieceRoot, range, bytes: found.bytes.length });
    return { kind: "range", ...found };
  };
  return async (request, peer) => {
    if (inFlight >= MAX_IN_FLIGHT)
      return encodeRetrieveResponse(refusal("busy", "too many ranges are on their way"));
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
