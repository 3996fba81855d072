/**
 * R44: reads a piece by its root from sources that nobody needs to trust: every range is verified on arrival; a source that sends other bytes
 * is named and not asked again, one that fails is replaced by the others. Memory: as many ranges of 2 MB as are asked for at once.
 */
import type { Hex } from "../../protocol/hash.ts";
import { equalBytes, fromHex } from "../../storage/core/bytes.ts";
import { segmentBytes } from "../../storage/core/geometry.ts";
import { segmentRoot } from "../../storage/core/merkle.ts";
import { rangeBytes, rangeCount, rangePlace, rangeTop, runRoot } from "../../storage/core/range.ts";
import { inputError, WhitePayError } from "../errors.ts";
import { httpSource, SourceError } from "./source.ts";
import type { PieceSource, SentRange, SourceFaultKind } from "./source.ts";

export type SourceFault = {
  readonly source: string;
  readonly kind: SourceFaultKind;
  readonly reason: string;
};

export type PieceOptions = {
  readonly signal?: AbortSignal;
  /** Called when a source fails. The piece may still be read from the others. */
  readonly onFault?: (fault: SourceFault) => void;
  /** A source that sends no whole range within this time has failed. Default: 60 s. */
  readonly timeout_ms?: number;
};

export type VerifiedRange = {
  readonly range: number;
  /** Offset of the first byte in the piece. */
  readonly start: number;
  readonly bytes: Uint8Array;
  /** Name of the source. */
  readonly source: string;
  /** The node of the piece's tree above these bytes, and those that prove it (`runSiblings`). */
  readonly top: Uint8Array;
  readonly siblings: readonly Uint8Array[];
};

const defaultTimeout_ms = 60_000;
/** A source that does not answer, or is busy, is given up after so many times in a row. */
const mostTries = 4;
const longestPause_s = 30;

type Standing = { readonly source: PieceSource; asked: number; failures: number; isOut: boolean };

/** Roots of the segments of a range's bytes. */
export function segmentRootsOf(bytes: Uint8Array): Uint8Array[] {
  const roots: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += segmentBytes)
    roots.push(segmentRoot(bytes.subarray(at, at + segmentBytes)));
  return roots;
}

/** Whether bytes and nodes hash to the root. @throws never, whatever a source sent */
export function isProven(root: Hex, range: number, sent: SentRange): boolean {
  return provenTop(root, range, sent) !== undefined;
}

/** Top of the range if bytes and nodes hash to the root, else undefined. @throws never, whatever a source sent */
function provenTop(root: Hex, range: number, { size, bytes, siblings }: SentRange): Uint8Array | undefined {
  if (!Number.isSafeInteger(size) || size < 1 || range >= rangeCount(size)) return undefined;
  if (bytes.length !== rangePlace(size, range).bytes) return undefined;
  const segmentRoots = segmentRootsOf(bytes);
  const found = runRoot({ size, first: range, count: 1 }, { segmentRoots, siblings });
  if (found === undefined || !equalBytes(found, fromHex(root))) return undefined;
  return rangeTop(size, segmentRoots);
}

export class Piece {
  readonly root: Hex;
  readonly size: number;
  readonly #asking: Asking;
  #first: VerifiedRange | undefined;

  /** Use `openPiece`. */
  constructor(root: Hex, size: number, asking: Asking, first: VerifiedRange) {
    this.root = root;
    this.size = size;
    this.#asking = asking;
    this.#first = first;
  }

  /** Number of ranges; all but the last have 2,031,616 bytes. */
  get ranges(): number {
    return rangeCount(this.size);
  }

  /** Every fault of a source so far. */
  get faults(): readonly SourceFault[] {
    return this.#asking.faults;
  }

  /** A verified range. @throws WhitePayError `network` if no source gives it */
  async range(range: number): Promise<VerifiedRange> {
    // The range whose answer told the size is not requested twice.
    const first = this.#first;
    if (first?.range === range) {
      this.#first = undefined;
      return first;
    }
    return (await this.#asking.range(range, this.size)).verified;
  }

  /**
   * The bytes from `start` to `end` (default: all) in order, verified, in parts of at most 2 MB; `atOnce` ranges are asked for ahead.
   * @throws WhitePayError `network` if no source gives a range
   */
  async *bytes({
    start = 0,
    end = this.size,
    atOnce = 2,
  }: { start?: number; end?: number; atOnce?: number } = {}): AsyncGenerator<Uint8Array> {
    if (
      !(
        Number.isSafeInteger(start) &&
        Number.isSafeInteger(end) &&
        0 <= start &&
        start <= end &&
        end <= this.size
      )
    ) {
      throw inputError("the bytes are not of this piece", {
        expected: `0 ≤ start ≤ end ≤ ${this.size}`,
        actual: `${start} to ${end}`,
      });
    }
    if (start === end) return;
    const last = Math.ceil(end / rangeBytes);
    let next = Math.floor(start / rangeBytes);
    const ahead: Promise<VerifiedRange>[] = [];
    while (next < last || ahead.length > 0) {
      while (next < last && ahead.length < Math.max(1, atOnce)) {
        const asked = this.range(next++);
        // The promise is awaited below. Until then this handler prevents an "unhandled rejection".
        asked.catch(() => undefined);
        ahead.push(asked);
      }
      const { start: at, bytes } = (await ahead.shift()) as VerifiedRange;
      yield bytes.subarray(Math.max(0, start - at), Math.min(bytes.length, end - at));
    }
  }
}

/** Chooses among the sources and judges what they send. */
class Asking {
  readonly #root: Hex;
  readonly #standings: readonly Standing[];
  readonly #options: PieceOptions;
  readonly faults: SourceFault[] = [];

  constructor(root: Hex, sources: readonly PieceSource[], options: PieceOptions) {
    this.#root = root;
    this.#options = options;
    this.#standings = sources.map((source) => ({ source, asked: 0, failures: 0, isOut: false }));
  }

  async range(range: number, size?: number): Promise<{ verified: VerifiedRange; size: number }> {
    const tried = new Set<Standing>();
    for (let attempt = 0; ; attempt++) {
      this.#options.signal?.throwIfAborted();
      // All sources have failed too often for this range. Those that delivered other ranges stay in use.
      const isOver = attempt >= mostTries * this.#standings.length;
      const standing = isOver ? undefined : this.#next(tried);
      if (standing === undefined) throw this.#noSource(range);
      standing.asked++;
      try {
        const sent = await this.#ask(standing, range, size);
        standing.failures = 0;
        const { name } = standing.source;
        const { bytes, top, siblings } = sent;
        const verified = { range, start: range * rangeBytes, bytes, source: name, top, siblings };
        return { verified, size: sent.size };
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        const fault =
          error instanceof SourceError ? error : new SourceError("unreachable", (error as Error).message);
        const pause_s = this.#failed(standing, fault, tried);
        if (pause_s > 0) await this.#pause(pause_s);
      } finally {
        standing.asked--;
      }
    }
  }

  /** The source with the fewest ranges under way among those that were not tried for this range; then again those that may recover. */
  #next(tried: Set<Standing>): Standing | undefined {
    const left = this.#standings.filter(({ isOut }) => !isOut);
    const fresh = left.filter((standing) => !tried.has(standing));
    const [best] = (fresh.length > 0 ? fresh : left).sort(
      (a, b) => a.failures - b.failures || a.asked - b.asked,
    );
    return best;
  }

  async #ask(
    { source }: Standing,
    range: number,
    size: number | undefined,
  ): Promise<SentRange & { readonly top: Uint8Array }> {
    const { signal, timeout_ms = defaultTimeout_ms } = this.#options;
    const limit = AbortSignal.timeout(timeout_ms);
    const sent = await source.range(this.#root, range, signal ? AbortSignal.any([signal, limit]) : limit);
    const top = provenTop(this.#root, range, sent);
    if (top === undefined) {
      throw new SourceError("wrong", `range ${range}: the bytes do not match the root ${this.#root}`);
    }
    if (size !== undefined && sent.size !== size) {
      throw new SourceError("wrong", `expected a piece of ${size} bytes, actual ${sent.size}`);
    }
    return { ...sent, top };
  }

  /** Notes the fault. Returns for how long to wait before the next attempt, in seconds. */
  #failed(standing: Standing, { kind, message, retryAfter_s }: SourceError, tried: Set<Standing>): number {
    const isAgain = tried.has(standing);
    tried.add(standing);
    standing.failures++;
    const isLasting = kind === "wrong" || kind === "refused" || retryAfter_s > longestPause_s;
    // Ranges that were asked for together may fail together: a source is given up once.
    const wasOut = standing.isOut;
    if (isLasting || standing.failures >= mostTries) standing.isOut = true;
    // A busy source is reported as a fault only when it is given up.
    if (!wasOut && (kind !== "busy" || standing.isOut)) {
      const fault = { source: standing.source.name, kind, reason: message };
      this.faults.push(fault);
      this.#options.onFault?.(fault);
    }
    const others = this.#standings.some((one) => !one.isOut && !tried.has(one));
    return standing.isOut || others || (kind === "unreachable" && !isAgain) ? 0 : retryAfter_s;
  }

  async #pause(pause_s: number): Promise<void> {
    const { signal } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause_s * 1000);
      signal?.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }

  #noSource(range: number): WhitePayError {
    const faults = this.faults.slice(-20).map(({ source, reason }) => `${source}: ${reason}`);
    return new WhitePayError({
      code: "network",
      message: `no source gives range ${range} of ${this.#root}`,
      expected: "at least one source that answers with the piece's bytes",
      actual: faults.join("; ") || "no source",
      hint: "verified bytes are good; name other sources, or try again later",
    });
  }
}

/**
 * Finds a piece at its sources (URLs, or sources of your own) and learns its size, which the root proves.
 * @throws WhitePayError `input` for a root or URL that is none, `network` if no source has the piece
 */
export async function openPiece(
  root: string,
  sources: readonly (string | PieceSource)[],
  options: PieceOptions = {},
): Promise<Piece> {
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(root)) {
    throw inputError("the root is not valid", {
      expected: "64 hex digits, with or without 0x",
      actual: JSON.stringify(root.slice(0, 80)),
    });
  }
  const name: Hex = `0x${root.replace(/^0x/, "").toLowerCase()}`;
  const asking = new Asking(
    name,
    sources.map((source) => (typeof source === "string" ? httpSource(source) : source)),
    options,
  );
  const { verified, size } = await asking.range(0);
  return new Piece(name, size, asking, verified);
}
