/** The payer's side of `/whitepay/offer/1` and `/whitepay/store/1`: one request, one answer, with a typed error for everything else. */
import type { Libp2p } from "@libp2p/interface";
import { askProvider } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import {
  decodeOfferResponse,
  encodeOfferRequest,
  maxOfferResponseBytes,
  offerProtocol,
  type SignedOffer,
} from "../../protocol/codec/offer.ts";
import {
  encodeStoreMessage,
  storeProtocol,
  type StoreKind,
  type StoreMessage,
} from "../../protocol/codec/store.ts";
import {
  decodeStoreResponse,
  maxStoreResponseBytes,
  type answerKinds,
  type StoreAnswer,
} from "../../protocol/codec/store-response.ts";

export type StoreRequestOf<K extends StoreKind> = Extract<StoreMessage, { kind: K }>;
export type StoreAnswerTo<K extends StoreKind> = Extract<StoreAnswer, { kind: (typeof answerKinds)[K] }>;

/** A provider did not answer, or not in the protocol's form. Another attempt, or another provider, may help. */
export class ProviderGoneError extends Error {
  override readonly name = "ProviderGoneError";
}

/** A provider refuses, with its code and its reason. */
export class ProviderRefusedError extends Error {
  override readonly name = "ProviderRefusedError";
  readonly code: string;
  constructor(code: string, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

const requestTimeout_ms = 30_000;
/** A range is up to 2 MB: 70 kB/s are enough. */
const putTimeout_ms = 30_000;

export type Line = { readonly libp2p: Pick<Libp2p, "dialProtocol">; readonly signal?: AbortSignal };

function limitsOf({ signal }: Line, timeout_ms: number): { timeout_ms: number; signal?: AbortSignal } {
  return { timeout_ms, ...(signal === undefined ? {} : { signal }) };
}

function isRefusal(value: { readonly kind: string }): value is Refusal {
  return value.kind === "refusal";
}

/** @throws ProviderGoneError, ProviderRefusedError; the reason of the signal if it is aborted */
export async function askStore<K extends StoreKind>(
  line: Line,
  target: ProviderTarget,
  message: StoreRequestOf<K>,
): Promise<StoreAnswerTo<K>> {
  const bytes = encodeStoreMessage(message);
  const call = { protocol: storeProtocol, bytes, maxBytes: maxStoreResponseBytes };
  const timeout_ms = message.kind === "put" ? putTimeout_ms : requestTimeout_ms;
  const received = await askProvider(line, target, call, limitsOf(line, timeout_ms));
  line.signal?.throwIfAborted();
  if (!received.ok) throw new ProviderGoneError(`${received.reason}: ${received.detail}`);
  const decoded = decodeStoreResponse<K>(received.bytes, message.kind);
  if (!decoded.ok) throw new ProviderGoneError(`the answer cannot be decoded: ${decoded.detail}`);
  const { value } = decoded;
  if (isRefusal(value)) throw new ProviderRefusedError(value.code, value.detail);
  return value;
}

/** @throws ProviderGoneError, ProviderRefusedError; the signature is not checked here */
export async function askOffer(
  line: Line,
  target: ProviderTarget,
  scope: RegistryScope,
  timeout_ms: number,
): Promise<SignedOffer> {
  const call = { protocol: offerProtocol, bytes: encodeOfferRequest(scope), maxBytes: maxOfferResponseBytes };
  const received = await askProvider(line, target, call, limitsOf(line, timeout_ms));
  line.signal?.throwIfAborted();
  if (!received.ok) throw new ProviderGoneError(`${received.reason}: ${received.detail}`);
  const decoded = decodeOfferResponse(received.bytes);
  if (!decoded.ok) throw new ProviderGoneError(`the offer cannot be decoded: ${decoded.detail}`);
  const { value } = decoded;
  if (value.kind === "refusal") throw new ProviderRefusedError(value.code, value.detail);
  return value;
}
