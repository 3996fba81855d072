/** A source of bytes that consists of memory and files, one after another. A part of it can be sent to another thread and read there. */
import type { ByteSource } from "../../client/storing/age-stream.ts";
import { readUnchanged, type FileMark } from "./unchanged-file.ts";

export type SourcePiece =
  | { readonly kind: "data"; readonly bytes: number; readonly data: Uint8Array }
  | { readonly kind: "file"; readonly bytes: number; readonly mark: FileMark };

/** The part of a source that another thread needs to read a span. It can be sent in a message. */
export type SourcePart = {
  /** Bytes of the whole source. */
  readonly size: number;
  /** Offset of the first piece in the source. */
  readonly start: number;
  readonly pieces: readonly SourcePiece[];
};

export class PartsSource implements ByteSource {
  readonly size: number;
  readonly #pieces: readonly SourcePiece[];
  /** Offset of each piece. */
  readonly #starts: readonly number[];

  constructor(pieces: readonly SourcePiece[], part?: Pick<SourcePart, "size" | "start">) {
    this.#pieces = pieces.filter(({ bytes }) => bytes > 0);
    let end = part?.start ?? 0;
    this.#starts = this.#pieces.map(({ bytes }) => (end += bytes) - bytes);
    this.size = part?.size ?? end;
  }

  /** The source of a part. It has the size of the whole source, but only the bytes of the part's pieces can be read. */
  static of(part: SourcePart): PartsSource {
    return new PartsSource(part.pieces, part);
  }

  /** The part with the pieces that hold these bytes. */
  part(start: number, bytes: number): SourcePart {
    const pieces: SourcePiece[] = [];
    const first = this.#pieceAt(start);
    for (let i = first; i < this.#pieces.length && (this.#starts[i] as number) < start + bytes; i++) {
      const piece = this.#pieces[i] as SourcePiece;
      // A message with a view would contain the view's whole buffer, so the bytes are copied.
      pieces.push(piece.kind === "data" ? { ...piece, data: Uint8Array.from(piece.data) } : piece);
    }
    return { size: this.size, start: this.#starts[first] ?? 0, pieces };
  }

  async read(start: number, bytes: number): Promise<Uint8Array> {
    const end = start + bytes;
    if (start < 0 || end > this.size) {
      throw new RangeError(`range: expected within ${this.size} bytes, actual ${start} + ${bytes}`);
    }
    const out = new Uint8Array(bytes);
    for (let i = this.#pieceAt(start); i < this.#pieces.length; i++) {
      const [piece, at] = [this.#pieces[i] as SourcePiece, this.#starts[i] as number];
      if (at >= end) break;
      const from = Math.max(0, start - at);
      const to = Math.min(piece.bytes, end - at);
      const target = out.subarray(at + from - start, at + to - start);
      if (piece.kind === "file") await readUnchanged(piece.mark, from, target);
      else target.set(piece.data.subarray(from, to));
    }
    return out;
  }

  /** Index of the piece with this byte. */
  #pieceAt(offset: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}
