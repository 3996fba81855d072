/** A ceremony's service as its participants use it: the log, which is replayed here, files, and the upload of a response. */
import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { decodeDefinition, maxDefinitionBytes } from "../../ceremony/running/definition.ts";
import type { Definition } from "../../ceremony/running/definition.ts";
import { maxEntryBytes } from "../../ceremony/running/entries.ts";
import type {
  AttestedStatement,
  Entry,
  FileHashes,
  JoinStatement,
  ResponseStatement,
} from "../../ceremony/running/entries.ts";
import { CeremonyLog, readEntry } from "../../ceremony/running/log.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { CommitteeKeys, portsFor, versionsIn } from "./committee.ts";
import { maxChunkBytes } from "./routes.ts";
import type { UploadState } from "./service.ts";

const answer_ms = 30_000;
/** A chunk at 17 kB a second, and the comparison of the hashes after the last one. */
const chunk_ms = 600_000;
/** Attempts to continue after a connection broke, with a pause that doubles from 0.2 s: half a minute in all. */
const attempts = 8;
const firstPause_ms = 200;
const readAtOnce = 8 << 20;
/** The service's limit of one page, and its frame. */
const maxPageBytes = 17 * maxEntryBytes;

const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

/** The service answered that it does not take something. */
export class ServiceRefusal extends CliError {
  /** HTTP status. */
  readonly status: number;
  constructor(status: number, message: string) {
    super({ code: status === 429 || status >= 500 ? exitCodes.network : exitCodes.refused, message });
    this.status = status;
  }
}

/** A text of at most `most` bytes. @throws CliError exit 3 if there are more */
async function boundedText(url: string, answer: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body ?? []) {
    bytes += part.length;
    if (bytes > most) {
      throw new CliError({
        code: exitCodes.network,
        message: `${url}: the answer is too long`,
        expected: `at most ${most} bytes`,
        actual: "more",
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

export class RemoteCeremony {
  readonly base: URL;
  readonly log: CeremonyLog;
  readonly #ports: ReturnType<typeof portsFor>;
  #isAway = false;

  private constructor(base: URL, definition: Definition, ports: ReturnType<typeof portsFor>) {
    this.base = base;
    this.#ports = ports;
    this.log = new CeremonyLog(definition, ports);
  }

  /**
   * Reads the definition and the log.
   * @param rpc endpoints of the chain of the ceremony's committee
   * @throws CliError exit 3 if the service cannot be reached, exit 4 if its log does not hold
   */
  static async open(url: string, rpc: readonly string[]): Promise<RemoteCeremony> {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw usageError("the ceremony's URL is not valid", { expected: "an http or https URL", actual: url });
    const base = new URL(url.endsWith("/") ? url : `${url}/`);
    const text = await askAgain(new URL("files/ceremony.json", base), maxDefinitionBytes);
    const read = decodeDefinition(new TextEncoder().encode(text));
    if (!read.ok) throw usageError(`${url} serves no ceremony`, { actual: read.detail });
    const remote = new RemoteCeremony(base, read.value, portsFor(read.value, rpc));
    await remote.follow();
    return remote;
  }

  /** Replays the entries that are new. @throws CliError exit 4 if one does not hold, or the log is another one than before */
  async follow(): Promise<readonly Entry[]> {
    const fresh: Entry[] = [];
    for (;;) {
      const after = this.log.entries.length - 1;
      const url = new URL(`v1/log?after=${after}`, this.base);
      const page = JSON.parse(await askAgain(url, maxPageBytes)) as { total?: unknown; entries?: unknown };
      const values: unknown[] = Array.isArray(page.entries) ? page.entries : [];
      if (this.#ports instanceof CommitteeKeys) {
        const read = values.flatMap((value) => {
          const entry = readEntry(value);
          return entry.ok ? [entry.value] : [];
        });
        await this.#ports.learn(versionsIn(read));
      }
      for (const value of values) {
        const entry = readEntry(value);
        const added = entry.ok ? this.log.add(entry.value) : entry;
        if (!added.ok || !entry.ok)
          throw new CliError({
            code: exitCodes.refused,
            message: "the ceremony's log does not hold",
            expected: "entries that follow each other, signed by their authors",
            actual: added.ok ? "another form" : added.detail,
            hint: "the organiser's service is damaged, or lies: compare the log with that of other participants",
          });
        fresh.push(entry.value);
      }
      if (values.length === 0 || this.log.entries.length >= Number(page.total)) return fresh;
    }
  }

  /** As `follow`, for a loop that waits: a service that is not there for a while is asked again. */
  async followPatiently(say: (text: string) => void): Promise<readonly Entry[]> {
    try {
      const fresh = await this.follow();
      if (this.#isAway) say("the service answers again");
      this.#isAway = false;
      return fresh;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (!this.#isAway) say(`${(error as Error).message}: asking again`);
      this.#isAway = true;
      return [];
    }
  }

  async join(statement: JoinStatement): Promise<void> {
    await askText(new URL("v1/joins", this.base), { method: "POST", body: JSON.stringify(statement) });
  }

  async attest(statement: AttestedStatement): Promise<void> {
    await askText(new URL("v1/attestations", this.base), { method: "POST", body: JSON.stringify(statement) });
  }

  /**
   * Downloads a file of the ceremony, and continues where an earlier attempt ended.
   * @throws CliError exit 3 if its bytes are not those of the log
   */
  async download(name: string, path: string, expected: FileHashes): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const url = new URL(`files/${name}`, this.base);
    const bar = progressBar({ label: `reading ${name}`, total: expected.bytes, format: formatBytes });
    try {
      for (let attempt = 0; ; attempt++) {
        const before = await sizeOf(path);
        if (before >= expected.bytes) break;
        try {
          await appendRange(url, path, { start: before, end: expected.bytes }, (done) => bar?.update(done));
        } catch (error) {
          if (error instanceof ServiceRefusal) throw error;
          const gained = (await sizeOf(path)) > before;
          if (gained) attempt = 0;
          if (attempt + 1 >= attempts) throw unreachable(url, error);
          await pause(firstPause_ms * 2 ** attempt);
        }
      }
    } finally {
      bar?.stop();
    }
    const actual = await hashFileOnce(path);
    if (actual.root === expected.root && actual.blake2b === expected.blake2b) return;
    throw new CliError({
      code: exitCodes.network,
      message: `${name} has other bytes than the log says`,
      expected: `BLAKE2b ${expected.blake2b}`,
      actual: actual.blake2b,
      hint: `remove ${path} and try again, or read it from another source`,
    });
  }

  /** Uploads the response of a statement, and continues where the connection broke. @throws CliError exit 4 if it is refused */
  async upload(statement: ResponseStatement, path: string): Promise<void> {
    const total = statement.response.bytes;
    const bar = progressBar({ label: "sending the response", total, format: formatBytes });
    const declare = async (): Promise<UploadState> => {
      const init = { method: "POST", body: JSON.stringify(statement), timeout_ms: chunk_ms };
      return JSON.parse(await askText(new URL("v1/uploads", this.base), init)) as UploadState;
    };
    const file = await open(path, "r");
    try {
      let failures = 0;
      for (let state: UploadState | undefined; state?.complete !== true;) {
        const before: number = state?.offset ?? 0;
        try {
          state ??= await declare();
          if (state.complete) return;
          state = await this.#sendChunk(file, state);
          failures = 0;
          bar?.update(state.offset);
        } catch (error) {
          if (error instanceof ServiceRefusal && error.status !== 503 && error.status !== 429)
            throw new CliError({
              code: exitCodes.refused,
              message: `the response is refused: ${error.message}`,
            });
          if (++failures >= attempts) throw unreachable(this.base, error);
          await pause(firstPause_ms * 2 ** failures);
          // The service says how much has arrived.
          state = undefined;
          bar?.update(before);
        }
      }
    } finally {
      bar?.stop();
      await file.close();
    }
  }

  async #sendChunk(
    file: Awaited<ReturnType<typeof open>>,
    { token, offset, bytes }: UploadState,
  ): Promise<UploadState> {
    const chunk = new Uint8Array(Math.min(maxChunkBytes, bytes - offset));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    const answer = await askText(new URL(`v1/uploads/${token}`, this.base), {
      method: "PUT",
      headers: { "Upload-Offset": String(offset) },
      body: chunk.subarray(0, bytesRead),
      timeout_ms: chunk_ms,
    });
    return JSON.parse(answer) as UploadState;
  }
}

function unreachable(url: URL, error: unknown): CliError {
  const { message, cause } = error as Error;
  const why = cause instanceof Error ? cause.message : message;
  return new CliError({ code: exitCodes.network, message: `${url.href}: ${why}` });
}

/** The service or its proxy does not answer now; or it asks to come back later. */
export function isAway(error: unknown): boolean {
  if (error instanceof ServiceRefusal) return error.status === 429 || error.status >= 500;
  return error instanceof CliError && error.code === exitCodes.network;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Appends the bytes of a range to a file, as far as they arrive. */
async function appendRange(
  url: URL,
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
  onBytes: (done: number) => void,
): Promise<void> {
  const last = Math.min(end, start + readAtOnce) - 1;
  const answer = await fetch(url, {
    headers: { Range: `bytes=${start}-${last}` },
    signal: AbortSignal.timeout(chunk_ms),
    redirect: "error",
  });
  if (answer.status !== 206) throw new ServiceRefusal(answer.status, `${url.href}: HTTP ${answer.status}`);
  const file = await open(path, "a");
  let at = start;
  try {
    for await (const block of answer.body ?? []) {
      const own = block.subarray(0, last + 1 - at);
      await file.writeFile(own);
      at += own.length;
      onBytes(at);
      if (own.length < block.length) break;
    }
  } finally {
    await file.close();
  }
}

type AskOptions = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly timeout_ms?: number;
};

/** Reads a text; a connection that breaks and a busy service are tried again. @throws CliError exit 3 if none of the attempts succeeds */
async function askAgain(url: URL, most: number): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await askText(url, {}, most);
    } catch (error) {
      const isLasting = !(error instanceof CliError) || error.code !== exitCodes.network;
      if (isLasting || attempt + 1 >= attempts) throw error;
      await pause(firstPause_ms * 2 ** attempt);
    }
  }
}

/** @throws ServiceRefusal for an answer that is no success, CliError exit 3 without an answer */
async function askText(url: URL, options: AskOptions, most = maxEntryBytes): Promise<string> {
  const { timeout_ms = answer_ms, ...init } = options;
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, signal: AbortSignal.timeout(timeout_ms), redirect: "error" });
  } catch (error) {
    throw unreachable(url, error);
  }
  const text = await boundedText(url.href, answer, most).catch((error: unknown) => {
    throw error instanceof CliError ? error : unreachable(url, error);
  });
  if (answer.ok) return text;
  let told: { error?: unknown; expected?: unknown; actual?: unknown } = {};
  try {
    told = JSON.parse(text) as typeof told;
  } catch {
    // Not of this service: the status remains.
  }
  const words = [told.error, told.expected, told.actual].filter(
    (word) => typeof word === "string" && word !== "",
  );
  // A stranger's text must not control the terminal.
  const shown = words.join(": ").replaceAll(/\p{Cc}/gu, " ");
  throw new ServiceRefusal(answer.status, words.length === 0 ? `HTTP ${answer.status}` : shown);
}
