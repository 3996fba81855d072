/** R42: a provider's signed offer, and the bytes of `/whitepay/offer/1`. */
import { ByteWriter, concatBytes, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { domainOf, typedDigest } from "../certificate.ts";
import { fromHex, keccak, keccakText, keccakWords, word } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { encodeRefusal, providerProtocolVersion, readKind, readRefusal, readVersion } from "./challenge.ts";
import type { Refusal } from "./challenge.ts";
import type { RegistryScope } from "./identity.ts";
import { readText, writeText } from "./typed-text.ts";

export const offerProtocol = "/whitepay/offer/1";

/** Prices of an offer: a provider takes a few tokens. */
export const maxOfferPrices = 16;
export const maxOfferRegions = 8;
export const maxRegionBytes = 32;
/** The contracts hold a price in 80 bits (R33). */
export const maxPrice = 2n ** 80n - 1n;
const peerIdBytes = 38;

export type OfferPrice = {
  /** Zero: the chain's own coin. */
  readonly token: Hex;
  /** Least price that is accepted: token units per 2^64 byte·blocks. */
  readonly price: bigint;
};

export type Offer = {
  readonly operator: Hex;
  /** As in the registry: 38 bytes. */
  readonly peerId: Hex;
  readonly prices: readonly OfferPrice[];
  /** Bytes for which there is room now. */
  readonly freeBytes: number;
  /** Largest piece that is accepted, in bytes. */
  readonly largestPiece: number;
  readonly regions: readonly string[];
  /** Shortest lockup of a group, in blocks (R4). */
  readonly minLockup: number;
  /** Blocks that the escrow must carry beyond what R32 requires. */
  readonly minRunway: number;
  /** Largest part of each amount that goes to the keepers, in 1/10000 (R4). */
  readonly maxKeeperShareBps: number;
  readonly takesPublic: boolean;
  /** Last block in which the offer stands. */
  readonly validUntil: number;
};

/** Signature by the operator's key, 65 bytes. Where the operator is a contract, its ERC-1271 check decides. */
export type SignedOffer = { readonly offer: Offer; readonly signature: Uint8Array };
export type OfferResponse = (SignedOffer & { readonly kind: "offer" }) | Refusal;

export const offerRequestBytes = 1 + 8 + 20;
export const maxOfferResponseBytes =
  2 +
  20 +
  peerIdBytes +
  1 +
  maxOfferPrices * 36 +
  16 +
  1 +
  maxOfferRegions * (1 + maxRegionBytes) +
  16 +
  2 +
  1 +
  8 +
  65;

const priceType = "Price(address token,uint80 price)";
/** EIP-712 `encodeType`. */
const offerType =
  "Offer(address operator,bytes peerId,Price[] prices,uint64 freeBytes,uint64 largestPiece,string[] regions," +
  "uint64 minLockup,uint64 minRunway,uint16 maxKeeperShareBps,bool takesPublic,uint64 validUntil)" +
  priceType;
const priceTypeHash = keccakText(priceType);
const offerTypeHash = keccakText(offerType);

/** EIP-712 digest with the registry as verifying contract. */
export function offerDigest({ chainId, registry }: RegistryScope, offer: Offer): Hex {
  const prices = offer.prices.map(({ token, price }) => word(keccakWords(priceTypeHash, token, price)));
  const regions = offer.regions.map((region) => word(keccakText(region)));
  const struct = keccakWords(
    offerTypeHash,
    offer.operator,
    keccak(fromHex(offer.peerId)),
    keccak(concatBytes(...prices)),
    offer.freeBytes,
    offer.largestPiece,
    keccak(concatBytes(...regions)),
    offer.minLockup,
    offer.minRunway,
    offer.maxKeeperShareBps,
    offer.takesPublic ? 1 : 0,
    offer.validUntil,
  );
  return typedDigest(domainOf(chainId, registry), struct);
}

export function encodeOfferRequest({ chainId, registry }: RegistryScope): Uint8Array {
  return new ByteWriter().u8(providerProtocolVersion).u64(chainId).hex(registry, 20).finish();
}

export function decodeOfferRequest(bytes: Uint8Array): Result<RegistryScope, DecodeCode> {
  return decode(bytes, offerRequestBytes, (reader) => {
    readVersion(reader);
    return { chainId: reader.u64("chain id"), registry: reader.hex(20, "registry") };
  });
}

const answerByte = 0;

export function encodeOfferResponse(response: OfferResponse): Uint8Array {
  if (response.kind === "refusal") return encodeRefusal(response);
  const { offer, signature } = response;
  const w = new ByteWriter()
    .u8(providerProtocolVersion)
    .u8(answerByte)
    .hex(offer.operator, 20)
    .hex(offer.peerId, peerIdBytes)
    .u8(offer.prices.length);
  for (const { token, price } of offer.prices) w.hex(token, 20).u128(price);
  w.u64(offer.freeBytes).u64(offer.largestPiece).u8(offer.regions.length);
  for (const region of offer.regions) writeText(w, region, maxRegionBytes);
  return w
    .u64(offer.minLockup)
    .u64(offer.minRunway)
    .u16(offer.maxKeeperShareBps)
    .u8(offer.takesPublic ? 1 : 0)
    .u64(offer.validUntil)
    .bytes(signature, 65)
    .finish();
}

/** Checks sizes and form; the signature is checked with `offerDigest`. */
export function decodeOfferResponse(bytes: Uint8Array): Result<OfferResponse, DecodeCode> {
  return decode(bytes, maxOfferResponseBytes, (reader): OfferResponse => {
    readVersion(reader);
    if (readKind(reader) !== answerByte) return readRefusal(reader);
    const offer: Offer = {
      operator: reader.hex(20, "operator"),
      peerId: reader.hex(peerIdBytes, "peer id"),
      prices: readList(reader, "prices", maxOfferPrices, () => ({
        token: reader.hex(20, "token"),
        price: readPrice(reader),
      })),
      freeBytes: reader.u64("free bytes"),
      largestPiece: reader.u64("largest piece"),
      regions: readList(reader, "regions", maxOfferRegions, () => readText(reader, maxRegionBytes, "region")),
      minLockup: reader.u64("shortest lockup"),
      minRunway: reader.u64("shortest runway"),
      maxKeeperShareBps: reader.u16("largest keeper share"),
      takesPublic: readFlag(reader, "takes public data"),
      validUntil: reader.u64("last block"),
    };
    return { kind: "offer", offer, signature: reader.bytes(65, "signature") };
  });
}

function readList<T>(reader: ByteReader, what: string, most: number, read: () => T): T[] {
  const length = reader.u8(what);
  if (length > most) reader.fail("range", `${what}: expected at most ${most}, actual ${length}`);
  return Array.from({ length }, read);
}

export function readPrice(reader: ByteReader): bigint {
  const price = reader.u128("price");
  return price <= maxPrice
    ? price
    : reader.fail("range", `price: expected at most ${maxPrice}, actual ${price}`);
}

/** 0 or 1, so that each value has one encoding. */
export function readFlag(reader: ByteReader, what: string): boolean {
  const flag = reader.u8(what);
  return flag <= 1 ? flag === 1 : reader.fail("range", `${what}: expected 0 or 1, actual ${flag}`);
}
