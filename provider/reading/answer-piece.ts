/** R44: answers `GET /piece/<root>` and HEAD: the bytes of a piece or of one range of them, with the nodes that prove them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  decodePermission,
  encodeProof,
  permissionHeader,
  permissionQuery,
  proofHeader,
  tagOfPiece,
} from "../../protocol/codec/piece-http.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import { chargedHeader, decodeVoucher, voucherHeader } from "../../protocol/codec/paid-reading.ts";
import type { ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import { unlimitedBytes } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes, runProof } from "../../storage/core/range.ts";
import type { RangeRun } from "../../storage/core/range.ts";
import type { ByteRange } from "./byte-range.ts";
import { refuse, refuseUnpaid, wantedPart } from "./conditions.ts";
import type { WantedPart } from "./conditions.ts";
import { readerLimits } from "./limits.ts";
import type { ReaderLimits } from "./limits.ts";
import type { Charge, Payments } from "./paid/payments.ts";
import type { Quota, Quotas } from "./quotas.ts";
import type { RangeCache } from "./range-cache.ts";
import type { Readable, Readers } from "./readers.ts";

export type PieceAnswers = {
  readonly readers: Pick<Readers, "readable" | "open">;
  readonly quotas: Quotas;
  readonly store: Pick<RangeCache, "has" | "readRange">;
  readonly limits: ReaderLimits;
  /** Most bytes a day to all readers; `unlimitedBytes`: no limit. */
  readonly bytesPerDay: number;
  /** R47; undefined: reading costs nothing. */
  readonly payments?: Pick<Payments, "take" | "settle"> | undefined;
  /** Bytes of a piece were sent; `price` in units, 0 if they were free. */
  readonly sent: (event: { readonly root: Hex; readonly bytes: number; readonly price: bigint }) => void;
};

/** A request, and the root that its path names. */
export type PieceRequest = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly root: Hex;
  readonly query: URLSearchParams;
  /** The address whose limits count. */
  readonly address: string;
};

const statusOf: Partial<Record<Refusal["code"], number>> = {
  "unknown-group": 404,
  "unknown-piece": 404,
  "wrong-peer": 403,
  "not-the-payer": 403,
  revoked: 403,
};

/** What the request may read, or its refusal. @throws if the chain or the disk does not answer */
export async function readableOf(
  answers: Pick<PieceAnswers, "readers">,
  { request, query, root }: PieceRequest,
): Promise<Readable | [number, string]> {
  const shown = request.headers[permissionHeader.toLowerCase()] ?? query.get(permissionQuery);
  if (shown === null || shown === undefined) {
    const open = await answers.readers.open(root);
    return open ?? [404, "no piece with this root may be read by anybody here"];
  }
  const decoded = decodePermission(String(shown));
  if (!decoded.ok) return [400, decoded.detail];
  const readable = await answers.readers.readable(decoded.value, decoded.value, undefined, root);
  if (readable.kind === "readable") return readable;
  return [statusOf[readable.code] ?? 403, `${readable.code}: ${readable.detail}`];
}

/** How a piece is presented: alone, or as a file with a name. */
export type Presented = {
  readonly type: string;
  /** Begins the reason if the piece is refused. */
  readonly what: string;
};

const plainPiece: Presented = { type: "application/octet-stream", what: "" };

/** Answers the request. Rejects if the chain or the disk does not answer before a byte was sent; else breaks the connection. */
export async function answerPiece(
  answers: PieceAnswers,
  wanted: PieceRequest,
  { type, what }: Presented = plainPiece,
): Promise<void> {
  const { root } = wanted;
  const readable = await readableOf(answers, wanted);
  if (Array.isArray(readable)) return refuse(wanted, readable[0], `${what}${readable[1]}`);
  const voucher = shownVoucher(answers, wanted);
  if (typeof voucher === "string") return refuse(wanted, 400, `${what}${voucher}`);
  // HEAD pays for what was read before.
  const due = wanted.request.method === "HEAD" && voucher && (await answers.payments?.settle(voucher));
  if (due) return refuseUnpaid(wanted, due);
  const { entry, quota } = readable;
  const fixed = { tag: tagOfPiece(root), size: entry.size, type, isPublic: quota.group === "public" };
  const part = wantedPart(wanted, fixed);
  if (part !== undefined) await send(answers, wanted, { entry, quota, voucher, ...part });
}

/** The voucher of a request, or what is wrong with its form. */
function shownVoucher(
  { payments }: PieceAnswers,
  { request }: PieceRequest,
): ShownVoucher | string | undefined {
  const text = request.headers[voucherHeader.toLowerCase()];
  if (payments === undefined || text === undefined) return undefined;
  const decoded = decodeVoucher(String(text));
  return decoded.ok ? decoded.value : decoded.detail;
}

type Sending = WantedPart & {
  readonly entry: PieceEntry;
  readonly quota: Quota;
  readonly voucher: ShownVoucher | undefined;
};

async function send(answers: PieceAnswers, wanted: PieceRequest, sending: Sending): Promise<void> {
  const { response, address } = wanted;
  const { bytes } = sending;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const end = answers.limits.begin(address);
  if (end === undefined)
    return refuse(wanted, 503, "too many readers; ask again later", { "Retry-After": "1" });
  try {
    for (let at = bytes.start; at < bytes.end && !gone.signal.aborted;) {
      const to = Math.min(bytes.end, (Math.floor(at / rangeBytes) + 1) * rangeBytes);
      const refused = await sendRange(answers, wanted, sending, { at, to, gone: gone.signal });
      if (refused !== undefined) return void (response.headersSent ? response.destroy() : refused());
      at = to;
    }
    response.end();
  } catch (error) {
    if (!gone.signal.aborted && !response.headersSent) throw error;
    response.destroy();
  } finally {
    end();
  }
}

const nothingCharged: Charge = { kind: "charged", price: 0n, undo: async () => undefined };

/** Bytes [at, to) of one range. */
type Part = { readonly at: number; readonly to: number; readonly gone: AbortSignal };

/** Returns how to refuse the bytes; undefined: they were sent. */
async function sendRange(
  answers: PieceAnswers,
  wanted: PieceRequest,
  sending: Sending,
  part: Part,
): Promise<(() => void) | undefined> {
  const { at, to } = part;
  const { address, root } = wanted;
  const { voucher, quota } = sending;
  const asked = { address, voucher, root, at, to };
  const charge = (await answers.payments?.take(asked)) ?? nothingCharged;
  if (charge.kind === "due") return () => refuseUnpaid(wanted, charge);
  let isSent = false;
  try {
    if (!(await hasQuota(answers, quota, to - at))) {
      const later = { "Retry-After": String(answers.quotas.untilTomorrow_s()) };
      return () => refuse(wanted, 429, "over-quota: the bytes of this day are sent", later);
    }
    const found = await readPart(answers, wanted, sending, part);
    if (found === undefined)
      return () => refuse(wanted, 503, "damaged: the provider cannot prove these bytes");
    isSent = true;
    begin(wanted, sending, { ...found, price: charge.price });
    await write(wanted.response, found.bytes, part.gone);
    answers.sent({ root, bytes: to - at, price: charge.price });
    return undefined;
  } finally {
    if (!isSent) await charge.undo();
  }
}

type FoundPart = { readonly bytes: Uint8Array; readonly nodes: readonly Uint8Array[] | undefined };

/** The bytes, and for the first ones the nodes that prove all bytes of the answer; undefined: they are damaged. */
async function readPart(
  { limits, store }: PieceAnswers,
  { address, response }: PieceRequest,
  { entry, bytes }: Sending,
  { at, to, gone }: Part,
): Promise<FoundPart | undefined> {
  const range = Math.floor(at / rangeBytes);
  const run = runOf(entry.size, bytes);
  // A range is read and hashed whole, even if one byte of it is sent.
  const cost = store.has(entry, range) ? to - at : rangeBytes;
  await sleep(limits.bytes(address, cost), undefined, { signal: gone });
  // The proof needs nodes of the last range. They are read first, so that only one range is in memory at a time.
  const needsLast = !response.headersSent && run !== undefined && run.count > 1;
  const last = needsLast ? (await store.readRange(entry, run.first + run.count - 1))?.siblings : [];
  const found = last && (await store.readRange(entry, range));
  if (last === undefined || found === undefined) return undefined;
  const { siblings } = found;
  const nodes = response.headersSent
    ? undefined
    : run && runProof(run, siblings, run.count > 1 ? last : siblings);
  const start = range * rangeBytes;
  return { bytes: found.bytes.subarray(at - start, to - start), nodes };
}

/** The head of the answer, before its first bytes. */
function begin(
  { response }: PieceRequest,
  { status, headers }: Sending,
  { nodes, price }: Pick<FoundPart, "nodes"> & { readonly price: bigint },
): void {
  if (response.headersSent) return;
  // Caches of others must not hand on what was paid for.
  response.writeHead(status, {
    ...headers,
    ...(nodes === undefined ? {} : { [proofHeader]: encodeProof(nodes) }),
    ...(price === 0n ? {} : { [chargedHeader]: String(price), "Cache-Control": "private, max-age=3600" }),
  });
}

/** The permission's quota and the provider's own. */
async function hasQuota(
  { quotas, bytesPerDay }: PieceAnswers,
  quota: Quota,
  bytes: number,
): Promise<boolean> {
  if (!(await quotas.take(quota, bytes))) return false;
  return bytesPerDay === unlimitedBytes || quotas.take({ group: "readers", name: "all", bytesPerDay }, bytes);
}

/** The ranges of which the bytes consist; undefined if they do not begin and end where ranges do. */
function runOf(size: number, { start, end }: ByteRange): RangeRun | undefined {
  if (start % rangeBytes !== 0 || (end % rangeBytes !== 0 && end !== size)) return undefined;
  const first = start / rangeBytes;
  return { size, first, count: Math.ceil(end / rangeBytes) - first };
}

/** Resolves when the bytes left for the network. @throws if the reader is gone or too slow */
export async function write(response: ServerResponse, bytes: Uint8Array, gone: AbortSignal): Promise<void> {
  const slow = AbortSignal.timeout(readerLimits.range_ms);
  const signal = AbortSignal.any([gone, slow]);
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => reject(new Error("the reader is gone or too slow"));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    response.write(bytes, (error) => {
      signal.removeEventListener("abort", stop);
      if (error) reject(error);
      else resolve();
    });
  });
}
