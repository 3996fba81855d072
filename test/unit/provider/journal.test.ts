import { appendFile, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openJournal, readJournal, type JournalEntry } from "../../../provider/journal.ts";
import { temporaryFolder } from "../../support/files.ts";

const committee = `0x${"c0".repeat(20)}` as const;
const group = `0x${"a1".repeat(20)}` as const;
const keeper = `0x${"b2".repeat(20)}` as const;
const refuse = (text: string): void => {
  throw new Error(text);
};

function answered(slot: number, proven = 16): Extract<JournalEntry, { kind: "answered" }> {
  const numbers = { slot, proven, askedAt: slot * 5, answeredAt: slot * 5 + 1, time_ms: 1 };
  return {
    kind: "answered",
    committee,
    group,
    keeper,
    bytesProven: "12345",
    bytesCommitted: "20000",
    lost: [],
    ...numbers,
  };
}
const served = (bytes: number): JournalEntry => {
  return { kind: "served", group, time_ms: 2, pieceRoot: keeper, range: 0, bytes };
};

describe("a provider's journal", () => {
  it("has the entries in order with totals, also for a second reader and after a restart", async () => {
    const folder = await temporaryFolder();
    expect(await readJournal(folder)).toMatchObject({ entries: [], totals: { answered: 0, servedBytes: 0 } });
    const first = await openJournal(folder, refuse);
    first.append(answered(1));
    first.append(answered(2, 9));
    expect((await readJournal(folder)).entries).toEqual([answered(1), answered(2, 9)]);
    first.close();
    const second = await openJournal(folder, refuse);
    second.append(served(700));
    const at = { committee, group, keeper, slot: 3 };
    second.append({ kind: "refused", ...at, code: "no-data", detail: "gone", time_ms: 3 });
    second.append({ kind: "repeated", ...at, time_ms: 4 });
    expect((await readJournal(folder)).totals).toEqual({
      answered: 2,
      bytesCommitted: "40000",
      bytesProven: "24690",
      whole: 1,
      repeated: 1,
      refused: 1,
      served: 1,
      servedBytes: 700,
    });
    second.close();
  });

  it("loses at most the line that a crash cut off", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "journal.jsonl");
    const first = await openJournal(folder, refuse);
    first.append(answered(1));
    first.append(answered(2));
    first.close();
    await truncate(path, (await stat(path)).size - 5);
    const second = await openJournal(folder, refuse);
    second.append(answered(3));
    second.close();
    await appendFile(path, '\n{"kind":"answered","slot":"four"}');
    expect((await readJournal(folder)).entries).toEqual([answered(1), answered(3)]);
  });

  it("has a bounded size, and keeps its totals when a file is full", async () => {
    const folder = await temporaryFolder();
    const journal = await openJournal(folder, refuse);
    const lost = Array.from({ length: 16 }, (_, i) => `piece 0 leaf ${i} left out: ${"x".repeat(60_000)}`);
    const rounds = 30;
    for (let slot = 0; slot < rounds; slot++) journal.append({ ...answered(slot, 0), lost });
    journal.close();
    const { totals, entries } = await readJournal(folder);
    expect(totals).toMatchObject({ answered: rounds, whole: 0 });
    expect(entries.length).toBeLessThan(rounds);
    expect(entries.at(-1)).toMatchObject({ slot: rounds - 1 });
    expect((await readFile(join(folder, "journal.jsonl"))).length).toBeLessThan(10 * 1024 * 1024);
  });

  it("reports once that it cannot be written, and never throws", async () => {
    const folder = await temporaryFolder();
    const said: string[] = [];
    const journal = await openJournal(folder, (text) => said.push(text));
    journal.close();
    journal.append(answered(1));
    journal.append(answered(2));
    expect(said).toEqual([expect.stringContaining("cannot be written")]);
  });
});
