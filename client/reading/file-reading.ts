/**
 * Reads the ranges of a file from sources with proofs (a Piece) and sources without (URLs) at once. A proof says what the ranges beside it must
 * hash to (RangeTree). Where bytes without a proof do not fit, a proof is asked for within them; if no source has proofs, one source after the
 * other is read whole in that span: it is right, or it is the one that sent wrong bytes.
 */
import type { Hex } from "../../protocol/hash.ts";
import { equalBytes } from "../../storage/core/bytes.ts";
import { rangeBytes, rangePlace, rangeTop } from "../../storage/core/range.ts";
import { WhitePayError } from "../errors.ts";
import { segmentRootsOf, type Piece, type SourceFault, type VerifiedRange } from "./piece.ts";
import { RangeTree, type Span } from "./range-tree.ts";
import type { KeptRange, RangeStore } from "./range-store.ts";
import { SourceError } from "./source.ts";
import type { PlainSource } from "./url-source.ts";

const longestPause_s = 30;
const atPlainSource = 2;
const atProvers = 4;
/** One range of so many in a row is read with a proof, which splits the others into four spans of at most 16 MB. */
const provenEvery = 16;

type Plain = {
  readonly source: PlainSource;
  underWay: number;
  failures: number;
  /** Its first answer says whether it serves ranges. */
  isKnown: boolean;
  isPaused: boolean;
  isOut: boolean;
  /** It sent wrong bytes: what else arrives from it is not used. */
  isWrong: boolean;
};
/** Bytes of a source that were replaced by another's: whoever sent the wrong ones is known later. */
type Replaced = { readonly range: number; readonly top: Uint8Array; readonly source: string };
type Trial = { readonly plain: Plain; readonly span: Span };

export type ReadingScope = {
  readonly root: Hex;
  readonly size: number;
  /** Opens the piece at its sources with proofs; undefined: there are none. */
  readonly open: ((signal: AbortSignal) => Promise<Piece>) | undefined;
  readonly plain: readonly PlainSource[];
  readonly store: RangeStore;
  readonly atOnce: number;
  /** A source without proofs that fails so many times in a row is given up. */
  readonly tries: number;
  readonly onFault: (fault: SourceFault) => void;
  /** Bytes that are proven, and bytes that are there, of the whole. */
  readonly onProgress: (proven: number, held: number) => void;
  readonly signal: AbortSignal;
};

export class FileReading {
  readonly #scope: ReadingScope;
  readonly #tree: RangeTree;
  readonly #held: (KeptRange | undefined)[];
  readonly #plain: Plain[];
  readonly #pending = new Set<number>();
  readonly #underWay = new Set<Promise<void>>();
  /** First ranges of spans whose bytes do not fit. */
  readonly #conflicts = new Set<number>();
  #replaced: Replaced[] = [];
  #trial: Trial | undefined;
  #piece: Piece | "opening" | undefined;
  #pieceFault: WhitePayError | undefined;
  #atProvers = 0;
  #active = 0;
  /** Buffers for ranges, used again: a collector would let hundreds of them pile up. */
  readonly #spare: Uint8Array[] = [];
  #proven = 0;
  #heldBytes = 0;
  /** No range below it is missing. */
  #low = 0;
  #broken: { readonly error: unknown } | undefined;
  readonly #lastFaults: SourceFault[] = [];
  /** Bytes that each source gave. */
  readonly used = new Map<string, number>();

  constructor(scope: ReadingScope) {
    this.#scope = scope;
    this.#tree = new RangeTree(scope.root, scope.size);
    this.#held = Array.from({ length: this.#tree.count });
    this.#plain = scope.plain.map((source) => {
      return {
        source,
        underWay: 0,
        failures: 0,
        isKnown: false,
        isPaused: false,
        isOut: false,
        isWrong: false,
      };
    });
  }

  /** @throws WhitePayError `network` if the sources do not give all ranges; what the store throws */
  async run(): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#scope.signal, stop.signal]);
    try {
      await this.#recall();
      if (this.#isDone()) return;
      this.#open(signal);
      while (!this.#isDone()) {
        this.#scope.signal.throwIfAborted();
        this.#start(signal);
        if (this.#underWay.size === 0) throw this.#noSource();
        await Promise.race(this.#underWay);
        if (this.#broken !== undefined) throw this.#broken.error;
      }
    } finally {
      stop.abort();
      await Promise.allSettled([...this.#underWay, ...this.#plain.map(({ source }) => source.close())]);
    }
  }

  #isDone(): boolean {
    return this.#proven === this.#tree.count;
  }

  async #recall(): Promise<void> {
    for (const one of this.#scope.store.kept) this.#hold(one);
    // What an earlier reading left may be whole, or may not fit.
    if (this.#scope.store.kept.length > 0) await this.#settle(0);
  }

  #run(work: () => Promise<void>): void {
    const one: Promise<void> = work()
      .catch((error: unknown) => void (this.#broken ??= { error }))
      .finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }

  #open(signal: AbortSignal): void {
    const { open } = this.#scope;
    if (open === undefined) return;
    this.#piece = "opening";
    this.#run(async () => {
      this.#piece = await open(signal).catch((error: unknown) => this.#withoutPiece(error, signal));
    });
  }

  #start(signal: AbortSignal): void {
    while (this.#active < this.#scope.atOnce && (this.#startProof(signal) || this.#startPlain(signal)));
  }

  // Which range from which source.

  #startProof(signal: AbortSignal): boolean {
    const piece = this.#piece;
    if (piece === undefined || piece === "opening" || this.#atProvers >= atProvers) return false;
    const range = this.#toProve();
    if (range === undefined) return false;
    this.#atProvers++;
    this.#begin(range, async () => {
      try {
        await this.#proved(await piece.range(range));
      } catch (error) {
        this.#piece = this.#withoutPiece(error, signal);
      } finally {
        this.#atProvers--;
      }
    });
    return true;
  }

  /** No source with proofs gives the piece any more. Their faults were told one by one. */
  #withoutPiece(error: unknown, signal: AbortSignal): undefined {
    if (signal.aborted) return;
    if (!(error instanceof WhitePayError)) throw error;
    this.#pieceFault = error;
  }

  #begin(range: number, work: () => Promise<void>): void {
    this.#pending.add(range);
    this.#active++;
    this.#run(() =>
      work().finally(() => {
        this.#pending.delete(range);
        this.#active--;
      }),
    );
  }

  #toProve(): number | undefined {
    for (const first of this.#conflicts) {
      const { from, to, state } = this.#tree.judge(first);
      if (state !== "wrong") {
        this.#conflicts.delete(first);
        continue;
      }
      const middle = Math.floor((from + to) / 2);
      if (!this.#pending.has(middle)) return middle;
    }
    const marked = this.#missing((range) => range % provenEvery === 0);
    if (marked !== undefined) return marked;
    if (!this.#usable().some(({ source }) => !source.isOrdered)) return this.#missing(() => true);
    // URLs take the low ranges, so both meet.
    for (let range = this.#tree.count - 1; range >= this.#low; range--) {
      if (this.#isMissing(range)) return range;
    }
    return undefined;
  }

  #isMissing(range: number): boolean {
    return this.#held[range] === undefined && !this.#pending.has(range);
  }

  #missing(wanted: (range: number) => boolean): number | undefined {
    while (this.#low < this.#tree.count && this.#held[this.#low] !== undefined) this.#low++;
    for (let range = this.#low; range < this.#tree.count; range++) {
      if (this.#isMissing(range) && wanted(range)) return range;
    }
    return undefined;
  }

  #usable(): Plain[] {
    return this.#plain.filter(({ isOut }) => !isOut);
  }

  #startPlain(signal: AbortSignal): boolean {
    if (this.#piece === undefined && this.#conflicts.size > 0 && this.#trial === undefined) {
      this.#try();
      if (this.#trial === undefined && this.#usable().length > 0) return false;
    }
    const trial = this.#trial;
    const [plain, range] =
      trial === undefined ? [this.#bestPlain(), this.#forPlain()] : [trial.plain, this.#forTrial(trial)];
    if (plain === undefined || range === undefined || !hasRoom(plain)) return false;
    plain.underWay++;
    this.#begin(range, async () => {
      try {
        const { start, bytes: length } = rangePlace(this.#scope.size, range);
        const buffer = this.#spare.pop() ?? new Uint8Array(rangeBytes);
        const bytes = buffer.subarray(0, length);
        await plain.source.range(start, bytes, signal);
        plain.failures = 0;
        plain.isKnown = true;
        await this.#received(plain, range, bytes);
        // Not after a failure: an answer that comes late may still write into it.
        this.#spare.push(buffer);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        if (!signal.aborted) this.#failed(plain, error, signal);
      } finally {
        plain.underWay--;
      }
    });
    return true;
  }

  /** Sources that serve no ranges are used if there is no other one. */
  #bestPlain(): Plain | undefined {
    const free = this.#usable().filter(hasRoom);
    const isRanged = this.#piece !== undefined || this.#usable().some(({ source }) => !source.isOrdered);
    const [best] = free
      .filter(({ source }) => !isRanged || !source.isOrdered)
      .sort((a, b) => a.failures - b.failures || a.underWay - b.underWay || this.#gave(a) - this.#gave(b));
    return best;
  }

  #gave({ source }: Plain): number {
    return this.used.get(source.name) ?? 0;
  }

  #forPlain(): number | undefined {
    const unmarked =
      this.#piece === undefined ? undefined : this.#missing((range) => range % provenEvery !== 0);
    return unmarked ?? this.#missing(() => true);
  }

  #forTrial({ plain, span }: Trial): number | undefined {
    for (let range = span.from; range < span.to; range++) {
      const held = this.#held[range];
      if (held?.isProven === true || held?.source === plain.source.name) continue;
      if (!this.#pending.has(range)) return range;
    }
    return undefined;
  }

  /** Chooses the source that a span without proofs is read from as a whole: the one that gave most of it. */
  #try(): void {
    const [first] = this.#conflicts;
    if (first === undefined || this.#pending.size > 0) return;
    const span = this.#tree.judge(first);
    const held = this.#held.slice(span.from, span.to);
    const count = ({ source }: Plain): number => held.filter((one) => one?.source === source.name).length;
    const [plain] = this.#usable().sort(
      (a, b) => Number(a.source.isOrdered) - Number(b.source.isOrdered) || count(b) - count(a),
    );
    if (plain === undefined) return;
    this.#trial = { plain, span };
    this.#endTrial();
  }

  /** Once all of the span is of the tried source, either it is right, or the source sent wrong bytes. */
  #endTrial(): void {
    const trial = this.#trial;
    if (trial === undefined || this.#forTrial(trial) !== undefined || this.#pending.size > 0) return;
    this.#trial = undefined;
    const { from, to, state } = this.#tree.judge(trial.span.from);
    if (state !== "wrong") return;
    this.#run(() => this.#blame(trial.plain.source.name, `ranges ${from} to ${to - 1}`));
  }

  // What arrived.

  async #received({ source, isWrong }: Plain, range: number, bytes: Uint8Array): Promise<void> {
    if (isWrong) return;
    const top = rangeTop(this.#scope.size, segmentRootsOf(bytes));
    const before = this.#held[range];
    if (before?.isProven === true) return;
    if (before !== undefined && !equalBytes(before.top, top)) {
      this.#replaced.push({ range, top: before.top, source: before.source });
    }
    const kept = { range, top, source: source.name, isProven: false };
    await this.#scope.store.put(kept, bytes);
    this.#count(source.name, bytes.length);
    this.#hold(kept);
    this.#pending.delete(range);
    await this.#settle(range);
    this.#endTrial();
  }

  async #proved({ range, top, bytes, siblings, source }: VerifiedRange): Promise<void> {
    const before = this.#held[range];
    if (before?.isProven !== true) {
      const kept = { range, top, source, isProven: true };
      if (before !== undefined && equalBytes(before.top, top)) await this.#scope.store.prove([range]);
      else await this.#scope.store.put(kept, bytes);
      this.#count(source, bytes.length);
      this.#hold(kept);
    }
    const firsts = this.#tree.learn(range, top, siblings);
    if (before !== undefined && !equalBytes(before.top, top))
      await this.#blame(before.source, `range ${range}`);
    await this.#blameReplaced([range]);
    for (const first of firsts) await this.#settle(first);
  }

  #hold(kept: KeptRange): void {
    const { range, top, isProven } = kept;
    const { bytes } = rangePlace(this.#scope.size, range);
    const before = this.#held[range];
    if (before === undefined) this.#heldBytes += bytes;
    if (isProven && before?.isProven !== true) this.#proven++;
    this.#held[range] = kept;
    this.#tree.set(range, top);
    this.#tell();
  }

  #tell(): void {
    this.#scope.onProgress(Math.min(this.#scope.size, this.#proven * rangeBytes), this.#heldBytes);
  }

  #count(source: string, bytes: number): void {
    this.used.set(source, (this.used.get(source) ?? 0) + bytes);
  }

  /** Judges the lowest known node above the range. */
  async #settle(range: number): Promise<void> {
    const { from, to, state } = this.#tree.judge(range);
    if (state === "open") return;
    if (state === "wrong") {
      const alone = this.#held[from];
      if (to - from > 1 || alone === undefined) this.#conflicts.add(from);
      else await this.#blame(alone.source, `range ${from}`);
      return;
    }
    this.#conflicts.delete(from);
    const fresh = this.#held.slice(from, to).filter((one) => one?.isProven === false) as KeptRange[];
    for (const one of fresh) this.#hold({ ...one, isProven: true });
    const ranges = fresh.map((one) => one.range);
    if (ranges.length > 0) await this.#scope.store.prove(ranges);
    await this.#blameReplaced(ranges);
  }

  /** Whoever sent other bytes for these ranges, which are proven now. */
  async #blameReplaced(ranges: readonly number[]): Promise<void> {
    const proven = new Set(ranges);
    const judged = this.#replaced.filter(({ range }) => proven.has(range));
    if (judged.length === 0) return;
    this.#replaced = this.#replaced.filter(({ range }) => !proven.has(range));
    for (const { range, top, source } of judged) {
      if (!equalBytes(top, this.#held[range]?.top ?? top)) await this.#blame(source, `range ${range}`);
    }
  }

  /** The source is not asked again, and nothing of it is used that is not proven. */
  async #blame(source: string, place: string): Promise<void> {
    const plain = this.#plain.find((one) => one.source.name === source);
    const reason = `${place}: the bytes do not match the root ${this.#scope.root}`;
    if (plain?.isWrong !== true) this.#fault({ source, kind: "wrong", reason });
    if (plain !== undefined) plain.isOut = plain.isWrong = true;
    if (this.#trial?.plain === plain) this.#trial = undefined;
    await this.#drop(source);
  }

  async #drop(source: string): Promise<void> {
    const dropped = this.#held.flatMap((one) => (one?.source === source && !one.isProven ? [one.range] : []));
    for (const range of dropped) {
      this.#heldBytes -= rangePlace(this.#scope.size, range).bytes;
      this.#held[range] = undefined;
      this.#tree.set(range, undefined);
      this.#low = Math.min(this.#low, range);
    }
    this.#tell();
    if (dropped.length > 0) await this.#scope.store.drop(dropped);
  }

  // Sources that fail.

  #fault(fault: SourceFault): void {
    this.#lastFaults.push(fault);
    if (this.#lastFaults.length > 20) this.#lastFaults.shift();
    this.#scope.onFault(fault);
  }

  #failed(plain: Plain, { kind, message, retryAfter_s }: SourceError, signal: AbortSignal): void {
    plain.failures++;
    const isLasting = kind === "wrong" || kind === "refused" || retryAfter_s > longestPause_s;
    const wasOut = plain.isOut;
    if (isLasting || plain.failures >= this.#scope.tries) plain.isOut = true;
    if (plain.isOut && this.#trial?.plain === plain) this.#trial = undefined;
    const { name: source } = plain.source;
    if (!wasOut && (kind !== "busy" || plain.isOut)) this.#fault({ source, kind, reason: message });
    if (plain.isOut) {
      if (kind === "wrong" && !plain.isWrong) {
        plain.isWrong = true;
        this.#run(() => this.#drop(source));
      }
      return;
    }
    plain.isPaused = true;
    const pause_s = Math.min(longestPause_s, Math.max(retryAfter_s, 2 ** (plain.failures - 1)));
    this.#run(async () => {
      await paused(pause_s, signal);
      plain.isPaused = false;
    });
  }

  #noSource(): WhitePayError {
    const faults = this.#lastFaults.map(({ source, reason }) => `${source}: ${reason}`);
    if (this.#pieceFault?.actual !== undefined) faults.push(this.#pieceFault.actual);
    return new WhitePayError({
      code: "network",
      message: `the sources do not give all of ${this.#scope.root}`,
      expected: "for each range at least one source that sends the file's bytes",
      actual: faults.join("; ") || "no source",
      hint: "verified bytes are good; name other sources, or try again later",
    });
  }
}

function hasRoom({ source, underWay, isKnown, isPaused }: Plain): boolean {
  return !isPaused && underWay < (isKnown && !source.isOrdered ? atPlainSource : 1);
}

async function paused(pause_s: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, pause_s * 1000);
    const over = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", over, { once: true });
  });
}
