/**
 * R10: serves pages of piece lists to any peer: their roots are on chain, and a list is useless without the data. Lists stay stored when a
 * newer one replaces them, so those of slots that are not certified yet are served, too.
 */
import { encodePiecesResponse, refusal } from "../protocol/codec/challenge.ts";
import type { PiecesRequest } from "../protocol/codec/challenge.ts";
import { pageOf } from "../protocol/codec/piece-pages.ts";
import { fromHex } from "../protocol/hash.ts";
import { pageQueue } from "../protocol/limits/derived.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import type { ChainView, SampleStore } from "./ports.ts";
import type { Responder } from "./responder.ts";

export type PiecesDependencies = {
  readonly chain: Pick<ChainView, "chainId" | "groups">;
  readonly store: SampleStore;
};

export function piecesResponder({ chain, store }: PiecesDependencies): Responder<PiecesRequest> {
  const queue = new BoundedQueue(() => pageQueue);
  const answer = async (request: PiecesRequest): Promise<Uint8Array> => {
    if (request.chainId !== chain.chainId || !chain.groups.has(request.group)) {
      return encodePiecesResponse(refusal("unknown-group", `${request.group}: not served here`));
    }
    const list = await store.list(fromHex(request.listRoot));
    if (list === undefined || request.first >= list.pieces.length) {
      return encodePiecesResponse(refusal("unknown-list", `${request.listRoot} from piece ${request.first}`));
    }
    return encodePiecesResponse(pageOf(list, request.first));
  };
  return async (request, peer) => {
    try {
      const page = queue.run(peer, () => answer(request));
      return page === undefined
        ? encodePiecesResponse(refusal("busy", "too many pages are waiting; ask again later"))
        : await page;
    } catch {
      return encodePiecesResponse(
        refusal("internal", "the provider cannot reach its chain endpoint or its disk"),
      );
    }
  };
}
