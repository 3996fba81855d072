/** Bytes of the retrieval protocol: the payer requests one range of a piece and gets it with its proof. */
import { ByteWriter, decode, fromHex, toHex } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { maxRangeNodes, rangeBytes } from "../../storage/core/range.ts";
import type { Result } from "../../storage/core/result.ts";
import { domainOf, typedDigest } from "../certificate.ts";
import { keccakText, keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { encodeRefusal, readKind, readRefusal, readVersion, providerProtocolVersion } from "./challenge.ts";
import type { Refusal } from "./challenge.ts";
import { digestSigner } from "./receipt.ts";

export const retrieveProtocol = "/whitepay/retrieve/1";

/** The payer's permission for one peer to fetch data of the group. */
export type Permission = {
  /** Last block of its validity. */
  readonly until: number;
  /** EIP-712, by the payer's account, 65 bytes. */
  readonly signature: Uint8Array;
};

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

export const retrieveRequestBytes = 1 + 8 + 20 + 32 + 8 + 8 + 8 + 65;
export const maxRetrieveResponseBytes = 2 + 1 + maxRangeNodes * 32 + 4 + rangeBytes;

/** The fields of EIP-712's `Retrieval`; `peer` is keccak256 of the peer id's text. */
export const retrievalType = "Retrieval(bytes32 peer,uint64 until)";
const retrievalTypeHash = keccakText(retrievalType);

/** The group whose data is read. */
export type GroupDomain = { readonly chainId: number; readonly group: Hex };

/** Lower-case address of the signer of a permission for `peer` (text form); undefined if the signature is invalid. */
export function permissionSigner(domain: GroupDomain, peer: string, permission: Permission): Hex | undefined {
  const struct = keccakWords(retrievalTypeHash, keccakText(peer), permission.until);
  const digest = fromHex(typedDigest(domainOf(domain.chainId, domain.group), struct));
  return digestSigner(digest, permission.signature);
}

export function encodeRetrieveRequest(request: RetrieveRequest): Uint8Array {
  return new ByteWriter()
    .u8(providerProtocolVersion)
    .u64(request.chainId)
    .bytes(fromHex(request.group), 20)
    .bytes(fromHex(request.pieceRoot), 32)
    .u64(request.size)
    .u64(request.range)
    .u64(request.until)
    .bytes(request.signature, 65)
    .finish();
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
      until: reader.u64("last block"),
      signature: reader.bytes(65, "signature"),
    };
  });
}

const answerByte = 0;

export function encodeRetrieveResponse(response: RetrieveResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  const out = new ByteWriter().u8(providerProtocolVersion).u8(answerByte).u8(response.siblings.length);
  for (const node of response.siblings) out.bytes(node, 32);
  return out.u32(response.bytes.length).bytes(response.bytes).finish();
}

/** Checks sizes and form; `verifyRange` checks the bytes. */
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
    return { kind: "range", siblings, bytes: reader.bytes(length, "bytes") };
  });
}
