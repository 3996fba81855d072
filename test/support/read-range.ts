/** A payer reads a range of its data from a provider. */
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { StorePayer } from "./store-payer.ts";

/** "range", else the code of the refusal, or why there is no answer. */
export async function firstRange(
  payer: StorePayer,
  group: Hex,
  { root, size }: PieceEntry,
  permission: Permission,
): Promise<string> {
  const { chainId } = payer.terms;
  const request = { chainId, group, pieceRoot: toHex(root), size, range: 0, ...permission };
  const call = {
    protocol: retrieveProtocol,
    bytes: encodeRetrieveRequest(request),
    maxBytes: maxRetrieveResponseBytes,
  };
  const received = await askProvider(payer.calling, payer.target(), call, { timeout_ms: 60_000 });
  if (!received.ok) return received.reason;
  const decoded = decodeRetrieveResponse(received.bytes);
  if (!decoded.ok) return decoded.detail;
  return decoded.value.kind === "refusal" ? decoded.value.code : decoded.value.kind;
}
