/** Files of an archive that are read by verified ranges from providers (R44), with all bytes counted that arrive. */
import type { CeremonySource } from "../../ceremony/report.ts";
import { WhitePayError } from "../../client/errors.ts";
import { openPiece } from "../../client/reading/piece.ts";
import type { Piece, SourceFault, VerifiedRange } from "../../client/reading/piece.ts";
import { SourceError } from "../../client/reading/source.ts";
import type { PieceSource } from "../../client/reading/source.ts";
import type { ArchiveFile } from "../../archive/schema.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import { rangeBytes, rangeCount, rangePlace } from "../../storage/core/range.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { formatBytes } from "../console/progress.ts";

/** Heads, magic numbers and first points: later reads of them cost no range. */
const keptHeadBytes = 4096;

/** No source gives a file, or a part of it. */
export class MissingFileError extends CliError {
  override readonly name = "MissingFileError";
}

/** Counts the bytes of all answers, also of those that turn out to be wrong. */
export class ReadingMeter {
  readonly #maxBytes: number;
  readonly #onBytes: (bytes: number) => void;
  #bytes = 0;

  constructor(maxBytes: number, onBytes: (bytes: number) => void = () => undefined) {
    this.#maxBytes = maxBytes;
    this.#onBytes = onBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws CliError exit 2 if so many more bytes are not allowed */
  assertRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.#maxBytes) return;
    throw usageError("the ranges have more bytes than may be read", {
      expected: `at most ${formatBytes(this.#maxBytes)}`,
      actual: `${formatBytes(this.#bytes + bytes)} with the next range`,
      hint: "choose fewer files with --files or --collection, or allow more with --max-bytes",
    });
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#onBytes(this.#bytes);
  }

  /** For `httpSource`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        this.add(chunk.length);
        controller.enqueue(chunk);
      },
    });
    const body = answer.body?.pipeThrough(counted) ?? null;
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
}

/** The sources of all files. One that sent wrong bytes is asked for no other file. */
export class RangeSources {
  readonly #known: PieceSource[] = [];
  readonly #discover: (root: Hex) => Promise<readonly PieceSource[]>;
  readonly #onFault: (fault: SourceFault) => void;
  readonly #blamed = new Set<string>();
  readonly faults: (SourceFault & { readonly file: string })[] = [];

  constructor(
    named: readonly PieceSource[],
    discover: (root: Hex) => Promise<readonly PieceSource[]>,
    onFault: (fault: SourceFault) => void,
  ) {
    this.#add(named);
    this.#discover = discover;
    this.#onFault = onFault;
  }

  get usable(): readonly PieceSource[] {
    return this.#known.filter(({ name }) => !this.#blamed.has(name));
  }

  /** A file that was opened before a source was blamed asks it no more, either. */
  #add(sources: readonly PieceSource[]): void {
    for (const source of sources) {
      const { name } = source;
      this.#known.push({
        name,
        range: (root, index, signal) =>
          this.#blamed.has(name)
            ? Promise.reject(new SourceError("refused", "it sent wrong bytes of another file"))
            : source.range(root, index, signal),
      });
    }
  }

  note(file: string, fault: SourceFault): void {
    // Of many files a source has only some: that is no fault.
    if (fault.kind === "refused") return;
    this.faults.push({ ...fault, file });
    if (fault.kind === "wrong") this.#blamed.add(fault.source);
    this.#onFault(fault);
  }

  /** Looks for more sources. Returns whether there are. */
  async find(root: Hex): Promise<boolean> {
    const names = new Set(this.#known.map(({ name }) => name));
    const found = (await this.#discover(root)).filter(({ name }) => !names.has(name));
    this.#add(found);
    return found.length > 0;
  }
}

/** The range that was read last: parts that are near one another cost one range. One for all files, so that memory is constant. */
export type LastRange = { file?: RemoteFile; range?: VerifiedRange };

export class RemoteFile implements CeremonySource {
  readonly name: string;
  readonly size: number;
  readonly statedHash: Uint8Array;
  readonly #root: Hex;
  readonly #sources: RangeSources;
  readonly #meter: ReadingMeter;
  readonly #last: LastRange;
  #piece: Piece | undefined;
  #head: Uint8Array | undefined;
  readonly #asked = new Set<PieceSource>();
  #isSearched = false;

  constructor(
    file: Pick<ArchiveFile, "name" | "bytes" | "blake2b" | "root">,
    parts: {
      readonly sources: RangeSources;
      readonly meter: ReadingMeter;
      readonly last: LastRange;
    },
  ) {
    this.name = file.name;
    this.size = file.bytes;
    this.statedHash = fromHex(file.blake2b);
    this.#root = file.root;
    this.#sources = parts.sources;
    this.#meter = parts.meter;
    this.#last = parts.last;
  }

  /** @throws MissingFileError, and CliError if the piece has another size, or the reading grows too long */
  async read(start: number, bytes: number): Promise<Uint8Array> {
    if (!(Number.isSafeInteger(start) && start >= 0 && bytes >= 0 && start + bytes <= this.size))
      throw new RangeError(`${this.name}: expected a range below ${this.size}, actual ${start} + ${bytes}`);
    const head = this.#head;
    if (head && start + bytes <= head.length) return head.slice(start, start + bytes);
    const out = new Uint8Array(bytes);
    for (let done = 0; done < bytes;) {
      const at = start + done;
      const range = await this.#range(Math.floor(at / rangeBytes));
      const part = range.bytes.subarray(at - range.start, at - range.start + bytes - done);
      out.set(part, done);
      done += part.length;
    }
    return out;
  }

  async #range(index: number): Promise<VerifiedRange> {
    const { file, range } = this.#last;
    if (file === this && range?.range === index) return range;
    const read = await this.#searching(index);
    this.#last.file = this;
    this.#last.range = read;
    if (index === 0) this.#head = read.bytes.slice(0, keptHeadBytes);
    return read;
  }

  /** Asks the known sources, and if none of them gives the range those that the registry names. */
  async #searching(index: number): Promise<VerifiedRange> {
    for (;;) {
      try {
        this.#meter.assertRoom(rangePlace(this.size, index).bytes);
        return await (await this.#opened()).range(index);
      } catch (error) {
        if (!(error instanceof WhitePayError && error.code === "network")) throw error;
        if (await this.#hasMore()) continue;
        throw new MissingFileError({
          code: exitCodes.network,
          message: `${this.name}: ${error.message}`,
          expected: "a source that gives the file's ranges with proofs",
          actual: error.actual ?? "none",
          hint: "name servers of providers with --from, or the registry with --registry and --rpc; a plain web server proves no range",
          cause: error,
        });
      }
    }
  }

  /** Whether there are sources that were not asked for this file. They are asked next. */
  async #hasMore(): Promise<boolean> {
    const isNew = this.#sources.usable.some((source) => !this.#asked.has(source));
    this.#piece = undefined;
    if (isNew || this.#isSearched) return isNew;
    this.#isSearched = true;
    return this.#sources.find(this.#root);
  }

  async #opened(): Promise<Piece> {
    if (this.#piece !== undefined) return this.#piece;
    const { usable } = this.#sources;
    for (const source of usable) this.#asked.add(source);
    const onFault = (fault: SourceFault): void => this.#sources.note(this.name, fault);
    this.#piece = await openPiece(this.#root, usable, { onFault });
    if (this.#piece.size === this.size) return this.#piece;
    throw usageError(`${this.name}: its size in the manifest is not that of its piece`, {
      expected: `${this.#piece.size} bytes, which the piece root proves`,
      actual: `${this.size}`,
      hint: "ask the curator; the manifest is wrong about this file",
    });
  }
}

/** Number of ranges in which these offsets are. */
export function rangesOf(size: number, offsets: readonly number[]): number {
  return new Set(offsets.map((at) => Math.min(Math.floor(at / rangeBytes), rangeCount(size) - 1))).size;
}
