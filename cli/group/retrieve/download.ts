/** Fetches pieces from providers over libp2p: each range is verified on arrival and kept for the next attempt. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import { askProvider } from "../../../keeper/adapters/libp2p/provider.ts";
import {
  maxRetrieveResponseBytes,
  retrieveProtocol,
  decodeRetrieveResponse,
  encodeRetrieveRequest,
} from "../../../protocol/codec/retrieve.ts";
import type { Permission } from "../../../protocol/codec/retrieve.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ProviderTarget } from "../../../keeper/ports/provider.ts";
import { equalBytes, toHex } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { rangeCount, rangePlace } from "../../../storage/core/range.ts";
import { writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { hashFile } from "../../../storage/disk/hash-file.ts";
import { verifyRange } from "../../../storage/disk/range-reader.ts";

/** A libp2p node that does not listen. */
export async function dialingNode(): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", randomBytes(32)),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  });
}

export type Source = { readonly provider: number; readonly target: ProviderTarget };

export type PieceJob = {
  readonly entry: PieceEntry;
  /** Path of the finished file; `.part` and `.ranges` beside it hold the unfinished one. */
  readonly path: string;
  /** Providers of the piece, in the order of the requests. */
  readonly sources: readonly Source[];
};

export type RetrieveScope = {
  readonly libp2p: Libp2p;
  readonly chainId: number;
  readonly group: Hex;
  readonly permission: Permission;
  /** Called with verified bytes; `kept`: they are from an earlier attempt. */
  readonly onBytes: (bytes: number, kept: boolean) => void;
  readonly signal?: AbortSignal;
};

/** `failures`: the reason of each provider that failed. */
export type PieceResult =
  | { readonly ok: true; readonly providers: readonly number[]; readonly kept: number }
  | { readonly ok: false; readonly failures: readonly string[] };

const parallelRanges = 4;
const rangeTimeout_ms = 60_000;
/** A busy provider is asked again for 30 seconds. */
const busyPause_ms = 250;
const busyTries = 120;
/** Ranges between two writes of the index: after a crash at most 64 MB are fetched again. */
const notedRanges = 32;

/** An unfinished file with an index of its verified ranges. */
class Part {
  readonly #path: string;
  readonly #entry: PieceEntry;
  readonly #have: Uint8Array;
  #file: FileHandle | undefined;
  #unnoted = 0;

  private constructor(path: string, entry: PieceEntry, have: Uint8Array) {
    this.#path = path;
    this.#entry = entry;
    this.#have = have;
  }

  static async open(path: string, entry: PieceEntry): Promise<Part> {
    await mkdir(dirname(path), { recursive: true });
    const bytes = Math.ceil(rangeCount(entry.size) / 8);
    const noted = await readFile(`${path}.ranges`).catch(() => undefined);
    const part = await stat(`${path}.part`).catch(() => undefined);
    const usable =
      noted?.length === 32 + bytes &&
      part?.size === entry.size &&
      equalBytes(noted.subarray(0, 32), entry.root);
    const own = new Part(path, entry, usable ? Uint8Array.from(noted.subarray(32)) : new Uint8Array(bytes));
    own.#file = await open(`${path}.part`, usable ? "r+" : "w+");
    if (!usable) await own.#file.truncate(entry.size);
    return own;
  }

  has(range: number): boolean {
    return (((this.#have[range >> 3] ?? 0) >> (range & 7)) & 1) === 1;
  }

  async put(range: number, bytes: Uint8Array): Promise<void> {
    await this.#file?.write(bytes, 0, bytes.length, rangePlace(this.#entry.size, range).start);
    this.#have[range >> 3] = (this.#have[range >> 3] ?? 0) | (1 << (range & 7));
    if (++this.#unnoted >= notedRanges) await this.note();
  }

  /** Writes the index; syncs the data first, so that the index never lists missing bytes. */
  async note(): Promise<void> {
    this.#unnoted = 0;
    await this.#file?.sync();
    await writeFileAtomic(`${this.#path}.ranges`, Buffer.concat([this.#entry.root, this.#have]));
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Verifies the whole file again. False: this disk damaged it, and the next attempt starts from zero. */
  async finish(): Promise<boolean> {
    await this.#file?.sync();
    await this.close();
    const { root } = await hashFile(`${this.#path}.part`);
    const whole = equalBytes(root, this.#entry.root);
    if (whole) await rename(`${this.#path}.part`, this.#path);
    await rm(`${this.#path}.ranges`, { force: true });
    return whole;
  }
}

/** True if the finished file exists and matches the root. */
export async function isThere({ path, entry }: PieceJob): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return (
    stats?.isFile() === true &&
    stats.size === entry.size &&
    equalBytes((await hashFile(path)).root, entry.root)
  );
}

/** Fetches one piece. Rejects only on a disk error or an abort; verified ranges are kept in both cases. */
export async function retrievePiece(scope: RetrieveScope, job: PieceJob): Promise<PieceResult> {
  const { entry, path, sources } = job;
  const part = await Part.open(path, entry);
  const missing: number[] = [];
  let kept = 0;
  for (let range = 0; range < rangeCount(entry.size); range++) {
    if (part.has(range)) kept += rangePlace(entry.size, range).bytes;
    else missing.push(range);
  }
  if (kept > 0) scope.onBytes(kept, true);
  const failures: string[] = [];
  const providers: number[] = [];
  try {
    for (const source of sources) {
      if (missing.length === 0) break;
      const failure = await fetchRanges({ scope, entry, part, source }, missing);
      if (failure === undefined) providers.push(source.provider);
      else failures.push(`provider ${source.provider}: ${failure}`);
    }
    if (missing.length > 0) {
      await part.note();
      return { ok: false, failures };
    }
    if (await part.finish()) return { ok: true, providers, kept };
    return {
      ok: false,
      failures: [`${path}.part was damaged on this disk; the next run fetches it again`],
    };
  } catch (error) {
    await part.note().catch(() => undefined);
    throw error;
  } finally {
    await part.close();
  }
}

type Fetching = {
  readonly scope: RetrieveScope;
  readonly entry: PieceEntry;
  readonly part: Part;
  readonly source: Source;
};

/**
 * Fetches the missing ranges from one provider, several at once, and removes them from `missing`. A range that the provider cannot
 * prove stays for the next provider; a provider that does not answer ends the attempt.
 */
async function fetchRanges(fetching: Fetching, missing: number[]): Promise<string | undefined> {
  const { scope, entry, part } = fetching;
  const waiting = missing.splice(0);
  let failure: string | undefined;
  let isOver = false;
  const worker = async (): Promise<void> => {
    for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
      scope.signal?.throwIfAborted();
      const got = isOver ? undefined : await fetchRange(fetching, range);
      if (got?.ok === true) {
        await part.put(range, got.bytes);
        scope.onBytes(rangePlace(entry.size, range).bytes, false);
        continue;
      }
      missing.push(range);
      failure ??= got?.why;
      if (got?.isFinal === true) isOver = true;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: parallelRanges }, worker));
  const thrown = ended.find((one) => one.status === "rejected");
  if (thrown !== undefined) throw thrown.reason;
  return failure;
}

type Fetched =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** `isFinal`: this provider cannot serve other ranges either. */
  | { readonly ok: false; readonly why: string; readonly isFinal: boolean };

/** The verified bytes of a range, or the reason of the failure. */
async function fetchRange({ scope, entry, source }: Fetching, range: number): Promise<Fetched> {
  const { libp2p, chainId, group, permission, signal } = scope;
  const pieceRoot = toHex(entry.root);
  const bytes = encodeRetrieveRequest({ chainId, group, pieceRoot, size: entry.size, range, ...permission });
  const call = { protocol: retrieveProtocol, bytes, maxBytes: maxRetrieveResponseBytes };
  const limits = { timeout_ms: rangeTimeout_ms, ...(signal === undefined ? {} : { signal }) };
  for (let attempt = 1; attempt <= busyTries; attempt++) {
    const received = await askProvider({ libp2p }, source.target, call, limits);
    signal?.throwIfAborted();
    if (!received.ok) return { ok: false, why: `${received.reason}: ${received.detail}`, isFinal: true };
    const decoded = decodeRetrieveResponse(received.bytes);
    if (!decoded.ok)
      return { ok: false, why: `the answer cannot be decoded (${decoded.detail})`, isFinal: true };
    const answer = decoded.value;
    if (answer.kind === "range") {
      if (verifyRange(entry, range, answer)) return { ok: true, bytes: answer.bytes };
      return { ok: false, why: `sent bytes that do not match the root ${pieceRoot}`, isFinal: false };
    }
    const why = `${answer.code}: ${answer.detail}`;
    if (answer.code !== "busy") return { ok: false, why, isFinal: answer.code !== "damaged" };
    await sleep(busyPause_ms);
  }
  return { ok: false, why: "busy for 30 s", isFinal: true };
}
