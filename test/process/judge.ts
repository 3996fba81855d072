/**
 * Checks a fleet's run by chain events, sent messages and disks, not by what a keeper reports about itself.
 */
import { expect } from "vitest";
import { complaintsAbout } from "../../scripts/demo/check.ts";
import { readBack } from "../../scripts/demo/readback.ts";
import type { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { acknowledgedBy, canonicalText, partialsHeard } from "../support/fleet/traces.ts";
import type { Acknowledged, HeardPartial } from "../support/fleet/traces.ts";

/** S1 to S3 with R5 to R7, R25, R27, R29 and R30, and S4: providers that hold all data are paid in full. */
export async function judgeChain(fleet: FaultFleet): Promise<void> {
  const { provider, rpc, group } = fleet.chain;
  const logs = await fleet.logs();
  const challenges = { asked: 0, passed: 0, whole: 0, partial: 0, failed: 0 };
  const { document, evidence } = await readBack(provider, { rpc, group, logs, challenges });
  expect(complaintsAbout(document, evidence)).toEqual([]);
  expect(document.settlements.length).toBeGreaterThan(0);
}

/** S5: over all sent messages, one digest for each keeper, interval and turn. */
export function judgeSignatures(partials: readonly HeardPartial[]): void {
  const digests = new Map<string, string>();
  for (const { keeper, ts, turn, digest } of partials) {
    const key = `keeper ${keeper}, ts ${ts}, turn ${turn}`;
    expect(digest, key).toBe(digests.get(key) ?? digest);
    digests.set(key, digest);
  }
  expect(digests.size).toBeGreaterThan(0);
}

type Kept = { readonly records: ReadonlyMap<string, string>; readonly notes: ReadonlyMap<string, string> };

/** Acknowledged writes for the slots and turns from `ts` on; the later of two writes of one key counts. */
function keptOf(acknowledged: readonly Acknowledged[], ts: number, firstSlot: number): Kept {
  const records = new Map<string, string>();
  const notes = new Map<string, string>();
  for (const one of acknowledged) {
    if (one.kind === "note" && one.ts >= ts) notes.set(`${one.ts}/${one.turn}`, one.digest);
    if (one.kind === "record" && one.slot >= firstSlot) records.set(`${one.provider}/${one.slot}`, one.text);
  }
  return { records, notes };
}

/** S6, after all keepers have ended: every acknowledged write that was not pruned is on the disk. */
async function judgeDisk(fleet: FaultFleet, index: number, ts: number): Promise<number> {
  const firstSlot = Math.floor((ts - fleet.origin) / fleet.params.slot);
  const expected = keptOf(await acknowledgedBy(fleet.traces(index)), ts, firstSlot);
  const stored = await fleet.stored(index);
  const records = new Map(
    stored.records
      .filter(({ slot }) => slot >= firstSlot)
      .map((record) => [`${record.provider}/${record.slot}`, canonicalText(record)]),
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

/** S1 to S6 at the end of a fleet's run. Ends its keepers; returns the number of checked settlements. */
export async function judgeLife(fleet: FaultFleet, otherTraces: readonly string[] = []): Promise<number> {
  await judgeChain(fleet);
  const settlements = await fleet.settlements();
  const last = settlements.at(-1);
  await fleet.endKeepers();
  const folders = [...Array.from({ length: fleet.size }, (_, i) => fleet.traces(i)), ...otherTraces];
  judgeSignatures((await Promise.all(folders.map(partialsHeard))).flat());
  // One settled interval stays on disk, in case a reorg removes its settlement.
  let found = 0;
  for (let index = 0; index < fleet.size; index++) found += await judgeDisk(fleet, index, last?.ts ?? 0);
  expect(found).toBeGreaterThan(0);
  return settlements.length;
}
