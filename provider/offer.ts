/** R42: what this provider offers now, from its settings, its disks and what it promised; signed by the operator's key. */
import { SigningKey } from "ethers";
import { refusal } from "../protocol/codec/challenge.ts";
import { encodeOfferResponse, maxPrice, offerDigest } from "../protocol/codec/offer.ts";
import type { Offer, OfferPrice, OfferResponse } from "../protocol/codec/offer.ts";
import type { RegistryScope } from "../protocol/codec/identity.ts";
import { fromHex, toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { priceOfMonth } from "../protocol/month-price.ts";
import type { Responder } from "./responder.ts";
import type { GroupReads } from "./store/group-facts.ts";
import type { Room } from "./store/policy.ts";
import type { OfferSettings } from "./store/settings.ts";

/** Blocks for which an offer stands. */
const offerBlocks = 300;
/** An offer is made anew after this time: making one reads the disks. */
const offerMaxAge_ms = 1_000;
const TiB = 2n ** 40n;

/** A setting of the offer that the token or the contract does not allow. */
class OfferError extends Error {
  override readonly name = "OfferError";
}

type PriceSettings = Pick<OfferSettings, "prices" | "blockTime_s">;

/** The settings' prices in the contracts' unit; the tokens' decimals are read once for the settings in force. */
export function offeredPrices(
  settings: () => PriceSettings,
  reads: Pick<GroupReads, "decimals">,
): () => Promise<readonly OfferPrice[]> {
  let known: { readonly of: PriceSettings; readonly prices: Promise<readonly OfferPrice[]> } | undefined;
  return () => {
    const of = settings();
    if (known?.of === of) return known.prices;
    const prices = Promise.all(
      of.prices.map(async ({ token, perMonth }) => {
        const price = priceIn(perMonth, await reads.decimals(token), of.blockTime_s);
        return { token, price };
      }),
    );
    known = { of, prices };
    prices.catch(() => (known = undefined));
    return prices;
  };
}

/** The contracts' price for whole tokens a TiB and month. @throws OfferError if the token has fewer decimals, or it fits no contract */
export function priceIn(perMonth: string, decimals: number, blockTime_s: number): bigint {
  const [whole = "", part = ""] = perMonth.split(".");
  if (part.length > decimals) {
    throw new OfferError(`price ${perMonth}: expected at most ${decimals} decimals, actual ${part.length}`);
  }
  const units = BigInt(whole + part.padEnd(decimals, "0"));
  const price = priceOfMonth(units, TiB, BigInt(Math.round(blockTime_s * 1e9)));
  if (price <= maxPrice && (price > 0n || units === 0n)) return price;
  throw new OfferError(
    `price ${perMonth}: units per 2^64 byte·blocks: expected 1 to ${maxPrice}, or exactly 0, actual ${price}`,
  );
}

export type OfferDependencies = {
  readonly scope: RegistryScope;
  readonly operator: Hex;
  /** 38 bytes, as in the registry. */
  readonly peerId: Hex;
  /** Those in force: they may change while the provider runs. */
  readonly settings: OfferSettings;
  readonly prices: () => Promise<readonly OfferPrice[]>;
  readonly head: () => Promise<number>;
  readonly room: () => Promise<Room>;
};

/** The offer as it stands now. */
async function offerNow(deps: Omit<OfferDependencies, "scope">): Promise<Offer> {
  const { operator, peerId, settings } = deps;
  const [prices, head, room] = await Promise.all([deps.prices(), deps.head(), deps.room()]);
  return {
    operator,
    peerId,
    prices,
    freeBytes: room.free,
    largestPiece: Math.min(settings.largestPiece, room.largestPiece, room.free),
    regions: settings.regions,
    minLockup: settings.minLockup,
    minRunway: settings.minRunway,
    maxKeeperShareBps: settings.maxKeeperShareBps,
    takesPublic: settings.public,
    validUntil: head + offerBlocks,
  };
}

/** @param key the operator's, 32 bytes */
export function offerResponder(deps: OfferDependencies, key: Uint8Array): Responder<RegistryScope> {
  const { scope } = deps;
  const signing = new SigningKey(toHex(key));
  let made: { readonly at_ms: number; readonly offer: Promise<OfferResponse> } | undefined;
  const make = async (): Promise<OfferResponse> => {
    const offer = await offerNow(deps);
    const { serialized } = signing.sign(offerDigest(scope, offer));
    return { kind: "offer", offer, signature: fromHex(serialized) };
  };
  return async ({ chainId, registry }) => {
    if (deps.settings.prices.length === 0) {
      made = undefined;
      return encodeOfferResponse(refusal("not-offered", "this provider offers nothing"));
    }
    if (chainId !== scope.chainId || registry !== scope.registry) {
      const actual = `chain ${chainId}, registry ${registry}`;
      const expected = `chain ${scope.chainId}, registry ${scope.registry}`;
      return encodeOfferResponse(refusal("not-offered", `expected ${expected}, actual ${actual}`));
    }
    const now_ms = performance.now();
    if (made === undefined || now_ms - made.at_ms > offerMaxAge_ms) made = { at_ms: now_ms, offer: make() };
    try {
      return encodeOfferResponse(await made.offer);
    } catch {
      made = undefined;
      const text = "the provider cannot reach its chain endpoint or its disk, or its settings are wrong";
      return encodeOfferResponse(refusal("internal", text));
    }
  };
}
