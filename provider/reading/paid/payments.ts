/**
 * R47: takes payment for ranges, over HTTP and libp2p alike. A range is free, or a voucher covers all ranges before it; the newest voucher and
 * what is owed are on disk before the bytes leave, so neither a kill nor a reader that stops costs more than one range.
 */
import type { PaymentDue, ShownVoucher } from "../../../protocol/codec/paid-reading.ts";
import { voucherDigest } from "../../../protocol/codec/voucher.ts";
import { digestSigner } from "../../../protocol/codec/receipt.ts";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { accountOf, priceOfBytes } from "../../../protocol/reading-account.ts";
import type { ReadAccount, ReadChannel, ReadTime } from "../../../protocol/reading-account.ts";
import { equalBytes } from "../../../storage/core/bytes.ts";
import { mostReaders } from "./book.ts";
import type { ChargedPart, ReaderBook, ReaderRecord } from "./book.ts";
import type { Channels } from "./channels.ts";
import type { FreeBytes } from "./free.ts";
import { chargeRange, margin_blocks, takeVoucher } from "./judge.ts";
import type { Owing } from "./judge.ts";

/** A channel that suffices is read again after this time: the operator may have released it by another tool. */
const channelStays_ms = 30_000;
/** One that does not suffice may have got a deposit. */
const lackingStays_ms = 2_000;
/** What did not arrive is sent again without a further charge: so many times its bytes, lest many readers share one payment. */
const mostRepeats = 3;

export type PaidTerms = {
  readonly chainId: number;
  readonly vouchers: Hex;
  /** The account that redeems. */
  readonly provider: Hex;
  readonly token: Hex;
  readonly pricePerGiB: bigint;
};

export type PaymentsDependencies = {
  readonly terms: PaidTerms;
  readonly book: ReaderBook;
  readonly channels: Pick<Channels, "of">;
  readonly free: Pick<FreeBytes, "take">;
  readonly head: () => Promise<number>;
};

/** A request for bytes. */
export type PaidRequest = {
  /** The network address, whose free bytes count. */
  readonly address: string;
  readonly voucher: ShownVoucher | undefined;
  readonly root: Hex;
  /** Bytes [at, to) of the piece. */
  readonly at: number;
  readonly to: number;
};

/** The bytes may be sent. */
export type Charge = {
  readonly kind: "charged";
  /** Units that the reader owes for them; 0: they are free. */
  readonly price: bigint;
  /** Takes the charge back: the bytes were not sent. */
  readonly undo: () => Promise<void>;
};

const free: Charge = { kind: "charged", price: 0n, undo: async () => undefined };

export class Payments {
  readonly #deps: PaymentsDependencies;
  /** The work under way for each reader: one after the other, so that no two ranges are sent for one voucher. */
  readonly #turns = new Map<Hex, Promise<unknown>>();
  /** Bytes of what was charged last that were sent again; forgotten with a restart. */
  readonly #repeats = new Map<Hex, number>();

  constructor(deps: PaymentsDependencies) {
    this.#deps = deps;
  }

  /** Charges bytes before they are sent. @throws if the chain or the disk does not answer */
  async take(request: PaidRequest): Promise<Charge | PaymentDue> {
    const { voucher, address, at, to } = request;
    if (voucher !== undefined) {
      return this.#refused(voucher) ?? this.#inTurn(voucher.reader, () => this.#charge(request, voucher));
    }
    if (await this.#deps.free.take(address, to - at)) return free;
    const detail = "expected a voucher: the free bytes of this day are used";
    return this.#due({ kind: "due", code: "no-voucher", owed: 0n, needed: 0n, detail });
  }

  /** Takes a voucher without a request for bytes: a reader pays for its last range. Undefined: it is taken. */
  async settle(voucher: ShownVoucher): Promise<PaymentDue | undefined> {
    const refused = this.#refused(voucher);
    if (refused !== undefined) return refused;
    return this.#inTurn(voucher.reader, async () => {
      const taken = await this.#taken(voucher);
      if (taken.kind === "due") return this.#due(taken);
      const full = taken.isNew ? await this.#keep(voucher, taken) : undefined;
      return full && this.#due(full);
    });
  }

  /** What the provider asks for. */
  #due(owing: Owing): PaymentDue {
    return { ...this.#deps.terms, ...owing };
  }

  /** Whether the voucher is for this provider's terms and signed: at most one signature is checked for a request. */
  #refused(voucher: ShownVoucher): PaymentDue | undefined {
    const { terms, book } = this.#deps;
    const wrong = (code: Owing["code"], expected: string | number, actual: string | number): PaymentDue => {
      const detail = `voucher: expected ${code.slice("wrong-".length)} ${expected}, actual ${actual}`;
      return this.#due({ kind: "due", code, owed: 0n, needed: 0n, detail });
    };
    if (voucher.chainId !== terms.chainId) return wrong("wrong-chain", terms.chainId, voucher.chainId);
    if (voucher.vouchers !== terms.vouchers) return wrong("wrong-contract", terms.vouchers, voucher.vouchers);
    if (voucher.provider !== terms.provider) return wrong("wrong-provider", terms.provider, voucher.provider);
    if (voucher.token !== terms.token) return wrong("wrong-token", terms.token, voucher.token);
    const newest = book.get(voucher)?.voucher;
    const isKnown =
      newest !== undefined &&
      newest.amount === voucher.amount &&
      equalBytes(newest.signature, voucher.signature);
    if (isKnown) return undefined;
    const signer = digestSigner(fromHex(voucherDigest(terms, voucher, voucher.amount)), voucher.signature);
    if (signer === voucher.reader) return undefined;
    return wrong("wrong-signer", voucher.reader, signer ?? "none");
  }

  /** Runs after all earlier work for the reader. */
  #inTurn<T>(reader: Hex, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(reader) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#turns.set(reader, turn);
    const end = (): void => {
      if (this.#turns.get(reader) === turn) this.#turns.delete(reader);
    };
    turn.then(end, end);
    return turn;
  }

  async #time(): Promise<ReadTime> {
    return { head: await this.#deps.head(), margin: margin_blocks };
  }

  /** What `look` finds with a channel; if that is not enough, with the channel as it is now. */
  async #withChannel<T extends { readonly kind: string }>(
    reader: Hex,
    look: (channel: ReadChannel, time: ReadTime) => T | Owing,
  ): Promise<{ readonly found: T | Owing; readonly channel: ReadChannel; readonly time: ReadTime }> {
    const { channels } = this.#deps;
    const time = await this.#time();
    const channel = await channels.of(reader, channelStays_ms);
    const found = look(channel, time);
    const isLacking =
      found.kind === "due" && ["over-deposit", "deposit", "expiry"].includes((found as Owing).code);
    if (!isLacking) return { found, channel, time };
    const again = await channels.of(reader, lackingStays_ms);
    return { found: look(again, time), channel: again, time };
  }

  async #taken(
    voucher: ShownVoucher,
  ): Promise<Owing | (Standing & { readonly kind: "taken"; readonly isNew: boolean })> {
    const known = this.#deps.book.get(voucher);
    const { found, channel, time } = await this.#withChannel(voucher.reader, (state, at) =>
      takeVoucher(known, state, voucher, at),
    );
    return found.kind === "due" ? found : { ...found, channel, time };
  }

  async #charge(request: PaidRequest, voucher: ShownVoucher): Promise<Charge | PaymentDue> {
    const { address, root, at, to } = request;
    const bytes = to - at;
    const taken = await this.#taken(voucher);
    if (taken.kind === "due") return this.#due(taken);
    if (await this.#deps.free.take(address, bytes)) {
      // It pays for what was sent before.
      if (taken.isNew) await this.#keep(voucher, taken);
      return free;
    }
    const again = taken.isNew ? undefined : this.#repeated(voucher, request);
    if (again !== undefined) return { ...free, price: again };
    const price = priceOfBytes(this.#deps.terms.pricePerGiB, bytes);
    const { found, channel, time } = await this.#withChannel(voucher.reader, (state, at) =>
      chargeRange(accountOf(state, taken.account), state, price, at),
    );
    if (found.kind === "due") {
      if (taken.isNew) await this.#keep(voucher, taken);
      return this.#due(found);
    }
    const part = { root, at, to, price };
    const full = await this.#keep(voucher, { account: found.account, channel, time }, part);
    if (full !== undefined) return this.#due(full);
    this.#repeats.delete(voucher.reader);
    const undo = (): Promise<void> => this.#inTurn(voucher.reader, () => this.#undo(voucher, part));
    return { kind: "charged", price, undo };
  }

  /** What the bytes cost when they were charged, if they were charged last, are not paid yet, and may be sent again. */
  #repeated(voucher: ShownVoucher, { root, at, to }: PaidRequest): bigint | undefined {
    const record = this.#deps.book.get(voucher);
    const last = record?.last;
    if (record === undefined || last === undefined || record.owed <= record.promised) return undefined;
    if (last.root !== root || at < last.at || to > last.to) return undefined;
    const again = (this.#repeats.get(voucher.reader) ?? 0) + to - at;
    if (again > mostRepeats * (last.to - last.at)) return undefined;
    this.#repeats.set(voucher.reader, again);
    if (this.#repeats.size > mostReaders) this.#repeats.delete(this.#repeats.keys().next().value as Hex);
    return last.price;
  }

  /** Writes the account to the disk; returns why there is no room for it. */
  async #keep(
    voucher: ShownVoucher,
    { account, channel, time }: Standing,
    last?: ReaderRecord["last"],
  ): Promise<Owing | undefined> {
    const { book } = this.#deps;
    const before = book.get(voucher);
    if (before === undefined && !(await book.makeRoom(time.head))) {
      const detail = "expected room for one more reader, actual as many as this provider keeps accounts of";
      return { kind: "due", code: "too-many-readers", owed: 0n, needed: 0n, detail };
    }
    const newest = before !== undefined && before.voucher.amount >= voucher.amount ? before.voucher : voucher;
    const spent = before !== undefined && before.spent > channel.spent ? before.spent : channel.spent;
    const { owed, promised } = account;
    const record = { voucher: newest, owed, promised, expiry: channel.expiry, spent };
    await book.put(last === undefined ? record : { ...record, last });
    return undefined;
  }

  async #undo(voucher: ShownVoucher, { root, at, to }: ChargedPart): Promise<void> {
    const record = this.#deps.book.get(voucher);
    const known = record?.last;
    if (record === undefined || known?.root !== root || known.at !== at || known.to !== to) return;
    const { last = known, ...rest } = record;
    await this.#deps.book.put({ ...rest, owed: record.owed - last.price });
  }

  /** The accounts of readers at these terms. */
  records(): ReaderRecord[] {
    const { book, terms } = this.#deps;
    return [...book.all()].filter(({ voucher }) => {
      const { chainId, vouchers, provider, token } = voucher;
      const isOfChain = chainId === terms.chainId && vouchers === terms.vouchers;
      return isOfChain && provider === terms.provider && token === terms.token;
    });
  }

  /** Notes what the channel has spent, after a redemption. */
  redeemed(voucher: ShownVoucher, { spent, expiry }: Pick<ReadChannel, "spent" | "expiry">): Promise<void> {
    return this.#inTurn(voucher.reader, async () => {
      const record = this.#deps.book.get(voucher);
      if (record === undefined || (record.spent >= spent && record.expiry >= expiry)) return;
      await this.#deps.book.put({ ...record, spent, expiry });
    });
  }

  /** Sums over all readers at these terms, in units. */
  sums(): { readonly readers: number; readonly owed: bigint; readonly claimable: bigint } {
    let [readers, owed, claimable] = [0, 0n, 0n];
    for (const { voucher, owed: due, promised, spent } of this.records()) {
      readers++;
      if (due > promised) owed += due - promised;
      if (voucher.amount > spent) claimable += voucher.amount - spent;
    }
    return { readers, owed, claimable };
  }
}

type Standing = {
  readonly account: ReadAccount;
  readonly channel: ReadChannel;
  readonly time: ReadTime;
};
