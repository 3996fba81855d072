/** Temporary folders of a test, and bytes that are the same on every run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new folder, removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export type SharedFolder = { readonly folder: string; readonly remove: () => Promise<void> };

/** The same, for a hook that several tests share: the caller removes it. */
export async function sharedFolder(): Promise<SharedFolder> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-test-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Numbers in [0, 2^32) from a seed (xorshift32): a test draws the same numbers on every run. */
export function seededNumbers(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** `count` bytes that depend on the seed alone; no two kilobytes are alike. */
export function seededBytes(count: number, seed: number): Uint8Array {
  const next = seededNumbers(seed);
  const out = new Uint8Array(count);
  const view = new DataView(out.buffer);
  let at = 0;
  for (; at + 4 <= count; at += 4) view.setUint32(at, next());
  for (; at < count; at++) out[at] = next();
  return out;
}
