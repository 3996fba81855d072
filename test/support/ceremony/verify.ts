/** Verifies bytes in memory as the files of one ceremony. */
import { blake2b } from "@noble/hashes/blake2.js";
import { verifyCeremony } from "../../../ceremony/readers.ts";
import type { Depth } from "../../../ceremony/powers-of-tau/chain.ts";
import type { CeremonyReport } from "../../../ceremony/report.ts";
import { sourceOf } from "./bytes-source.ts";

export type NamedBytes = readonly [name: string, bytes: Uint8Array];

export function verifyBytes(files: readonly NamedBytes[], depth: Depth = "points"): Promise<CeremonyReport> {
  const sources = files.map(([name, bytes]) => sourceOf(name, bytes));
  return verifyCeremony(sources, { depth, tools: { createHash: () => blake2b.create({ dkLen: 64 }) } });
}

/** Names of the checks that failed, of each contribution. */
export function failedChecks({ contributions }: CeremonyReport): readonly (readonly string[])[] {
  return contributions.map(({ checks }) =>
    Object.entries(checks).flatMap(([check, holds]) => (holds ? [] : [check])),
  );
}

/** Bytes with others at an offset. */
export function replaced(bytes: Uint8Array, start: number, others: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  out.set(others, start);
  return out;
}
