/** Bytes of the retrieval protocol: the payer requests one range of a piece and gets it with its proof. */
import { ByteWriter, decode, toHex } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { maxRangeNodes, rangeBytes } from "../../storage/core/range.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { encodeRefusal, readKind, readRefusal, readVersion, providerProtocolVersion } from "./challenge.ts";
import type { Refusal } from "./challenge.ts";
import { permissionBytes, readPermission, writePermission } from "./permission.ts";
import type { Permission } from "./permission.ts";

export const retrieveProtocol = "/whitepay/retrieve/1";

export type RetrieveRequest = Permission & {
  readonly chainId: number;
  readonly group: Hex;
  readonly pieceRoot: Hex;
  /** Bytes of the piece, as in the provider's list. */
  readonly size: number;
  readonly range: number;
};

export type RetrievedRange = {
  readonly kind: "range";
  readonly siblings: readonly Uint8Array[];
  readonly bytes: Uint8Array;
};
export type RetrieveResponse = RetrievedRange | Refusal;

export const retrieveRequestBytes = 1 + 8 + 20 + 32 + 8 + 8 + permissionBytes;
export const maxRetrieveResponseBytes = 2 + 1 + maxRangeNodes * 32 + 4 + rangeBytes;

export function encodeRetrieveRequest(request: RetrieveRequest): Uint8Array {
  const w = new ByteWriter()
    .u8(providerProtocolVersion)
    .u64(request.chainId)
    .hex(request.group, 20)
    .hex(request.pieceRoot, 32)
    .u64(request.size)
    .u64(request.range);
  return writePermission(w, request).finish();
}

export function decodeRetrieveRequest(bytes: Uint8Array): Result<RetrieveRequest, DecodeCode> {
  return decode(bytes, retrieveRequestBytes, (reader) => {
    readVersion(reader);
    return {
      chainId: reader.u64("chain id"),
      group: toHex(reader.bytes(20, "group")),
      pieceRoot: toHex(reader.bytes(32, "piece root")),
      size: reader.u64("piece size"),
      range: reader.u64("range"),
      ...readPermission(reader),
    };
  });
}

const answerByte = 0;

export function encodeRetrieveResponse(response: RetrieveResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  const { siblings, bytes } = response;
  const out = new ByteWriter(3 + 32 * siblings.length + 4 + bytes.length);
  out.u8(providerProtocolVersion).u8(answerByte).u8(siblings.length);
  for (const node of siblings) out.bytes(node, 32);
  return out.u32(bytes.length).bytes(bytes).finish();
}

/** Checks sizes and form; `verifyRange` checks the bytes. The range's bytes are a view of `bytes`. */
export function decodeRetrieveResponse(bytes: Uint8Array): Result<RetrieveResponse, DecodeCode> {
  return decode(bytes, maxRetrieveResponseBytes, (reader): RetrieveResponse => {
    readVersion(reader);
    if (readKind(reader) !== answerByte) return readRefusal(reader);
    const count = reader.u8("node count");
    if (count > maxRangeNodes) {
      reader.fail("range", `nodes: expected at most ${maxRangeNodes}, actual ${count}`);
    }
    const siblings = Array.from({ length: count }, () => reader.bytes(32, "node"));
    const length = reader.u32("length");
    if (length > rangeBytes) {
      reader.fail("range", `range: expected at most ${rangeBytes} bytes, actual ${length}`);
    }
    return { kind: "range", siblings, bytes: reader.view(length, "bytes") };
  });
}
