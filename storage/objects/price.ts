/** How many requests an object store gets in 30 days, and how many bytes leave it: what its operator bills. */
import { leafBytes } from "../core/geometry.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { treeLayout } from "../disk/tree-file.ts";
import { partBytesOf, partCount } from "./parts.ts";
import { wantedForLeaves } from "./reads.ts";

export type Challenges = {
  /** Keepers of the committee; each asks once a slot. */
  readonly keepers: number;
  readonly slotBlocks: number;
  readonly blockTime_s: number;
};

export type Requests = { readonly reads: number; readonly writes: number; readonly bytesOut: number };

const month_s = 30 * 24 * 3_600;
/** R11. */
const leavesOfChallenge = 16;
const marksPerMonth = month_s / 60;
const listsPerMonth = 30;
const objectsPerList = 1_000;
const scrubReadBytes = 4 * 1024 * 1024;
const scrubTreeReadBytes = 512 * 1024;
/** A tree is written in parts of this size. */
const treePartBytes = 8 * 1024 * 1024;

/** Of one challenge of a list: of the leaves in the middle of 16 equal shares, those in pieces on the store. Nodes in memory are not read. */
export function challengeRequests(
  list: readonly PieceEntry[],
  isThere: (entry: PieceEntry) => boolean = () => true,
): Requests {
  const total = list.reduce((sum, { size }) => sum + size, 0);
  const leaves = new Map<PieceEntry, Set<number>>();
  for (let i = 0; i < leavesOfChallenge; i++) {
    let at = ((i + 0.5) / leavesOfChallenge) * total;
    const entry = list.find(({ size }) => (at -= size) < 0) as PieceEntry;
    const own = leaves.get(entry) ?? new Set<number>();
    leaves.set(entry, own.add(Math.floor((at + entry.size) / leafBytes)));
  }
  let [reads, bytesOut] = [0, 0];
  for (const [entry, own] of leaves) {
    if (!isThere(entry)) continue;
    for (const { kind, length } of wantedForLeaves(entry.size, [...own])) {
      if (kind === "upper") continue;
      reads++;
      bytesOut += length;
    }
  }
  return { reads, writes: 0, bytesOut };
}

export function timesAMonth(requests: Requests, times: number): Requests {
  const { reads, writes, bytesOut } = requests;
  return { reads: reads * times, writes: writes * times, bytesOut: bytesOut * times };
}

export function slotsAMonth({ slotBlocks, blockTime_s }: Challenges): number {
  return month_s / (slotBlocks * blockTime_s);
}

/** Reading every piece once; `scrubBytes` bounds the bytes. */
export function scrubRequests(pieces: readonly PieceEntry[], scrubBytes = Infinity): Requests {
  let [reads, bytesOut] = [0, 0];
  for (const { size } of pieces) {
    const { fileBytes } = treeLayout(size);
    reads += Math.ceil(size / scrubReadBytes) + Math.ceil(fileBytes / scrubTreeReadBytes);
    bytesOut += size + fileBytes;
  }
  const share = bytesOut === 0 ? 0 : Math.min(1, scrubBytes / bytesOut);
  return { reads: Math.ceil(reads * share), writes: 0, bytesOut: Math.ceil(bytesOut * share) };
}

/** The mark once a minute, and a list of all objects once a day. */
export function upkeepRequests(pieces: number): Requests {
  const writes = listsPerMonth * Math.max(1, Math.ceil((2 * pieces) / objectsPerList));
  return { reads: marksPerMonth, writes, bytesOut: 0 };
}

/** Storing pieces: parts of the bytes and of the tree, and the two ends of each upload in parts. */
export function storingRequests(pieces: readonly PieceEntry[]): Requests {
  let writes = 0;
  for (const { size } of pieces) {
    const treeParts = Math.ceil(treeLayout(size).fileBytes / treePartBytes);
    const dataParts = size > partBytesOf(size) ? partCount(size) + 2 : 1;
    writes += dataParts + (treeParts > 1 ? treeParts + 2 : 1);
  }
  return { reads: 0, writes, bytesOut: 0 };
}

export function sum(all: readonly Requests[]): Requests {
  return all.reduce(
    (total, one) => ({
      reads: total.reads + one.reads,
      writes: total.writes + one.writes,
      bytesOut: total.bytesOut + one.bytesOut,
    }),
    { reads: 0, writes: 0, bytesOut: 0 },
  );
}
