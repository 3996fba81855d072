/**
 * Reads every stored piece once in 30 days, so that the provider finds damage before a keeper does (R13 records it as a failure). The speed
 * follows from the stored bytes; work for others comes first.
 */
import { toHex } from "../storage/core/bytes.ts";
import type { PieceEntry } from "../storage/core/piece-list.ts";
import { checkPiece } from "../storage/disk/check-piece.ts";
import type { PieceStore } from "../storage/disk/store.ts";
import type { Volume } from "../storage/disk/volumes/volume.ts";
import { readScrubState, writeScrubState } from "./scrub-state.ts";
import type { ScrubState } from "./scrub-state.ts";

/** Time for one pass. */
export const passTime_ms = 30 * 24 * 3_600_000;
/** A scrub that is late, because the provider was down or busy, reads at most so many times faster. */
const maxHaste = 4;
/** Work for others delays the next segment (124 KiB) by at most this time, so that constant load cannot stop the scrub. */
const longestPause_ms = 10_000;
const lookForLoadEvery_ms = 100;
/** A stop repeats at most this much reading. */
const saveEvery_ms = 30_000;
const seekReplacedEvery_ms = 3_600_000;
/** New and deleted pieces are noticed after this time. */
const planEvery_ms = 3_600_000;
/** After a pass in which no byte could be read. */
const restWithoutBytes_ms = 3_600_000;
/** Most damaged pieces that the state names; the log names all. */
const maxNamed = 1_000;

export type ScrubLog = {
  error(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

export type ScrubDependencies = {
  readonly store: PieceStore;
  readonly dataDir: string;
  readonly log: ScrubLog;
  readonly now_ms: () => number;
  /** Ends early when the signal aborts; does not reject. */
  readonly sleep: (delay_ms: number, signal: AbortSignal) => Promise<void>;
  /** Whether the provider works for others now. */
  readonly isBusy: () => boolean;
  /** Gets a damaged piece from another provider, where that is allowed, and stores it; false: it could not. */
  readonly fetch?: (entry: PieceEntry, signal: AbortSignal) => Promise<boolean>;
};

/** Bytes a second: what is left of the pass in the time that is left, at least the even speed and at most `maxHaste` times that. */
export function scrubSpeed(
  left: { readonly bytes: number; readonly ms: number },
  totalBytes: number,
): number {
  const even = totalBytes / (passTime_ms / 1000);
  const needed = left.bytes / (Math.max(left.ms, 1) / 1000);
  return Math.min(Math.max(needed, even), maxHaste * even);
}

export class Scrubber {
  readonly #deps: ScrubDependencies;
  #state: ScrubState | undefined;
  #plan: { readonly entries: readonly PieceEntry[]; readonly at_ms: number } | undefined;
  readonly #soon = new Set<string>();
  #saved: { readonly state: ScrubState | undefined; readonly at_ms: number } = { state: undefined, at_ms: 0 };
  #sinceStart = 0;
  #soughtAt_ms = 0;
  #retries = 0;
  #fault = { text: "", at_ms: 0 };

  constructor(deps: ScrubDependencies) {
    this.#deps = deps;
  }

  /** Undefined before the first piece. */
  get state(): ScrubState | undefined {
    return this.#state;
  }

  /** Bytes read since the start of the process. */
  get bytesSinceStart(): number {
    return this.#sinceStart;
  }

  /** Reads a piece next, without regard to the speed: its file changed, or it could not be proven. */
  checkSoon(root: string): void {
    this.#soon.add(root);
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#state = (await readScrubState(this.#deps.dataDir)) ?? this.#newPass([], undefined);
    // Their files may have been replaced meanwhile.
    for (const { root } of this.#state.damaged) this.#soon.add(root);
    while (!signal.aborted) {
      try {
        await this.#step(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#failed(error as Error);
        await this.#rest(restWithoutBytes_ms, signal);
      }
    }
    await this.#save().catch(() => undefined);
  }

  /** Reads one piece, or ends the pass. */
  async #step(signal: AbortSignal): Promise<void> {
    await this.#readSoon(signal);
    const state = this.#state as ScrubState;
    const entries = await this.#entries();
    const { next } = state;
    const entry = entries.find(({ root }) => next === undefined || toHex(root) >= next.root);
    if (entry === undefined) return this.#endPass(entries, signal);
    const root = toHex(entry.root);
    const from = next?.root === root ? next.segment : 0;
    await this.#check(entry, signal, {
      from,
      onSegment: async (bytes, segment) => {
        this.#state = {
          ...(this.#state as ScrubState),
          readBytes: (this.#state as ScrubState).readBytes + bytes,
          next: { root, segment },
        };
        this.#sinceStart += bytes;
        await this.#pace(bytes, signal);
        signal.throwIfAborted();
      },
    });
    this.#state = { ...(this.#state as ScrubState), next: { root: rootAfter(root), segment: 0 } };
    await this.#saveNowAndThen();
  }

  /** Waits as long as the bytes may take, and while the provider is busy. */
  async #pace(bytes: number, signal: AbortSignal): Promise<void> {
    const { now_ms, sleep, isBusy } = this.#deps;
    const { begunAt_ms, readBytes, totalBytes } = this.#state as ScrubState;
    const begun_ms = now_ms();
    // With the bytes just read, so that the wait after the last ones ends the pass in time.
    const left = { bytes: totalBytes - readBytes + bytes, ms: begunAt_ms + passTime_ms - begun_ms };
    const due_ms = begun_ms + (1000 * bytes) / scrubSpeed(left, totalBytes);
    while (!signal.aborted && now_ms() < due_ms) {
      await this.#saveNowAndThen();
      await sleep(Math.min(due_ms - now_ms(), saveEvery_ms), signal);
      await this.#readSoon(signal);
    }
    const until_ms = now_ms() + longestPause_ms;
    while (!signal.aborted && isBusy() && now_ms() < until_ms) await sleep(lookForLoadEvery_ms, signal);
  }

  /** Damaged pieces whose file was replaced meanwhile are read next. */
  async #findReplaced(): Promise<void> {
    const now_ms = this.#deps.now_ms();
    if (now_ms - this.#soughtAt_ms < seekReplacedEvery_ms) return;
    this.#soughtAt_ms = now_ms;
    for (const { root } of this.#state?.damaged ?? []) {
      const entry = await this.#deps.store.entryOf(root);
      if (entry !== undefined && (await this.#deps.store.notedDamage(entry)) === undefined)
        this.#soon.add(root);
    }
    // One damaged piece an hour is tried again: another provider may give it now.
    const { damaged = [] } = this.#state ?? {};
    const again = this.#deps.fetch && damaged[this.#retries++ % Math.max(1, damaged.length)];
    if (again !== undefined) this.#soon.add(again.root);
  }

  async #readSoon(signal: AbortSignal): Promise<void> {
    await this.#findReplaced();
    for (const root of this.#soon) {
      const entry = await this.#deps.store.entryOf(root);
      this.#soon.delete(root);
      try {
        if (entry !== undefined) {
          await this.#check(entry, signal, { onSegment: async () => signal.throwIfAborted() });
        }
      } catch (error) {
        // A volume that cannot be asked, or a file that somebody writes: the piece is read later, after the others.
        this.#soon.add(root);
        throw error;
      }
    }
  }

  /** Reads one piece and notes its damage. What a volume that is gone has is no damage. */
  async #check(
    entry: PieceEntry,
    signal: AbortSignal,
    options: { readonly from?: number; readonly onSegment: (bytes: number, next: number) => Promise<void> },
  ): Promise<void> {
    const { store, fetch, log } = this.#deps;
    let damage = await this.#damageOf(entry, options);
    if (damage !== undefined && (await isSomeVolumeGone(store))) return;
    if (damage !== undefined && fetch !== undefined && (await fetch(entry, signal).catch(() => false))) {
      damage = await this.#damageOf(entry, { onSegment: async () => signal.throwIfAborted() });
      if (damage === undefined) log.info({ root: toHex(entry.root) }, "the piece was fetched again");
    }
    await this.#note(entry, damage);
  }

  async #damageOf(
    entry: PieceEntry,
    options: { readonly from?: number; readonly onSegment: (bytes: number, next: number) => Promise<void> },
  ): Promise<string | undefined> {
    const { store, log } = this.#deps;
    const root = toHex(entry.root);
    let damage: string | undefined = `${root}: its folder is missing; ingest the file again`;
    for (const { volume, files } of await store.volumes.locate(root.slice(2))) {
      const found = await checkPiece(files, entry, { ...options, temporary: () => volume.temporary() });
      // Moved or deleted meanwhile: the next pass sees where it is.
      if (found === undefined) return undefined;
      if (found.repaired !== undefined) log.warn({ reason: "piece-repaired", root }, found.repaired);
      if (found.damage === undefined) return undefined;
      damage = found.damage;
    }
    return damage;
  }

  async #note(entry: PieceEntry, damage: string | undefined): Promise<void> {
    const root = toHex(entry.root);
    const { log, now_ms } = this.#deps;
    const state = this.#state as ScrubState;
    const known = state.damaged.find((one) => one.root === root);
    await this.#deps.store.noteDamage(entry, damage);
    if (known?.text === damage) return;
    const others = state.damaged.filter((one) => one !== known);
    if (damage === undefined) {
      log.info({ root }, `${root}: the piece is whole again`);
      this.#state = { ...state, damaged: others };
    } else {
      log.error({ reason: "piece-damaged", root }, damage);
      const since_ms = known?.since_ms ?? now_ms();
      this.#state = { ...state, damaged: [...others.slice(1 - maxNamed), { root, text: damage, since_ms }] };
    }
    await this.#save();
  }

  async #endPass(entries: readonly PieceEntry[], signal: AbortSignal): Promise<void> {
    const { begunAt_ms, readBytes, damaged } = this.#state as ScrubState;
    this.#plan = undefined;
    if (readBytes === 0) {
      // No pieces, or their volumes are gone.
      this.#state = { ...this.#newPass(entries, this.#state?.last), damaged };
      return this.#rest(restWithoutBytes_ms, signal);
    }
    const last = { begunAt_ms, endedAt_ms: this.#deps.now_ms(), readBytes };
    const there = new Set(entries.map(({ root }) => toHex(root) as string));
    this.#state = { ...this.#newPass(entries, last), damaged: damaged.filter(({ root }) => there.has(root)) };
    this.#deps.log.info({ readBytes, damaged: damaged.length }, "all stored pieces were read");
    await this.#save();
  }

  /** Waits, and reads what changes meanwhile. */
  async #rest(rest_ms: number, signal: AbortSignal): Promise<void> {
    const { now_ms, sleep } = this.#deps;
    const until_ms = now_ms() + rest_ms;
    while (!signal.aborted && now_ms() < until_ms) {
      await sleep(Math.min(until_ms - now_ms(), saveEvery_ms), signal);
      await this.#readSoon(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#failed(error as Error);
      });
    }
  }

  /** The same fault is logged once an hour at most. */
  #failed({ message }: Error): void {
    const now_ms = this.#deps.now_ms();
    const { text, at_ms } = this.#fault;
    if (text === message && now_ms - at_ms < restWithoutBytes_ms) return;
    this.#fault = { text: message, at_ms: now_ms };
    this.#deps.log.warn({ reason: "scrub-failed" }, `the scrub failed: ${message}`);
  }

  #newPass(entries: readonly PieceEntry[], last: ScrubState["last"]): ScrubState {
    const totalBytes = entries.reduce((sum, { size }) => sum + size, 0);
    const begunAt_ms = this.#deps.now_ms();
    return { version: 1, begunAt_ms, readBytes: 0, totalBytes, damaged: [], ...(last && { last }) };
  }

  /** All pieces in the order of their roots. */
  async #entries(): Promise<readonly PieceEntry[]> {
    const now_ms = this.#deps.now_ms();
    if (this.#plan !== undefined && now_ms - this.#plan.at_ms < planEvery_ms) return this.#plan.entries;
    const pass = Math.floor((this.#state as ScrubState).begunAt_ms / passTime_ms);
    const entries = await piecesOfPass(this.#deps.store, pass);
    this.#plan = { entries, at_ms: now_ms };
    const totalBytes = entries.reduce((sum, { size }) => sum + size, 0);
    this.#state = { ...(this.#state as ScrubState), totalBytes };
    return entries;
  }

  async #saveNowAndThen(): Promise<void> {
    const { state, at_ms } = this.#saved;
    if (state !== this.#state && this.#deps.now_ms() - at_ms >= saveEvery_ms) await this.#save();
  }

  /** A full disk stops no scrub: after a restart it reads a part again. */
  async #save(): Promise<void> {
    this.#saved = { state: this.#state, at_ms: this.#deps.now_ms() };
    await writeScrubState(this.#deps.dataDir, this.#state as ScrubState).catch(() => undefined);
  }
}

/** The pieces on all volumes and in all lists, in the order of their roots. */
async function piecesToCheck(store: PieceStore): Promise<PieceEntry[]> {
  const entries = new Map<string, PieceEntry>();
  for (const { list } of await store.currentLists()) {
    for (const { root, size } of list.pieces) entries.set(toHex(root), { root: Uint8Array.from(root), size });
  }
  for (const root of await store.storedRoots()) {
    const entry = entries.has(root) ? undefined : await store.entryOf(root);
    if (entry !== undefined) entries.set(root, entry);
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/**
 * The pieces that a pass reads. Of a volume whose reading is bounded it reads a part, by the roots, so that as many passes as the bound needs
 * read all.
 */
export async function piecesOfPass(store: PieceStore, pass: number): Promise<PieceEntry[]> {
  const due: PieceEntry[] = [];
  const known = new Map<Volume, number>();
  for (const entry of await piecesToCheck(store)) {
    const name = toHex(entry.root).slice(2);
    let passes = 0;
    for (const { volume } of await store.volumes.locate(name)) {
      const own = known.get(volume) ?? (await volume.passesOfScrub());
      known.set(volume, own);
      passes = Math.max(passes, own);
    }
    if (passes <= 1) due.push(entry);
    else if (Number.isFinite(passes) && Number.parseInt(name.slice(0, 8), 16) % passes === pass % passes)
      due.push(entry);
  }
  return due;
}

async function isSomeVolumeGone(store: PieceStore): Promise<boolean> {
  return (await store.volumes.look()).some(({ condition }) => condition === "gone");
}

/** The smallest root above this one; the last root stays. */
function rootAfter(root: string): string {
  const next = BigInt(root) + 1n;
  return next >> 256n === 0n ? `0x${next.toString(16).padStart(64, "0")}` : root;
}
