/**
 * Checks a fleet's run by chain events, sent messages and disks, not by what a keeper reports about itself.
 */
import { expect } from "vitest";
import { readRun } from "../support/fleet/chain-run.ts";
import type { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { acknowledgedBy, canonicalText, partialsHeard } from "../support/fleet/traces.ts";
import type { Acknowledged, HeardPartial } from "../support/fleet/traces.ts";
import { complaintsAbout } from "./rules/index.ts";

/** S1 to S3 with R5 to R7, R25 to R30 and R38, and S4: providers that hold all data are paid in full. */
async function judgeChain(fleet: FaultFleet): Promise<void> {
  const run = await readRun(fleet.chain.committee);
  expect(complaintsAbout(run)).toEqual([]);
  expect(run.certificates.length).toBeGreaterThan(0);
  for (const { settlements, number } of run.groups)
    expect(settlements.length, `settlements of group ${number}`).toBeGreaterThan(0);
}

/** S5: over all sent messages, one digest for each committee, keeper, interval and turn. */
export function judgeSignatures(partials: readonly HeardPartial[]): void {
  const digests = new Map<string, string>();
  for (const { committee, keeper, ts, turn, digest } of partials) {
    const key = `committee ${committee}, keeper ${keeper}, ts ${ts}, turn ${turn}`;
    expect(digest, key).toBe(digests.get(key) ?? digest);
    digests.set(key, digest);
  }
  expect(digests.size).toBeGreaterThan(0);
}

type Kept = { readonly records: ReadonlyMap<string, string>; readonly notes: ReadonlyMap<string, string> };

const recordKey = (one: {
  readonly group: number;
  readonly provider: number;
  readonly slot: number;
}): string => `${one.group}/${one.provider}/${one.slot}`;

/** Acknowledged writes for the slots and turns from `ts` on; the later of two writes of one key counts. */
function keptOf(acknowledged: readonly Acknowledged[], ts: number, firstSlot: number): Kept {
  const records = new Map<string, string>();
  const notes = new Map<string, string>();
  for (const one of acknowledged) {
    if (one.kind === "note" && one.ts >= ts) notes.set(`${one.ts}/${one.turn}`, one.digest);
    if (one.kind === "record" && one.slot >= firstSlot) records.set(recordKey(one), one.text);
  }
  return { records, notes };
}

/** S6, after all keepers have ended: every acknowledged write that was not pruned is on the disk. */
async function judgeDisk(fleet: FaultFleet, index: number, ts: number): Promise<number> {
  const firstSlot = Math.floor((ts - fleet.origin) / fleet.params.slot);
  const acknowledged = await acknowledgedBy(fleet.traces(index));
  const own = acknowledged.filter(({ committee }) => committee === fleet.committee);
  const expected = keptOf(own, ts, firstSlot);
  const stored = await fleet.stored(index);
  const records = new Map(
    stored.records
      .filter(({ slot }) => slot >= firstSlot)
      .map((record) => [recordKey(record), canonicalText(record)]),
  );
  const notes = new Map(
    stored.notes.filter((note) => note.ts >= ts).map((note) => [`${note.ts}/${note.turn}`, note.digest]),
  );
  for (const [key, text] of expected.records)
    expect({ index, key, text: records.get(key) }).toEqual({ index, key, text });
  for (const [key, digest] of expected.notes)
    expect({ index, key, digest: notes.get(key) }).toEqual({ index, key, digest });
  return expected.records.size;
}

/** S1 to S6 at the end of a fleet's run. Ends its keepers; returns the number of checked certificates. */
export async function judgeLife(fleet: FaultFleet, otherTraces: readonly string[] = []): Promise<number> {
  await judgeChain(fleet);
  const certificates = await fleet.certificates();
  const last = certificates.at(-1);
  await fleet.endKeepers();
  const folders = [...Array.from({ length: fleet.size }, (_, i) => fleet.traces(i)), ...otherTraces];
  judgeSignatures((await Promise.all(folders.map(partialsHeard))).flat());
  // One certified interval stays on disk, in case a reorg removes its certificate.
  let found = 0;
  for (let index = 0; index < fleet.size; index++) found += await judgeDisk(fleet, index, last?.ts ?? 0);
  expect(found).toBeGreaterThan(0);
  return certificates.length;
}
