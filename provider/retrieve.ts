/** R44, R47: serves data by ranges to readers for whom the payer signed a permission, for nothing or for vouchers. */
import { encodeRetrieveResponse } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../protocol/codec/retrieve.ts";
import { refusal } from "../protocol/codec/challenge.ts";
import type { Refusal } from "../protocol/codec/challenge.ts";
import type { PaymentDue, ShownVoucher } from "../protocol/codec/paid-reading.ts";
import { encodePaidRetrieveResponse, paidRetrieveProtocol } from "../protocol/codec/paid-retrieve.ts";
import type { PaidRange, PaidRetrieveRequest } from "../protocol/codec/paid-retrieve.ts";
import type { Hex } from "../protocol/hash.ts";
import { rangesInFlight } from "../protocol/limits/derived.ts";
import { release } from "../storage/core/bytes.ts";
import { rangeBytes, rangeCount, rangePlace } from "../storage/core/range.ts";
import type { ProviderEvents, RangeStore } from "./ports.ts";
import type { Charge, Payments } from "./reading/paid/payments.ts";
import type { Quotas } from "./reading/quotas.ts";
import type { Readable, Readers } from "./reading/readers.ts";
import type { Responder } from "./responder.ts";

const busy = refusal("busy", "too many ranges are being sent; ask again later");
const nothingCharged: Charge = { kind: "charged", price: 0n, undo: async () => undefined };

export type RetrieveDependencies = {
  readonly readers: Pick<Readers, "readable">;
  readonly quotas: Pick<Quotas, "take">;
  readonly store: RangeStore;
  readonly events: Pick<ProviderEvents, "served">;
  /** R47; undefined: reading costs nothing. */
  readonly payments?: Pick<Payments, "take" | "settle"> | undefined;
  /** The network address of a connected peer, whose free bytes count. */
  readonly addressOf?: (peer: string) => string;
};

export type RetrieveResponders = {
  readonly retrieve: Responder<RetrieveRequest>;
  /** Undefined: reading costs nothing. */
  readonly paid: Responder<PaidRetrieveRequest> | undefined;
};

/** Both protocols together send a bounded number of ranges at a time. */
export function retrieveResponders(dependencies: RetrieveDependencies): RetrieveResponders {
  const ranges = new Ranges(dependencies);
  return {
    async retrieve(request, peer) {
      const answered = await ranges.range(request, peer);
      const response = encodeRetrieveResponse(answered.kind === "due" ? unpaid(answered) : answered);
      if (answered.kind === "range") release(answered.bytes);
      return response;
    },
    paid:
      dependencies.payments &&
      (async ({ kind, wanted, voucher }, peer) => {
        const answered = await (kind === "settle"
          ? ranges.settle(wanted, peer, voucher)
          : ranges.range(wanted, peer, voucher));
        const response = encodePaidRetrieveResponse(answered);
        if (answered.kind === "range") release(answered.bytes);
        return response;
      }),
  };
}

function unpaid({ pricePerGiB, token }: PaymentDue): Refusal {
  return refusal("unpaid", `costs ${pricePerGiB} of token ${token} a GiB: ask with ${paidRetrieveProtocol}`);
}

class Ranges {
  readonly #deps: RetrieveDependencies;
  readonly #inFlight = new Map<Hex, number>();
  #allInFlight = 0;

  constructor(dependencies: RetrieveDependencies) {
    this.#deps = dependencies;
  }

  /** Never rejects. */
  range(
    request: RetrieveRequest,
    peer: string,
    voucher?: ShownVoucher,
  ): Promise<PaidRange | PaymentDue | Refusal> {
    return this.#allowed(request, peer, (readable) => this.#range(request, peer, readable, voucher));
  }

  /** Takes a voucher for what was sent before. Never rejects. */
  settle(
    request: RetrieveRequest,
    peer: string,
    voucher: ShownVoucher,
  ): Promise<{ readonly kind: "settled" } | PaymentDue | Refusal> {
    return this.#allowed(request, peer, async () => {
      return (await this.#deps.payments?.settle(voucher)) ?? { kind: "settled" };
    });
  }

  async #allowed<T>(
    request: RetrieveRequest,
    peer: string,
    work: (readable: Readable) => Promise<T>,
  ): Promise<T | Refusal> {
    if (this.#allInFlight >= rangesInFlight.all) return busy;
    this.#allInFlight++;
    try {
      const readable = await this.#deps.readers.readable(request, request, peer, request.pieceRoot);
      return readable.kind === "refusal" ? readable : await work(readable);
    } catch {
      return refusal("internal", "the provider cannot reach its chain endpoint or its disk");
    } finally {
      this.#allInFlight--;
    }
  }

  async #range(
    request: RetrieveRequest,
    peer: string,
    readable: Readable,
    voucher: ShownVoucher | undefined,
  ): Promise<PaidRange | PaymentDue | Refusal> {
    const { group, size, range } = request;
    if (size !== readable.entry.size || range >= rangeCount(size)) {
      return refusal("unknown-piece", `a piece of ${size} bytes has no range ${range}`);
    }
    const ofGroup = this.#inFlight.get(group) ?? 0;
    if (ofGroup >= rangesInFlight.ofGroup) return busy;
    this.#inFlight.set(group, ofGroup + 1);
    try {
      return await this.#charged(request, peer, readable, voucher);
    } finally {
      const left = (this.#inFlight.get(group) ?? 1) - 1;
      if (left === 0) this.#inFlight.delete(group);
      else this.#inFlight.set(group, left);
    }
  }

  async #charged(
    request: RetrieveRequest,
    peer: string,
    readable: Readable,
    voucher: ShownVoucher | undefined,
  ): Promise<PaidRange | PaymentDue | Refusal> {
    const { size, range, pieceRoot: root } = request;
    const { payments, addressOf } = this.#deps;
    const at = range * rangeBytes;
    const part = { root, at, to: at + rangePlace(size, range).bytes };
    // What a payer reads of its own data is part of what it pays for storing.
    const isOwn = request.sequence === 0 && !request.forAnybody;
    const address = addressOf?.(peer) ?? peer;
    const charge =
      isOwn || payments === undefined ? nothingCharged : await payments.take({ address, voucher, ...part });
    if (charge.kind === "due") return charge;
    let isSent = false;
    try {
      const sent = await this.#send(request, peer, readable);
      isSent = sent.kind === "range";
      return sent.kind === "range" ? { ...sent, charged: charge.price } : sent;
    } finally {
      if (!isSent) await charge.undo();
    }
  }

  async #send(
    { group, pieceRoot, range }: RetrieveRequest,
    peer: string,
    { entry, quota }: Readable,
  ): Promise<Omit<PaidRange, "charged"> | Refusal> {
    const { quotas, store, events } = this.#deps;
    if (!(await quotas.take(quota, rangePlace(entry.size, range).bytes))) {
      const text = `permission: ${quota.bytesPerDay} bytes a day are sent, or too many permissions are used`;
      return refusal("over-quota", text);
    }
    const found = await store.readRange(entry, range);
    if (found === undefined) {
      return refusal("damaged", `${pieceRoot} range ${range}: missing or damaged at this provider`);
    }
    events.served({ group, peer, pieceRoot, range, bytes: found.bytes.length });
    return { kind: "range", ...found };
  }
}
