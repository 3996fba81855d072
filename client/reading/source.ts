/** R44: where ranges of a piece come from. `httpSource` reads them from `GET /piece/<root>` with fetch, in Node and in browsers. */
import {
  decodeProof,
  encodePermission,
  pathOfPiece,
  permissionHeader,
  proofHeader,
} from "../../protocol/codec/piece-http.ts";
import {
  chargedHeader,
  encodeVoucher,
  maxDueBytes,
  readDueDocument,
  voucherHeader,
} from "../../protocol/codec/paid-reading.ts";
import type { PaymentDue, ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import { concatBytes } from "../../storage/core/bytes.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { inputError } from "../errors.ts";

/** The answer of a source. It is used only after it was verified against the piece's root. */
export type SentRange = {
  /** Bytes of the whole piece. */
  readonly size: number;
  readonly bytes: Uint8Array;
  /** The nodes of `runSiblings` for this range alone. */
  readonly siblings: readonly Uint8Array[];
};

export type PieceSource = {
  /** Names the source in messages. */
  readonly name: string;
  /** Rejects with a SourceError. */
  range(root: Hex, range: number, signal: AbortSignal): Promise<SentRange>;
};

/**
 * - `wrong`: it sent other bytes than the piece's; it is not asked again
 * - `refused`: it does not have the piece, or does not give it
 * - `busy`: it may be asked again after `retryAfter_s`
 * - `unreachable`: it did not answer, or not to the end
 */
export type SourceFaultKind = "wrong" | "refused" | "busy" | "unreachable";

export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly kind: SourceFaultKind;
  readonly retryAfter_s: number;

  constructor(kind: SourceFaultKind, message: string, retryAfter_s = 1) {
    super(message);
    this.kind = kind;
    this.retryAfter_s = retryAfter_s;
  }
}

/** R47: the source sends the range when it is paid for. */
export class PaymentNeeded extends SourceError {
  readonly due: PaymentDue;

  constructor(due: PaymentDue) {
    const price = `a price a GiB of ${due.pricePerGiB} in units of token ${due.token}`;
    super("refused", `asks for ${price}, paid to ${due.provider}: ${due.code}: ${due.detail}`);
    this.due = due;
  }
}

/** What a source sent, and what it says that this costs, in units. */
export type ChargedRange = SentRange & { readonly charged: bigint };

/** A source that takes vouchers; `payingSource` makes a PieceSource of it. */
export type Payee = {
  readonly name: string;
  /** Rejects with a SourceError, a PaymentNeeded among them. */
  range(root: Hex, range: number, signal: AbortSignal, voucher?: ShownVoucher): Promise<ChargedRange>;
  /** Shows a voucher for what was read before. Rejects likewise. */
  settle(root: Hex, voucher: ShownVoucher, signal: AbortSignal): Promise<void>;
};

export type HttpSourceOptions = {
  /** Shown with every request. */
  readonly permission?: GroupDomain & Permission;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
};

const maxReasonChars = 200;
/** A URL that ends like this leads to the piece itself; to any other URL the path of the piece is added. */
export const isOfPiece = /\/piece\/(?:0x)?[0-9a-f]{64}$/i;

/**
 * @param url of a provider's server for readers, or of the piece there
 * @throws WhitePayError `input` if it is no HTTP URL
 */
export function httpSource(url: string, options: HttpSourceOptions = {}): PieceSource {
  const payee = httpPayee(url, options);
  return { name: payee.name, range: (root, range, signal) => payee.range(root, range, signal) };
}

/** The same as a source that takes vouchers (R47). */
export function httpPayee(url: string, { permission, fetch: get = fetch }: HttpSourceOptions = {}): Payee {
  const base = baseOf(url);
  const shown: Record<string, string> =
    permission === undefined ? {} : { [permissionHeader]: encodePermission(permission) };
  const headersOf = (voucher: ShownVoucher | undefined): Record<string, string> => {
    return voucher === undefined ? shown : { ...shown, [voucherHeader]: encodeVoucher(voucher) };
  };
  const placeOf = (root: Hex): URL => {
    const place = new URL(base);
    if (!isOfPiece.test(place.pathname))
      place.pathname = place.pathname.replace(/\/$/, "") + pathOfPiece(root);
    return place;
  };
  return {
    name: base.href,
    async range(root, range, signal, voucher) {
      const first = range * rangeBytes;
      const headers = { ...headersOf(voucher), Range: `bytes=${first}-${first + rangeBytes - 1}` };
      const response = await answered(() => get(placeOf(root), { headers, signal, cache: "no-store" }));
      if (response.status !== 206) throw await refusalOf(response);
      const begun = await beginningOf(response, first);
      const { bytes, last, decoded } = begun;
      let got = await filled(response, bytes, 0);
      // A connection that broke is continued at the next byte; the first answer's proof is for all of them.
      while (got < bytes.length) {
        const rest = { ...headers, Range: `bytes=${first + got}-${last}` };
        const more = await answered(() => get(placeOf(root), { headers: rest, signal, cache: "no-store" }));
        if (more.status !== 206) throw await refusalOf(more);
        await mustContinue(more, first + got);
        got = await filled(more, bytes, got);
      }
      if (!decoded.ok) throw new SourceError("wrong", decoded.detail);
      return { size: begun.size, bytes, siblings: decoded.value, charged: begun.charged };
    },
    async settle(root, voucher, signal) {
      const asked = { method: "HEAD", headers: headersOf(voucher), signal, cache: "no-store" } as const;
      const response = await answered(() => get(placeOf(root), asked));
      if (!response.ok) throw await refusalOf(response);
    },
  };
}

type Beginning = {
  readonly size: number;
  /** Of the range. */
  readonly last: number;
  readonly charged: bigint;
  readonly decoded: ReturnType<typeof decodeProof>;
  /** To be filled. */
  readonly bytes: Uint8Array;
};

/** What the head of an answer says about the range that begins at the byte `first`. */
async function beginningOf(response: Response, first: number): Promise<Beginning> {
  const found = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(response.headers.get("Content-Range") ?? "");
  const [start, last, size] = (found ?? []).slice(1).map(Number);
  const proof = response.headers.get(proofHeader);
  if (start === undefined || last === undefined || size === undefined || proof === null) {
    await response.body?.cancel().catch(() => undefined);
    throw new SourceError(
      "refused",
      `it serves no ranges with proofs (headers Content-Range, ${proofHeader})`,
    );
  }
  if (start !== first || last !== Math.min(size, first + rangeBytes) - 1) {
    await response.body?.cancel().catch(() => undefined);
    const range = `bytes ${start}-${last}/${size}`;
    throw new SourceError("wrong", `sent another range: expected bytes from ${first}, actual ${range}`);
  }
  const charged = /^\d{1,39}$/.exec(response.headers.get(chargedHeader) ?? "")?.[0];
  const bytes = new Uint8Array(last + 1 - start);
  return { size, last, charged: BigInt(charged ?? 0), decoded: decodeProof(proof), bytes };
}

/** Its bytes would else be taken for those at another place. */
async function mustContinue(response: Response, at: number): Promise<void> {
  const range = response.headers.get("Content-Range") ?? "none";
  if (range.startsWith(`bytes ${at}-`)) return;
  await response.body?.cancel().catch(() => undefined);
  throw new SourceError(
    "unreachable",
    `broke off: expected to continue at byte ${at}, actual ${range.slice(0, 80)}`,
  );
}

function baseOf(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return parsed;
  throw inputError("the source is not valid", {
    expected: "an http or https URL",
    actual: JSON.stringify(url.slice(0, 80)),
  });
}

async function answered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError("unreachable", (error as Error).message);
  }
}

/** What an answer that is no success means. */
export async function refusalOf(response: Response): Promise<SourceError> {
  const { status } = response;
  const body = await startOf(response, maxDueBytes).catch(() => new Uint8Array());
  const text = new TextDecoder().decode(body);
  const due = status === 402 ? readDueDocument(text) : undefined;
  if (due?.ok === true) return new PaymentNeeded(due.value);
  const reason = text
    .slice(0, maxReasonChars)
    .replace(/\p{C}+/gu, " ")
    .trim();
  const message = `HTTP ${status}${reason === "" ? "" : `: ${reason}`}`;
  if (status !== 429 && status < 500) return new SourceError("refused", message);
  const after = Number(response.headers.get("Retry-After") ?? "");
  return new SourceError("busy", message, Number.isFinite(after) && after > 0 ? after : 1);
}

/** The body, or its first `most` bytes: a longer one is not read to its end. */
async function startOf(response: Response, most: number): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  for (let bytes = 0; bytes <= most;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    parts.push(value);
    bytes += value.length;
  }
  await reader?.cancel().catch(() => undefined);
  return concatBytes(...parts).subarray(0, most);
}

/**
 * Writes the body into `target` from `got` on, until its end or until the connection breaks. Returns up to where there are bytes now.
 * @throws SourceError for a body that is too long, or without a byte
 */
async function filled(response: Response, target: Uint8Array, got: number): Promise<number> {
  const reader = response.body?.getReader();
  let at = got;
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done || value === undefined) break;
      if (at + value.length > target.length) {
        await reader?.cancel().catch(() => undefined);
        throw new SourceError("wrong", `sent too much: expected ${target.length} bytes, actual more`);
      }
      target.set(value, at);
      at += value.length;
    }
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (at === got) throw new SourceError("unreachable", (error as Error).message);
  }
  if (at > got) return at;
  throw new SourceError("unreachable", `ended early: expected ${target.length} bytes, actual ${at}`);
}
