/** R44: serves data by ranges to readers for whom the payer signed a permission. */
import { encodeRetrieveResponse } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest, RetrieveResponse } from "../protocol/codec/retrieve.ts";
import { refusal } from "../protocol/codec/challenge.ts";
import type { Hex } from "../protocol/hash.ts";
import { rangesInFlight } from "../protocol/limits/derived.ts";
import { release } from "../storage/core/bytes.ts";
import { rangeCount, rangePlace } from "../storage/core/range.ts";
import type { ProviderEvents, RangeStore } from "./ports.ts";
import type { Quotas } from "./reading/quotas.ts";
import type { Readable, Readers } from "./reading/readers.ts";
import type { Responder } from "./responder.ts";

const busy = refusal("busy", "too many ranges are being sent; ask again later");

export type RetrieveDependencies = {
  readonly readers: Pick<Readers, "readable">;
  readonly quotas: Pick<Quotas, "take">;
  readonly store: RangeStore;
  readonly events: Pick<ProviderEvents, "served">;
};

export function retrieveResponder({
  readers,
  quotas,
  store,
  events,
}: RetrieveDependencies): Responder<RetrieveRequest> {
  const inFlight = new Map<Hex, number>();
  let allInFlight = 0;
  const send = async (
    { group, pieceRoot, range }: RetrieveRequest,
    peer: string,
    { entry, quota }: Readable,
  ): Promise<RetrieveResponse> => {
    if (!(await quotas.take(quota, rangePlace(entry.size, range).bytes))) {
      const text = `permission: ${quota.bytesPerDay} bytes a day are sent, or too many permissions are used`;
      return refusal("over-quota", text);
    }
    const found = await store.readRange(entry, range);
    if (found === undefined) {
      return refusal("damaged", `${pieceRoot} range ${range}: missing or damaged at this provider`);
    }
    events.served({ group, peer, pieceRoot, range, bytes: found.bytes.length });
    return { kind: "range", ...found };
  };
  const answer = async (request: RetrieveRequest, peer: string): Promise<RetrieveResponse> => {
    const { group, pieceRoot, size, range } = request;
    const readable = await readers.readable(request, request, peer, pieceRoot);
    if (readable.kind === "refusal") return readable;
    const { entry } = readable;
    if (size !== entry.size || range >= rangeCount(size)) {
      return refusal("unknown-piece", `a piece of ${size} bytes has no range ${range}`);
    }
    const ofGroup = inFlight.get(group) ?? 0;
    if (ofGroup >= rangesInFlight.ofGroup) return busy;
    inFlight.set(group, ofGroup + 1);
    try {
      return await send(request, peer, readable);
    } finally {
      const left = (inFlight.get(group) ?? 1) - 1;
      if (left === 0) inFlight.delete(group);
      else inFlight.set(group, left);
    }
  };
  return async (request, peer) => {
    if (allInFlight >= rangesInFlight.all) return encodeRetrieveResponse(busy);
    allInFlight++;
    try {
      const answered = await answer(request, peer);
      const response = encodeRetrieveResponse(answered);
      if (answered.kind === "range") release(answered.bytes);
      return response;
    } catch {
      const text = "the provider cannot reach its chain endpoint or its disk";
      return encodeRetrieveResponse(refusal("internal", text));
    } finally {
      allInFlight--;
    }
  };
}
