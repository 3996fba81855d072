/** R43: the payer's signed request to store: what is to be stored, at which price, and of what a group to come is made. */
import type { ByteReader, ByteWriter } from "../../storage/core/bytes.ts";
import { maxPieces } from "../../storage/core/piece-list.ts";
import { domainOf, typedDigest } from "../certificate.ts";
import { fromHex, keccakText, keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";
import type { RegistryScope } from "./identity.ts";
import { readFlag, readPrice } from "./offer.ts";
import { digestSigner } from "./receipt.ts";

/** Bytes of the payer's signature: 65 of an account; a contract (ERC-1271) may need more, of several owners for example. */
const maxRequestSignature = 1024;

/** What the payer asks the provider to store. */
export type StoreRequest = {
  readonly payer: Hex;
  /** Operator of the provider. */
  readonly provider: Hex;
  /** The group, or the address of a group to come that holds the money already. */
  readonly group: Hex;
  readonly listRoot: Hex;
  /** Sum of the sizes of all pieces of the list. */
  readonly bytes: number;
  /** Number of pieces of the list. */
  readonly pieces: number;
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
  /** The pieces are stored as they are, and other providers may fetch them (R45). */
  readonly isPublic: boolean;
  /** Last block in which the request may be used. */
  readonly deadline: number;
};

/** R4: what a group to come is made of. The factory derives its address from it, the payer and the number of the payer's groups. */
export type GroupBirth = {
  readonly factory: Hex;
  readonly token: Hex;
  readonly lockup: number;
  readonly keeperShareBps: number;
  readonly keeperFee: bigint;
  readonly committee: Hex;
};

export type SignedRequest = {
  readonly request: StoreRequest;
  readonly signature: Uint8Array;
  /** Undefined if the group has a contract. */
  readonly birth: GroupBirth | undefined;
};

const birthBytes = 20 + 20 + 8 + 2 + 16 + 20;
const requestBytes = 20 + 20 + 20 + 32 + 8 + 4 + 16 + 1 + 8;

export const maxSignedRequestBytes = requestBytes + 2 + maxRequestSignature + 1 + birthBytes;

/** EIP-712 `encodeType`; `peer` is keccak256 of the text of the sender's peer id. */
const storeRequestType =
  "StoreRequest(address payer,address provider,address group,bytes32 peer,bytes32 root,uint64 size,uint32 pieces," +
  "uint80 price,bool isPublic,uint64 deadline)";
const storeRequestTypeHash = keccakText(storeRequestType);

/** EIP-712 digest with the registry as verifying contract. @param peer text form of the peer id that sends the data */
export function storeDigest({ chainId, registry }: RegistryScope, request: StoreRequest, peer: string): Hex {
  const struct = keccakWords(
    storeRequestTypeHash,
    request.payer,
    request.provider,
    request.group,
    keccakText(peer),
    request.listRoot,
    request.bytes,
    request.pieces,
    request.price,
    request.isPublic ? 1 : 0,
    request.deadline,
  );
  return typedDigest(domainOf(chainId, registry), struct);
}

/** Lower-case address of the account that signed the digest; undefined if the signature is invalid or that of a contract. */
export function storeSigner(digest: Hex, signature: Uint8Array): Hex | undefined {
  return digestSigner(fromHex(digest), signature);
}

export function writeSignedRequest(w: ByteWriter, { request, signature, birth }: SignedRequest): ByteWriter {
  w.hex(request.payer, 20)
    .hex(request.provider, 20)
    .hex(request.group, 20)
    .hex(request.listRoot, 32)
    .u64(request.bytes)
    .u32(request.pieces)
    .u128(request.price)
    .u8(request.isPublic ? 1 : 0)
    .u64(request.deadline)
    .u16(signature.length)
    .bytes(signature)
    .u8(birth === undefined ? 0 : 1);
  if (birth !== undefined) {
    w.hex(birth.factory, 20)
      .hex(birth.token, 20)
      .u64(birth.lockup)
      .u16(birth.keeperShareBps)
      .u128(birth.keeperFee)
      .hex(birth.committee, 20);
  }
  return w;
}

export function readSignedRequest(reader: ByteReader): SignedRequest {
  const request: StoreRequest = {
    payer: reader.hex(20, "payer"),
    provider: reader.hex(20, "provider"),
    group: reader.hex(20, "group"),
    listRoot: reader.hex(32, "list root"),
    bytes: atLeastOne(reader, "bytes", reader.u64("bytes")),
    pieces: atLeastOne(reader, "pieces", reader.u32("pieces")),
    price: readPrice(reader),
    isPublic: readFlag(reader, "public"),
    deadline: reader.u64("deadline"),
  };
  if (request.pieces > maxPieces) {
    reader.fail("range", `pieces: expected at most ${maxPieces}, actual ${request.pieces}`);
  }
  const length = reader.u16("signature's length");
  if (length > maxRequestSignature) {
    reader.fail("range", `signature: expected at most ${maxRequestSignature} bytes, actual ${length}`);
  }
  const signature = reader.bytes(length, "signature");
  const birth = readFlag(reader, "group to come") ? readBirth(reader) : undefined;
  return { request, signature, birth };
}

function readBirth(reader: ByteReader): GroupBirth {
  return {
    factory: reader.hex(20, "factory"),
    token: reader.hex(20, "token"),
    lockup: reader.u64("lockup"),
    keeperShareBps: reader.u16("keeper share"),
    keeperFee: reader.u128("keeper fee"),
    committee: reader.hex(20, "committee"),
  };
}

function atLeastOne(reader: ByteReader, what: string, value: number): number {
  return value >= 1 ? value : reader.fail("range", `${what}: expected at least 1, actual ${value}`);
}
