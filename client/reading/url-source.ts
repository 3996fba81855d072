/**
 * A file behind a plain URL, in ranges. Nothing in the answers proves the bytes: whoever asks compares them with the piece's tree. A connection
 * that breaks is continued at the next byte. A server that ignores Range is read as one stream, in order.
 */
import { rangeBytes } from "../../storage/core/range.ts";
import { inputError } from "../errors.ts";
import { refusalOf, SourceError } from "./source.ts";

export type PlainSource = {
  /** Names the source in messages. */
  readonly name: string;
  /** It sends the whole file from its first byte, so its ranges are best asked for in their order, one at a time. */
  readonly isOrdered: boolean;
  /** Fills `target` with the file's bytes from `start` on. Rejects with a SourceError. */
  range(start: number, target: Uint8Array, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

export type UrlSourceOptions = {
  /** Longest time without a byte. Default: 30 s. */
  readonly stall_ms?: number;
  /** Longest time for 2 MB. Default: 120 s, so a server sends at least 17 kB a second. */
  readonly range_ms?: number;
  /** Default: the platform's, which follows at most 20 redirects. */
  readonly fetch?: typeof fetch;
};

/** A connection may break so many times in a row without a byte. */
const mostBreaks = 2;

type Stream = {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly control: AbortController;
  at: number;
  rest: Uint8Array;
};
type Filling = { readonly target: Uint8Array; got: number };

/**
 * @param size of the file, by its manifest
 * @throws WhitePayError `input` if it is no HTTP URL
 */
export function urlSource(url: string, size: number, options: UrlSourceOptions = {}): PlainSource {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw inputError("the source is not valid", {
      expected: "an http or https URL",
      actual: JSON.stringify(url.slice(0, 80)),
    });
  }
  return new UrlSource(url, size, options);
}

class UrlSource implements PlainSource {
  readonly name: string;
  readonly #size: number;
  readonly #options: Required<UrlSourceOptions>;
  #isOrdered = false;
  #stream: Stream | undefined;
  /** Ends when the ordered reading before has ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    url: string,
    size: number,
    { stall_ms = 30_000, range_ms = 120_000, fetch: get = (...args) => fetch(...args) }: UrlSourceOptions,
  ) {
    this.name = url;
    this.#size = size;
    this.#options = { stall_ms, range_ms, fetch: get };
  }

  get isOrdered(): boolean {
    return this.#isOrdered;
  }

  async range(start: number, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const filling = { target, got: 0 };
    const limit = new Limit(this.#options, signal);
    try {
      for (let breaks = 0; filling.got < target.length && !this.#isOrdered;) {
        const before = filling.got;
        try {
          await this.#ask(start, filling, limit);
        } catch (error) {
          const fault = limit.faultOf(error);
          breaks = filling.got > before ? 0 : breaks + 1;
          if (fault.kind !== "unreachable" || limit.isOver || breaks >= mostBreaks) throw fault;
        }
      }
    } finally {
      limit.end();
    }
    if (filling.got < target.length) await this.#ordered(start, target, signal);
  }

  /** One request for the rest of the range. */
  async #ask(start: number, filling: Filling, limit: Limit): Promise<void> {
    const first = start + filling.got;
    const last = start + filling.target.length - 1;
    const { answer, control } = await this.#answer({ Range: `bytes=${first}-${last}` }, limit);
    try {
      if (answer.status === 200) {
        this.#isOrdered = true;
        this.#stream ??= this.#begun(answer, control);
        return;
      }
      if (answer.status !== 206) throw await refusalOf(answer);
      this.#checkRange(answer, first, last);
      const reader = readerOf(answer);
      for (;;) {
        const { done, value } = await limit.within(reader.read());
        if (done || value === undefined) break;
        if (filling.got + value.length > filling.target.length) {
          throw new SourceError(
            "wrong",
            `sent too much: expected ${filling.target.length} bytes, actual more`,
          );
        }
        filling.target.set(value, filling.got);
        filling.got += value.length;
      }
      const { got, target } = filling;
      if (got < target.length) {
        throw new SourceError("unreachable", `ended early: expected ${target.length} bytes, actual ${got}`);
      }
    } finally {
      if (this.#stream?.control !== control) control.abort();
    }
  }

  async #answer(
    headers: Record<string, string>,
    limit: Limit,
  ): Promise<{ readonly answer: Response; readonly control: AbortController }> {
    const control = new AbortController();
    limit.stops(control);
    const request = { headers, signal: control.signal, cache: "no-store" } as const;
    const answer = await limit.within(this.#options.fetch(this.name, request));
    const encoding = answer.headers.get("Content-Encoding");
    const isWorse = this.name.startsWith("https:") && answer.url.startsWith("http:");
    if (!isWorse && (encoding === null || encoding === "identity")) return { answer, control };
    control.abort();
    throw new SourceError(
      "refused",
      isWorse
        ? `leads from https to ${answer.url.slice(0, 200)}`
        : `sends another form of the file: ${JSON.stringify(encoding?.slice(0, 80))}`,
    );
  }

  /** A page of another origin may not see Content-Range; then the length of the body and the tree decide. */
  #checkRange(answer: Response, first: number, last: number): void {
    const text = answer.headers.get("Content-Range");
    if (text === null) return;
    const found = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(text);
    const [start, end] = [Number(found?.[1]), Number(found?.[2])];
    const isWhole = found?.[3] === "*" || Number(found?.[3]) === this.#size;
    if (start === first && end === last && isWhole) return;
    const expected = `bytes ${first}-${last}/${this.#size}`;
    throw new SourceError("wrong", `sent another range: expected ${expected}, actual ${text.slice(0, 80)}`);
  }

  #begun(answer: Response, control: AbortController): Stream {
    const length = answer.headers.get("Content-Length");
    if (length !== null && Number(length) !== this.#size) {
      throw new SourceError(
        "wrong",
        `has another file: expected ${this.#size} bytes, actual ${length.slice(0, 20)}`,
      );
    }
    return { reader: readerOf(answer), control, at: 0, rest: new Uint8Array() };
  }

  /** One reading after the other. */
  #ordered(start: number, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const mine = this.#turn.then(() => this.#fromStream(start, target, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #fromStream(start: number, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const { length: bytes } = target;
    if (this.#stream !== undefined && this.#stream.at > start) await this.close();
    const { range_ms, stall_ms } = this.#options;
    const units = Math.ceil((start + bytes - (this.#stream?.at ?? 0)) / rangeBytes);
    const limit = new Limit({ stall_ms, range_ms: range_ms * units }, signal);
    try {
      const stream = (this.#stream ??= await this.#restarted(limit));
      limit.stops(stream.control);
      while (stream.at < start + bytes) {
        if (stream.rest.length === 0) {
          const { done, value } = await limit.within(stream.reader.read());
          if (done || value === undefined) {
            const actual = `actual ${stream.at}`;
            throw new SourceError("unreachable", `ended early: expected ${this.#size} bytes, ${actual}`);
          }
          stream.rest = value;
        }
        const skipped = Math.min(stream.rest.length, Math.max(0, start - stream.at));
        const part = stream.rest.subarray(skipped, skipped + start + bytes - Math.max(start, stream.at));
        target.set(part, Math.max(0, stream.at - start));
        stream.at += skipped + part.length;
        stream.rest = stream.rest.subarray(skipped + part.length);
      }
      // What follows is not read: the file has no more bytes.
      if (stream.at === this.#size) await this.close();
    } catch (error) {
      await this.close();
      throw limit.faultOf(error);
    } finally {
      limit.end();
    }
  }

  async #restarted(limit: Limit): Promise<Stream> {
    const { answer, control } = await this.#answer({}, limit);
    if (answer.status === 200) return this.#begun(answer, control);
    throw await refusalOf(answer);
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.control.abort();
    await stream?.reader.cancel().catch(() => undefined);
  }
}

function readerOf(answer: Response): ReadableStreamDefaultReader<Uint8Array> {
  if (answer.body === null) throw new SourceError("unreachable", "the answer has no body");
  return answer.body.getReader();
}

/** Ends a reading that takes too long, or that is no longer wanted. */
class Limit {
  readonly #stall_ms: number;
  readonly #range_ms: number;
  readonly #signal: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #stopped: Promise<never>;
  #stop: (fault: SourceError) => void = () => undefined;
  #fault: SourceError | undefined;
  readonly #controls = new Set<AbortController>();
  readonly #aborted = (): void => this.#over("it is no longer wanted");

  constructor({ stall_ms, range_ms }: { stall_ms: number; range_ms: number }, signal: AbortSignal) {
    this.#stall_ms = stall_ms;
    this.#range_ms = range_ms;
    this.#signal = signal;
    this.#stopped = new Promise((_, reject) => {
      this.#stop = reject;
    });
    this.#stopped.catch(() => undefined);
    this.#timer = setTimeout(
      () => this.#over(`too slow: not done within ${this.#range_ms / 1000} s`),
      range_ms,
    );
    signal.addEventListener("abort", this.#aborted, { once: true });
    if (signal.aborted) this.#aborted();
  }

  get isOver(): boolean {
    return this.#fault !== undefined;
  }

  #over(why: string): void {
    this.#fault = new SourceError("unreachable", why);
    this.#stop(this.#fault);
    for (const control of this.#controls) control.abort();
  }

  /** The request is ended when the limit is reached. */
  stops(control: AbortController): void {
    this.#controls.add(control);
  }

  async within<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<never>((_, reject) => {
      const why = `no byte within ${this.#stall_ms / 1000} s`;
      timer = setTimeout(() => reject(new SourceError("unreachable", why)), this.#stall_ms);
    });
    try {
      return await Promise.race([work, stalled, this.#stopped]);
    } finally {
      clearTimeout(timer);
    }
  }

  faultOf(error: unknown): SourceError {
    if (this.#fault !== undefined) return this.#fault;
    if (error instanceof SourceError) return error;
    const { message, cause } = error as Error;
    return new SourceError("unreachable", cause instanceof Error ? cause.message : message);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#aborted);
  }
}
