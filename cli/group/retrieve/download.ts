/** Fetches pieces from providers over libp2p: each range is verified on arrival and kept for the next attempt. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { askProvider } from "../../../keeper/adapters/libp2p/provider.ts";
import {
  maxRetrieveResponseBytes,
  retrieveProtocol,
  decodeRetrieveResponse,
  encodeRetrieveRequest,
} from "../../../protocol/codec/retrieve.ts";
import type { RetrievedRange } from "../../../protocol/codec/retrieve.ts";
import type { Permission } from "../../../protocol/codec/permission.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { countBuffersAsHeap } from "../../../daemon/buffer-memory.ts";
import { muxer } from "../../../daemon/peers/muxer.ts";
import type { Locator } from "../../../daemon/peers/relay/locator.ts";
import { RelayedTransport } from "../../../daemon/peers/relay/transport.ts";
import type { ProviderTarget } from "../../../keeper/ports/provider.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { rangeCount, rangePlace } from "../../../storage/core/range.ts";
import { hashedBytes } from "../../../storage/disk/range-hashes.ts";
import { leadsToRoot } from "../../../storage/disk/range-reader.ts";
import { PartialFile } from "./partial-file.ts";

/** A libp2p node that does not listen. @param key 32 bytes of which its peer id follows; default: a new one */
export async function dialingNode(key: Uint8Array = randomBytes(32)): Promise<Libp2p> {
  countBuffersAsHeap();
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", key),
    transports: [tcp(), new RelayedTransport().transport()],
    connectionEncrypters: [noise()],
    // A whole answer is on its way while the one before it is read.
    streamMuxers: [muxer({ windowBytes: maxRetrieveResponseBytes })],
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
  /** Finds providers that are not at their registered addresses. */
  readonly locator?: Locator;
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

/** Fetches one piece. Rejects only on a disk error or an abort; verified ranges are kept in both cases. */
export async function retrievePiece(scope: RetrieveScope, job: PieceJob): Promise<PieceResult> {
  const { entry, path, sources } = job;
  const part = await PartialFile.open(path, entry);
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
  readonly part: PartialFile;
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

/** A range of a piece from one provider. */
export type RangeFetch = {
  readonly scope: Omit<RetrieveScope, "onBytes">;
  readonly entry: PieceEntry;
  readonly source: Pick<Source, "target">;
};

/** The verified bytes of a range, or the reason of the failure. */
export async function fetchRange(fetch: RangeFetch, range: number): Promise<Fetched> {
  const { entry } = fetch;
  const got = await askRange(fetch, range);
  if (!got.ok) return got;
  const hashed = await hashedBytes(got.range.bytes);
  if (leadsToRoot(entry, range, { ...hashed, siblings: got.range.siblings })) {
    return { ok: true, bytes: hashed.bytes };
  }
  return { ok: false, why: `sent bytes that do not match the root ${toHex(entry.root)}`, isFinal: false };
}

type Answered = { readonly ok: true; readonly range: RetrievedRange } | Extract<Fetched, { ok: false }>;

/** A range as the provider sends it, not yet verified, or the reason of the failure. */
export async function askRange({ scope, entry, source }: RangeFetch, range: number): Promise<Answered> {
  const { libp2p, locator, chainId, group, permission, signal } = scope;
  const caller = { libp2p, ...(locator === undefined ? {} : { locator }) };
  const pieceRoot = toHex(entry.root);
  const bytes = encodeRetrieveRequest({ chainId, group, pieceRoot, size: entry.size, range, ...permission });
  const call = { protocol: retrieveProtocol, bytes, maxBytes: maxRetrieveResponseBytes };
  const limits = { timeout_ms: rangeTimeout_ms, ...(signal === undefined ? {} : { signal }) };
  for (let attempt = 1; attempt <= busyTries; attempt++) {
    const received = await askProvider(caller, source.target, call, limits);
    signal?.throwIfAborted();
    if (!received.ok) return { ok: false, why: `${received.reason}: ${received.detail}`, isFinal: true };
    const decoded = decodeRetrieveResponse(received.bytes);
    if (!decoded.ok)
      return { ok: false, why: `the answer cannot be decoded (${decoded.detail})`, isFinal: true };
    const answer = decoded.value;
    if (answer.kind === "range") return { ok: true, range: answer };
    const why = `${answer.code}: ${answer.detail}`;
    if (answer.code !== "busy") return { ok: false, why, isFinal: answer.code !== "damaged" };
    await sleep(busyPause_ms, undefined, signal === undefined ? {} : { signal });
  }
  return { ok: false, why: "busy for 30 s", isFinal: true };
}
