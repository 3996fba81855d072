/** A file of a stranger's server as a stream, with bounds on redirects, bytes and time. */
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";
import type { ByteStream } from "./hash-blocks.ts";
import { followed, RedirectError } from "./redirects.ts";

export type UrlLimits = {
  /** Most bytes of a file; needed if the server announces no length. */
  readonly maxBytes: number | undefined;
  /** Longest time until the answer begins. */
  readonly begin_ms: number;
  /** Longest time for a block of 2 MB: at 120 s a server sends at least 17 kB a second. */
  readonly block_ms: number;
};

export const usualLimits: UrlLimits = { maxBytes: undefined, begin_ms: 30_000, block_ms: 120_000 };

export type OpenedUrl = {
  readonly stream: ByteStream;
  /** Undefined if the server announces none. */
  readonly bytes: number | undefined;
  /** Distinguishes the versions of the file; undefined if the server gives no tag and no date. */
  readonly version: string | undefined;
  close(): Promise<void>;
};

function fault(
  url: string,
  message: string,
  details: { expected?: string; actual?: string; hint?: string } = {},
): CliError {
  return new CliError({ code: exitCodes.network, message: `${url}: ${message}`, ...details });
}

/** @throws CliError exit 3 if the server does not give the file, exit 2 if its length is unknown and there is no limit */
export async function openUrl(url: string, limits: UrlLimits): Promise<OpenedUrl> {
  const controller = new AbortController();
  const { answer, place } = await answerOf(url, limits.begin_ms, controller);
  const close = async (): Promise<void> => {
    controller.abort();
    await answer.body?.cancel().catch(() => undefined);
  };
  try {
    const bytes = announced(url, answer, limits.maxBytes);
    const reader = answer.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    const tag = answer.headers.get("ETag") ?? answer.headers.get("Last-Modified") ?? undefined;
    const stream = new BodyStream(url, reader, {
      most: bytes ?? limits.maxBytes ?? 0,
      exact: bytes,
      block_ms: limits.block_ms,
    });
    return {
      stream,
      bytes,
      version: tag && `${place} ${bytes} ${tag}`,
      close: async () => (controller.abort(), stream.close()),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function answerOf(
  url: string,
  begin_ms: number,
  controller: AbortController,
): Promise<{ readonly answer: Response; readonly place: string }> {
  const timer = setTimeout(
    () => controller.abort(new Error(`no answer within ${begin_ms / 1000} s`)),
    begin_ms,
  );
  try {
    const headers = { "Accept-Encoding": "identity" };
    const found = await followed(url, { signal: controller.signal, headers });
    const { answer } = found;
    if (answer.status === 200) return found;
    await answer.body?.cancel().catch(() => undefined);
    throw fault(url, "the server does not give the file", {
      expected: "HTTP 200",
      actual: `HTTP ${answer.status}`,
    });
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof RedirectError) throw fault(url, error.message, error);
    const { message, cause } = error as Error;
    throw fault(url, cause instanceof Error ? cause.message : message);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes that the server announces. @throws CliError exit 2 or 3 if they are unknown or too many */
function announced(url: string, answer: Response, maxBytes: number | undefined): number | undefined {
  const encoding = answer.headers.get("Content-Encoding");
  if (encoding !== null && encoding !== "identity") {
    throw fault(url, "the server sends another form of the file", {
      expected: "its bytes",
      actual: quote(encoding),
    });
  }
  const text = answer.headers.get("Content-Length");
  if (text === null) {
    if (maxBytes !== undefined) return undefined;
    throw usageError(`${url}: the server does not announce how long the file is`, {
      hint: "give a limit: --max-bytes 10GB",
    });
  }
  const bytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw fault(url, "the file has no usable length", { expected: "at least 1 byte", actual: quote(text) });
  }
  if (maxBytes !== undefined && bytes > maxBytes) {
    throw fault(url, "the file is too long", {
      expected: `at most ${maxBytes} bytes`,
      actual: `${bytes} bytes`,
    });
  }
  return bytes;
}

type BodyLimits = { readonly most: number; readonly exact: number | undefined; readonly block_ms: number };

class BodyStream implements ByteStream {
  readonly #url: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #limits: BodyLimits;
  #rest: Uint8Array = new Uint8Array();
  #received = 0;

  constructor(url: string, reader: ReadableStreamDefaultReader<Uint8Array> | undefined, limits: BodyLimits) {
    this.#url = url;
    this.#reader = reader;
    this.#limits = limits;
  }

  async fill(target: Uint8Array): Promise<number> {
    const { block_ms } = this.#limits;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const expected = `${target.length} bytes in ${block_ms / 1000} s`;
      timer = setTimeout(
        () => reject(fault(this.#url, "the server is too slow", { expected, actual: "fewer" })),
        block_ms,
      );
    });
    try {
      let filled = 0;
      while (filled < target.length) {
        if (this.#rest.length === 0 && !(await Promise.race([this.#more(), late]))) break;
        const part = this.#rest.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        this.#rest = this.#rest.subarray(part.length);
      }
      return filled;
    } finally {
      clearTimeout(timer);
    }
  }

  /** False at the end. @throws CliError exit 3 for too many or too few bytes */
  async #more(): Promise<boolean> {
    const { most, exact } = this.#limits;
    const ended = { done: true, value: undefined } as const;
    const { done, value } = await (this.#reader?.read() ?? Promise.resolve(ended)).catch((error: Error) => {
      const why = error.cause instanceof Error ? error.cause.message : error.message;
      throw fault(this.#url, `the connection broke: ${why}`, this.#lengths());
    });
    if (done || value === undefined) {
      if (exact !== undefined && this.#received !== exact)
        throw fault(this.#url, "the file ends early", this.#lengths());
      return false;
    }
    this.#received += value.length;
    if (this.#received > most) {
      throw fault(this.#url, "the server sends more than the limit", {
        expected: `at most ${most} bytes`,
        actual: "more",
      });
    }
    this.#rest = value;
    return true;
  }

  #lengths(): { expected: string; actual: string } {
    const { exact, most } = this.#limits;
    return { expected: `${exact ?? `at most ${most}`} bytes`, actual: `${this.#received} bytes` };
  }

  async close(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }
}
