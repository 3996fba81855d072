/**
 * Sends one provider its pieces: proposal, list, what it lacks, the catalogue's name, and at last its consent (R43). Every step may be
 * repeated: the provider says what it has, and only the rest is sent.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { consentBasis, dataConsentDigest, type DataConsent } from "../../client/provider-plans.ts";
import { isSignedBy } from "../../client/signed-by.ts";
import { catalogueName } from "../../client/storing/catalogue.ts";
import type { GroupAt } from "../../client/group-view.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import { maxPagePieces } from "../../protocol/codec/challenge.ts";
import { storeDigest, type StoreRequest } from "../../protocol/codec/store-request.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex, release, toHex } from "../../storage/core/bytes.ts";
import { makePieceList, type PieceEntry, type PieceList } from "../../storage/core/piece-list.ts";
import { rangePlace } from "../../storage/core/range.ts";
import type { PieceCopy } from "./copy.ts";
import type { FetchOrder } from "./fetch-public.ts";
import { inPacedLanes } from "./lanes.ts";
import { lower, type Session } from "./session.ts";
import {
  askStore,
  ProviderGoneError,
  ProviderRefusedError,
  type StoreAnswerTo,
  type StoreRequestOf,
} from "./wire.ts";
import type { StoreKind } from "../../protocol/codec/store.ts";

/** A piece of the list: to be sent, or one that the provider stores already. */
export type ListedPiece = {
  readonly entry: PieceEntry;
  /** Makes the copy that is sent. Undefined: the provider stores the piece already. */
  readonly copy: (() => Promise<PieceCopy>) | undefined;
  /** Lets the provider fetch the piece from another provider. False: the piece is not whole. */
  readonly fetch?: (order: FetchOrder) => Promise<boolean>;
};

export type Shipment = {
  readonly operator: string;
  readonly target: ProviderTarget;
  readonly price: bigint;
  readonly isPublic: boolean;
  /** In the order of the list. */
  readonly pieces: readonly ListedPiece[];
  /** Index of the catalogue's piece. */
  readonly catalogue: number | undefined;
};

export type ShipmentScope = {
  /** Bytes that the provider has now; `sent`: in this run. */
  readonly onBytes: (bytes: number, sent: boolean) => void;
  /** Providers that are sent to at the same time. */
  readonly shipments: number;
};

/** Blocks in which a request may be used: a day of blocks of one second. */
const requestBlocks = 86_400;
/** Blocks in which the payer may use the consent: a provider gives it for 600 at most, by its own head. */
const consentBlocks = 500;
/**
 * Ranges of 2 MB that are sent at once, to one provider and to all of them: enough that a provider syncs some to its disk while others
 * arrive, fewer than the streams that it takes of a peer.
 */
const windowRanges = { each: 7, all: 28 };
/** A provider that does not answer is called again after these pauses; then it counts as lost. */
const pauses_ms = [250, 1_000, 4_000] as const;
/** A busy one is asked again for a minute. */
const busyPause_ms = 500;
const busyTries = 120;

export function listOf({ pieces }: Pick<Shipment, "pieces">): PieceList {
  return makePieceList(pieces.map(({ entry }) => entry));
}

/** Calls a provider, again if it is busy or silent. @throws ProviderGoneError, ProviderRefusedError */
export async function patiently<K extends StoreKind>(
  { line, signal }: Session,
  target: ProviderTarget,
  message: StoreRequestOf<K>,
): Promise<StoreAnswerTo<K>> {
  let [silent, busy] = [0, 0];
  for (;;) {
    try {
      return await askStore<K>(line, target, message);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProviderRefusedError && error.code === "busy" && busy++ < busyTries) {
        await sleep(busyPause_ms, undefined, { signal });
        continue;
      }
      const pause = error instanceof ProviderGoneError ? pauses_ms[silent++] : undefined;
      if (pause === undefined) throw error;
      await sleep(pause, undefined, { signal });
    }
  }
}

export type Shipped = {
  readonly consent: DataConsent;
  /** Asks for a new consent to the same data, with a later deadline. */
  readonly renew: () => Promise<DataConsent>;
};

/** Sends what is missing, and returns the provider's consent. @throws ProviderGoneError, ProviderRefusedError, SourceChangedError */
export async function ship(
  session: Session,
  group: GroupAt,
  shipment: Shipment,
  scope: ShipmentScope,
): Promise<Shipped> {
  const list = listOf(shipment);
  const digest = await propose(session, group, shipment, list);
  const share = Math.floor(windowRanges.all / Math.max(1, scope.shipments));
  const lanes = Math.max(2, Math.min(windowRanges.each, share));
  const sending: Sending = { session, digest, shipment, scope, lanes };
  for (const [index, piece] of shipment.pieces.entries()) await sendPiece(sending, index, piece);
  if (shipment.catalogue !== undefined) {
    const named = { digest, piece: shipment.catalogue, name: catalogueName };
    await patiently(session, shipment.target, { kind: "name", ...named });
  }
  const renew = (): Promise<DataConsent> => consentTo(sending, group, list);
  return { consent: await renew(), renew };
}

async function propose(session: Session, group: GroupAt, shipment: Shipment, list: PieceList): Promise<Hex> {
  const { provider, account, chainId, registry, libp2p } = session;
  const { operator, target, price, isPublic } = shipment;
  const request: StoreRequest = {
    payer: lower(account.address),
    provider: lower(operator),
    group: lower(group.address),
    listRoot: toHex(list.root),
    bytes: Number(list.totalBytes),
    pieces: list.pieces.length,
    price,
    isPublic,
    deadline: (await provider.getBlockNumber()) + requestBlocks,
  };
  const digest = storeDigest({ chainId, registry }, request, libp2p.peerId.toString());
  const signature = fromHex(account.signingKey.sign(digest).serialized);
  const { listed } = await patiently(session, target, {
    kind: "propose",
    request,
    signature,
    birth: undefined,
  });
  for (let first = listed; first < list.pieces.length;) {
    const pieces = list.pieces.slice(first, maxPagePieces);
    const { next } = await patiently(session, target, { kind: "list", digest, first, pieces });
    if (next <= first) throw new ProviderGoneError(`it took no entry of the list's page at ${first}`);
    first = next;
  }
  return digest;
}

type Sending = {
  readonly session: Session;
  readonly digest: Hex;
  readonly shipment: Shipment;
  readonly scope: ShipmentScope;
  /** Ranges that are sent at once. */
  readonly lanes: number;
};

/** Asks which ranges are there, and sends the others, several at once. */
async function sendPiece(sending: Sending, index: number, piece: ListedPiece): Promise<void> {
  const { session, digest, shipment, scope } = sending;
  const { entry } = piece;
  const missing = await fetchMissing(sending, index, piece);
  if (missing.length === 0) return;
  if (piece.copy === undefined) {
    throw new ProviderRefusedError("damaged", `it lost ${toHex(entry.root)}, which it stored for the group`);
  }
  const copy = await piece.copy();
  await inPacedLanes(sending.lanes, async () => {
    const range = missing.shift();
    if (range === undefined) return false;
    const { bytes, siblings } = await copy.range(range);
    const put = { digest, piece: index, range, siblings, bytes };
    const { length } = bytes;
    await patiently(session, shipment.target, { kind: "put", ...put });
    release(bytes);
    scope.onBytes(length, true);
    return true;
  });
}

/** The ranges that the payer has to send: those that the provider neither stores nor fetched from another provider. */
async function fetchMissing(sending: Sending, index: number, piece: ListedPiece): Promise<number[]> {
  const { digest, shipment, scope } = sending;
  const { entry, fetch } = piece;
  const before = await missingRanges(sending, index, entry);
  if (before.length === 0 || fetch === undefined) return before;
  const isWhole = await fetch({ target: shipment.target, digest, piece: index, entry });
  const uncounted = { ...sending, scope: { ...scope, onBytes: () => {} } };
  const missing = isWhole ? [] : await missingRanges(uncounted, index, entry);
  const left = new Set(missing);
  for (const range of before) if (!left.has(range)) scope.onBytes(rangePlace(entry.size, range).bytes, false);
  return missing;
}

async function missingRanges(
  { session, digest, shipment, scope }: Sending,
  piece: number,
  entry: PieceEntry,
): Promise<number[]> {
  const missing: number[] = [];
  const count = Math.ceil(entry.size / rangePlace(entry.size, 0).bytes);
  for (let first = 0; first < count;) {
    const answer = await patiently(session, shipment.target, {
      kind: "have",
      digest,
      piece,
      firstRange: first,
    });
    if (answer.whole) {
      scope.onBytes(entry.size, false);
      return [];
    }
    const { stored } = answer;
    if (stored.length === 0)
      throw new ProviderGoneError(`it says nothing about range ${first} of piece ${piece}`);
    for (const [i, here] of stored.slice(0, count - first).entries()) {
      if (here) scope.onBytes(rangePlace(entry.size, first + i).bytes, false);
      else missing.push(first + i);
    }
    first += stored.length;
  }
  return missing;
}

async function consentTo(
  { session, digest, shipment }: Sending,
  group: GroupAt,
  list: PieceList,
): Promise<DataConsent> {
  const { provider } = session;
  const { operator, price, target } = shipment;
  const { committee, sequence } = await consentBasis(provider, group, operator);
  const deadline = (await provider.getBlockNumber()) + consentBlocks;
  const wish = { digest, committee: lower(committee), sequence, deadline };
  const given = await patiently(session, target, { kind: "consent", ...wish });
  const bytes = Number(list.totalBytes);
  const asked = { listRoot: toHex(list.root), bytes, price, sequence, deadline, committee: lower(committee) };
  for (const [name, value] of Object.entries(asked)) {
    const actual = given[name as keyof typeof asked];
    if (actual === value) continue;
    throw new ProviderGoneError(
      `its consent is to something else: ${name} expected ${value}, actual ${actual}`,
    );
  }
  const consent = {
    group: group.address,
    committee,
    operator,
    listRoot: asked.listRoot,
    bytes: list.totalBytes,
    price,
    receiptKey: given.receiptKey,
    sequence,
    deadline,
    signature: toHex(given.signature),
  };
  // All consents are used in one transaction: the contract would refuse those of the others as well (R33).
  const signed = await dataConsentDigest(provider, consent);
  if (!(await isSignedBy(provider, operator, signed, consent.signature)))
    throw new ProviderGoneError("its consent is not signed by it");
  return consent;
}
