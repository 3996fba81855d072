/** The payer's side of `/whitepay/offer/1` and `/whitepay/store/1`: one request, one answer, with a typed error for everything else. */
import { askProvider, type Caller } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import type { RegistryScope } from "../../protocol/codec/identity.ts";
import {
  decodeOfferResponse,
  encodeOfferRequest,
  maxOfferResponseBytes,
  offerProtocol,
  type OfferResponse,
  type SignedOffer,
} from "../../protocol/codec/offer.ts";
import type { Result } from "../../storage/core/result.ts";
import {
  encodePutHead,
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

export type Line = Omit<Caller, "meter"> & { readonly signal?: AbortSignal };

function limitsOf({ signal }: Line, timeout_ms: number): { timeout_ms: number; signal?: AbortSignal } {
  return { timeout_ms, ...(signal === undefined ? {} : { signal }) };
}

function isRefusal(value: { readonly kind: string }): value is Refusal {
  return value.kind === "refusal";
}

type Call<T> = {
  readonly protocol: string;
  readonly bytes: Uint8Array;
  readonly tail?: Uint8Array;
  readonly maxBytes: number;
  readonly timeout_ms: number;
  readonly decode: (bytes: Uint8Array) => Result<T | Refusal>;
};

/** @throws ProviderGoneError, ProviderRefusedError; the reason of the signal if it is aborted */
async function ask<T extends { readonly kind: string }>(
  line: Line,
  target: ProviderTarget,
  { decode, timeout_ms, ...call }: Call<T>,
): Promise<T> {
  const received = await askProvider(line, target, call, limitsOf(line, timeout_ms));
  line.signal?.throwIfAborted();
  if (!received.ok) throw new ProviderGoneError(`${received.reason}: ${received.detail}`);
  const decoded = decode(received.bytes);
  if (!decoded.ok) throw new ProviderGoneError(`the answer cannot be decoded: ${decoded.detail}`);
  const { value } = decoded;
  if (isRefusal(value)) throw new ProviderRefusedError(value.code, value.detail);
  return value;
}

function encoded(message: StoreMessage): Pick<Call<StoreAnswer>, "bytes" | "tail"> {
  return message.kind === "put"
    ? { bytes: encodePutHead(message), tail: message.bytes }
    : { bytes: encodeStoreMessage(message) };
}

/** @throws ProviderGoneError, ProviderRefusedError; the reason of the signal if it is aborted */
export async function askStore<K extends StoreKind>(
  line: Line,
  target: ProviderTarget,
  message: StoreRequestOf<K>,
): Promise<StoreAnswerTo<K>> {
  return ask<StoreAnswerTo<K>>(line, target, {
    protocol: storeProtocol,
    ...encoded(message),
    maxBytes: maxStoreResponseBytes,
    timeout_ms: message.kind === "put" ? putTimeout_ms : requestTimeout_ms,
    decode: (bytes) => decodeStoreResponse<K>(bytes, message.kind),
  });
}

/** @throws ProviderGoneError, ProviderRefusedError; the signature is not checked here */
export async function askOffer(
  line: Line,
  target: ProviderTarget,
  scope: RegistryScope,
  timeout_ms: number,
): Promise<SignedOffer> {
  return ask<Exclude<OfferResponse, Refusal>>(line, target, {
    protocol: offerProtocol,
    bytes: encodeOfferRequest(scope),
    maxBytes: maxOfferResponseBytes,
    timeout_ms,
    decode: decodeOfferResponse,
  });
}
