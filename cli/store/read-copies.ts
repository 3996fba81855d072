/** Reads an item from several copies at once into a file of its plain bytes. Every range is verified against its piece's root. */
import { setTimeout as sleep } from "node:timers/promises";
import { maxHeadBytes, openEnvelope } from "../../client/storing/age-envelope.ts";
import { plainBytesOf } from "../../client/storing/age-stream.ts";
import type { RetrievedRange } from "../../protocol/codec/retrieve.ts";
import { counted } from "../../protocol/counted.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import { release } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { verifyRange } from "../../storage/disk/range-reader.ts";
import { askRange, type RetrieveScope } from "../group/retrieve/download.ts";
import { AnswerTimes, silences } from "./answer-times.ts";
import { chunkForm, chunksIn, openChunk, rangesOf, type ChunkForm } from "./chunk-form.ts";
import { ChunkPlan, stall_ms, type Claim } from "./chunk-plan.ts";
import { inPacedLanes } from "./lanes.ts";
import { openVerified } from "./open-ranges.ts";
import type { PlainFile, Span } from "./plain-file.ts";

export type CopySource = { readonly entry: PieceEntry; readonly target: ProviderTarget };

export type CopyScope = {
  readonly retrieve: Omit<RetrieveScope, "onBytes">;
  /** age identity of the payer; undefined if the copies are public. */
  readonly identity: string | undefined;
  /** Called with the number of new bytes. */
  readonly onBytes: (bytes: number) => void;
};

/** Ranges of 2 MB that are fetched at once: from one provider, and from all. */
const windowRanges = { each: 6, all: 24 };
/** A span is divided if at least 32 MB of it are missing: a new reader may first have to fetch the range with the copy's head. */
const leastSplit = 512;
/** A reader without a span asks again after this time: another reader may have stalled by then. */
const look_ms = 250;

/** Ends the reading of one copy. */
class CopyFault extends Error {
  override readonly name = "CopyFault";
}

export type CopyRead = {
  /** That came from this source. */
  readonly bytes: number;
  /** Why it failed. */
  readonly fault: string | undefined;
  /** How long it had given no answer when the file was whole, if it answered before or others did. It may only be slow. */
  readonly silent_ms: number | undefined;
};

/** @returns by the index of each source. Rejects on a disk error or an abort. */
export async function readCopies(
  scope: CopyScope,
  file: PlainFile,
  sources: readonly CopySource[],
): Promise<readonly CopyRead[]> {
  const stop = new AbortController();
  const { signal } = scope.retrieve;
  const retrieve = {
    ...scope.retrieve,
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
  };
  const plan = new ChunkPlan(file.gaps(), leastSplit, () => performance.now());
  const lanes = Math.max(2, Math.min(windowRanges.each, Math.floor(windowRanges.all / sources.length)));
  const readers = sources.map(
    (source, index) => new CopyReader({ ...scope, retrieve }, { file, plan, source, index, lanes }),
  );
  const reading = readers.map((reader) => reader.run());
  let silent_ms: readonly (number | undefined)[] = [];
  const stopStalled = (): void => {
    if (!file.isWhole || stop.signal.aborted) return;
    silent_ms = silences(
      readers.map(({ answers }) => answers),
      stall_ms,
    );
    stop.abort();
  };
  // When the file is complete, readers that stall are stopped; an error of the disk stops all readers.
  for (const one of reading) one.then(stopStalled, (error: unknown) => stop.abort(error));
  await Promise.allSettled(reading);
  signal?.throwIfAborted();
  if (stop.signal.aborted && !file.isWhole) throw stop.signal.reason;
  return readers.map(({ bytes, fault }, i) => ({ bytes, fault, silent_ms: silent_ms[i] }));
}

type Reading = {
  readonly file: PlainFile;
  readonly plan: ChunkPlan;
  readonly source: CopySource;
  readonly index: number;
  readonly lanes: number;
};

/** Parts of a chunk that begins in one range and ends in the next. */
type Halves = { head?: Uint8Array; tail?: Uint8Array };

class CopyReader {
  readonly #scope: CopyScope;
  readonly #on: Reading;
  #form: ChunkForm | undefined;
  /** The first range, which a private copy's head needs; kept until its chunks are written. */
  #first: RetrievedRange | undefined;
  /** Ranges that its provider lost. */
  readonly #damaged = new Set<number>();
  readonly answers = new AnswerTimes(() => performance.now());
  /** Bytes that this copy gave. */
  bytes = 0;
  fault: string | undefined;

  constructor(scope: CopyScope, on: Reading) {
    this.#scope = scope;
    this.#on = on;
  }

  /** Reads spans until the plan has none for this copy. */
  async run(): Promise<void> {
    const { plan, file, index } = this.#on;
    for (let isOver = false; !isOver && !file.isWhole;) {
      const claim = plan.claim(index);
      if (claim === undefined) {
        if (plan.isIdle) return;
        await sleep(look_ms, undefined, { signal: this.#scope.retrieve.signal });
        continue;
      }
      try {
        await this.#read(claim);
      } catch (error) {
        if (!(error instanceof CopyFault)) throw error;
        // A request that was stopped because the file is whole is no fault of its provider.
        if (this.#scope.retrieve.signal?.aborted !== true) this.fault = error.message;
        isOver = true;
      } finally {
        plan.end(claim, gapsIn(file, claim));
      }
    }
  }

  async #read(claim: Claim): Promise<void> {
    const { file, lanes } = this.#on;
    const form = (this.#form ??= await this.#openForm());
    const halves = new Map<number, Halves>();
    let range = rangesOf(form, claim.from, claim.end).first;
    await inPacedLanes(lanes, async () => {
      // Another reader may have taken a part of the span meanwhile.
      while (range < this.#endOf(claim) && !this.#isWanted(range, claim)) range++;
      if (file.isWhole || range >= this.#endOf(claim)) return false;
      await this.#readRange(range++, halves, claim);
      return true;
    });
    // The provider may still have the ranges of other spans.
    const lost = this.#damaged.size;
    if (lost > 0) this.fault = `${counted(lost, "range")} missing or damaged there`;
  }

  #endOf(claim: Claim): number {
    if (claim.from >= claim.end) return 0;
    return rangesOf(this.#form as ChunkForm, claim.from, claim.end).end;
  }

  #isWanted(range: number, claim: Claim): boolean {
    const { source, file } = this.#on;
    const { first, end } = chunksIn(this.#form as ChunkForm, source.entry.size, range);
    for (let chunk = Math.max(first, claim.from); chunk < Math.min(end, claim.end); chunk++) {
      if (!file.has(chunk)) return true;
    }
    return false;
  }

  async #readRange(range: number, halves: Map<number, Halves>, claim: Claim): Promise<void> {
    const { source, file, plan } = this.#on;
    const form = this.#form as ChunkForm;
    const got = range === 0 && this.#first !== undefined ? this.#first : await this.#ask(range);
    this.#first = range === 0 ? undefined : this.#first;
    if (got === undefined) {
      this.#damaged.add(range);
      return;
    }
    const opened = await openVerified(form, source.entry, range, got).catch((error: unknown) => {
      throw new CopyFault((error as Error).message);
    });
    if (opened === undefined) throw new CopyFault("it sent bytes that do not match the piece's root");
    const { first, count, plain, crc, before, after } = opened;
    if (count > 0) await this.#put(first, count, plain, crc);
    if (before.length > 0) await this.#join(halves, first - 1, { tail: before });
    if (after.length > 0) await this.#join(halves, first + count, { head: after });
    let from = claim.from;
    while (from < claim.end && file.has(from)) from++;
    plan.moved(claim, from);
  }

  async #join(halves: Map<number, Halves>, chunk: number, half: Halves): Promise<void> {
    const { head, tail } = { ...halves.get(chunk), ...half };
    if (head === undefined || tail === undefined) {
      halves.set(chunk, { ...halves.get(chunk), ...half });
      return;
    }
    halves.delete(chunk);
    const sealed = new Uint8Array(head.length + tail.length);
    sealed.set(head);
    sealed.set(tail, head.length);
    try {
      await this.#put(chunk, 1, openChunk(this.#form as ChunkForm, chunk, sealed));
    } catch (error) {
      if ((error as Error).name === "SealError") throw new CopyFault((error as Error).message);
      throw error;
    }
  }

  async #put(first: number, count: number, plain: Uint8Array, crc?: number): Promise<void> {
    const added = await this.#on.file.put(first, count, plain, crc);
    release(plain);
    this.bytes += added;
    if (added > 0) this.#scope.onBytes(added);
  }

  /** Undefined: this provider lost the range, and may have the others. @throws CopyFault for any other failure */
  async #ask(range: number): Promise<RetrievedRange | undefined> {
    const { entry, target } = this.#on.source;
    const got = await this.answers.of(
      askRange({ scope: this.#scope.retrieve, entry, source: { target } }, range),
    );
    if (got.ok) return got.range;
    if (got.isFinal) throw new CopyFault(got.why);
    return undefined;
  }

  async #openForm(): Promise<ChunkForm> {
    const { entry } = this.#on.source;
    const { identity } = this.#scope;
    const { bytes } = this.#on.file;
    const expect = (actual: number | undefined): void => {
      if (actual !== bytes) throw new CopyFault(`expected ${bytes} bytes, actual ${actual ?? "no age file"}`);
    };
    if (identity === undefined) {
      expect(entry.size);
      return chunkForm(bytes, undefined);
    }
    const got = await this.#ask(0);
    if (got === undefined) throw new CopyFault("it lost the copy's first range");
    // Read once for each copy: the other ranges cannot be decrypted without the head.
    if (!verifyRange(entry, 0, got)) throw new CopyFault("it sent bytes that do not match the piece's root");
    const envelope = await openEnvelope(got.bytes.slice(0, maxHeadBytes), identity);
    if (!envelope.ok) throw new CopyFault(envelope.detail);
    expect(plainBytesOf(entry.size - envelope.value.head.length));
    this.#first = got;
    return chunkForm(bytes, envelope.value);
  }
}

/** The chunks of a claim that are missing. */
function gapsIn(file: PlainFile, { from, end }: Claim): Span[] {
  const gaps: Span[] = [];
  for (let chunk = from; chunk < end; chunk++) {
    if (file.has(chunk)) continue;
    const last = gaps.at(-1);
    if (last?.end === chunk) gaps[gaps.length - 1] = { from: last.from, end: chunk + 1 };
    else gaps.push({ from: chunk, end: chunk + 1 });
  }
  return gaps;
}
