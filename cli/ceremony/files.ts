/** Files of a running ceremony that are computed: the first challenge, the one after a response, and the response of a beacon. */
import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { curves } from "../../ceremony/curves.ts";
import { openPowersOfTau } from "../../ceremony/powers-of-tau/open.ts";
import { verifyChain } from "../../ceremony/powers-of-tau/chain.ts";
import type { Depth } from "../../ceremony/powers-of-tau/chain.ts";
import { eachBeaconBlock } from "../../ceremony/powers-of-tau/contribute.ts";
import { eachDerivedBlock, initialBlocks } from "../../ceremony/powers-of-tau/point-stream.ts";
import type { Sink, Tools } from "../../ceremony/powers-of-tau/point-stream.ts";
import type { Accumulator } from "../../ceremony/powers-of-tau/point-reader.ts";
import { CeremonyFileError } from "../../ceremony/report.ts";
import type { CeremonySource } from "../../ceremony/report.ts";
import type { Definition } from "../../ceremony/running/definition.ts";
import type { FileHashes } from "../../ceremony/running/entries.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { syncPath } from "../../storage/disk/atomic-write.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { openFiles } from "../inspect/ceremony-files.ts";
import { pointThreads } from "../inspect/ceremony-threads.ts";

/** The tools of the readers, with all cores. */
export function ceremonyTools(onProgress?: Tools["onProgress"]): Tools {
  return { createHash: () => createHash("blake2b512"), workers: pointThreads(), onProgress };
}

const numbered = (kind: string, index: number): string => `${kind}_${String(index).padStart(4, "0")}`;
export const challengeName = (index: number): string => numbered("challenge", index);
export const responseName = (index: number): string => numbered("response", index);

/** Writes a file as a whole: nobody sees it before all of its bytes are on the disk. */
async function writeWhole(path: string, work: (sink: Sink) => Promise<void>): Promise<void> {
  const temporary = `${path}.part`;
  const file = await open(temporary, "w");
  try {
    await work(async (bytes) => {
      for (let done = 0; done < bytes.length;)
        done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
    });
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(dirname(path));
}

/** Runs `work` with files open as sources. */
export async function withFiles<T>(
  paths: readonly string[],
  work: (sources: readonly CeremonySource[]) => Promise<T>,
): Promise<T> {
  const files = await openFiles(paths);
  try {
    // The names go into the log, where the organiser's folders say nothing.
    return await work(files.sources.map((source) => ({ ...source, name: basename(source.name) })));
  } finally {
    await files.close();
  }
}

async function accumulator(source: CeremonySource | undefined): Promise<Accumulator> {
  const [only] = source === undefined ? [] : await openPowersOfTau(source);
  if (only === undefined) throw new RangeError("expected one challenge or response");
  return only;
}

export async function writeFirstChallenge(path: string, { curve, power }: Definition): Promise<FileHashes> {
  await writeWhole(path, async (sink) => {
    for (const block of initialBlocks({ curve: curves[curve], power }, ceremonyTools())) await sink(block);
  });
  return hashFileOnce(path);
}

/** @param hash BLAKE2b-512 of the response */
export async function writeNextChallenge(
  path: string,
  { response, hash }: { readonly response: string; readonly hash: Hex },
  tools: Tools,
): Promise<FileHashes> {
  await withFiles([response], async ([source]) => {
    const from = await accumulator(source);
    await writeWhole(path, (sink) =>
      eachDerivedBlock(from, { kind: "challenge", head: fromHex(hash) }, sink, tools),
    );
  });
  return hashFileOnce(path);
}

/** @param hash BLAKE2b-512 of the challenge @param seed the beacon's value, hashed as announced */
export async function writeBeaconResponse(
  path: string,
  { challenge, hash, seed }: { readonly challenge: string; readonly hash: Hex; readonly seed: Uint8Array },
  tools: Tools,
): Promise<FileHashes> {
  await withFiles([challenge], async ([source]) => {
    const from = await accumulator(source);
    await writeWhole(path, (sink) =>
      eachBeaconBlock(from, { seed, challengeHash: fromHex(hash) }, sink, tools),
    );
  });
  return hashFileOnce(path);
}

export type ResponseVerdict =
  | { readonly ok: true; readonly checks: Readonly<Record<string, true>> }
  | { readonly ok: false; readonly failed: readonly string[]; readonly reason: string };

/** Checks a response against the challenge that it answers; a file that is no response fails the check `format`. */
export async function verifyResponse(
  paths: { readonly challenge: string; readonly response: string },
  tools: Tools,
  depth: Depth = "points",
): Promise<ResponseVerdict> {
  return withFiles([paths.challenge, paths.response], async ([challenge, response]) => {
    try {
      const files = [await accumulator(challenge), await accumulator(response)];
      if (files[1]?.layout.kind !== "response")
        return { ok: false, failed: ["format"], reason: "expected a response, actual another file" };
      const report = await verifyChain(files, { depth, tools });
      const checks = report.contributions[0]?.checks ?? {};
      if (report.ok) {
        const held = Object.keys(checks).map((name) => [name, true] as const);
        return { ok: true, checks: Object.fromEntries(held) };
      }
      const failed = Object.keys(checks).filter((name) => !checks[name]);
      return { ok: false, failed, reason: report.problems[0] ?? "a check does not hold" };
    } catch (error) {
      if (!(error instanceof CeremonyFileError)) throw error;
      return { ok: false, failed: ["format"], reason: error.message };
    }
  });
}
