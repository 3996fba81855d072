/**
 * The provider's journal, one JSON object a line: challenges answered or refused with the reason, and ranges served to payers. Other
 * processes may read the file while the daemon writes. A full file is renamed to `journal.jsonl.1`, and the new file begins with the totals.
 */
import { appendFileSync, closeSync, openSync, renameSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Hex } from "../protocol/hash.ts";

const hex = z.string().regex(/^0x[0-9a-f]*$/) as z.ZodType<Hex>;
const count = z.int().min(0);
const bytes = z.string().regex(/^\d{1,40}$/);
const common = { time_ms: count, group: hex };
/** Slots of a committee: they have the committee's numbers. */
const challenge = { ...common, committee: hex, keeper: hex, slot: count };

const totals = z.strictObject({
  kind: z.literal("totals"),
  answered: count,
  whole: count,
  bytesProven: bytes,
  bytesCommitted: bytes,
  repeated: count,
  refused: count,
  served: count,
  servedBytes: count,
});
const entry = z.discriminatedUnion("kind", [
  z.strictObject({
    ...challenge,
    kind: z.literal("answered"),
    /** Leaves proven, of 16. */
    proven: count,
    bytesProven: bytes,
    /** In the slot. */
    bytesCommitted: bytes,
    /** The provider's head when the challenge arrived and when the answer left. */
    askedAt: count,
    answeredAt: count,
    /** Why leaves are missing. */
    lost: z.array(z.string()),
  }),
  z.strictObject({ ...challenge, kind: z.literal("repeated") }),
  z.strictObject({ ...challenge, kind: z.literal("refused"), code: z.string(), detail: z.string() }),
  z.strictObject({ ...common, kind: z.literal("served"), pieceRoot: hex, range: count, bytes: count }),
]);
const line = z.union([totals, entry]);

export type JournalEntry = z.output<typeof entry>;
export type JournalTotals = Omit<z.output<typeof totals>, "kind">;

const none: JournalTotals = {
  answered: 0,
  whole: 0,
  bytesProven: "0",
  bytesCommitted: "0",
  repeated: 0,
  refused: 0,
  served: 0,
  servedBytes: 0,
};
/** Size of one of the two files; together they hold about 80,000 challenges. */
const maxFileBytes = 8 * 1024 * 1024;
const sampleLeaves = 16;

function paths(dataDir: string): { now: string; before: string } {
  const now = join(dataDir, "journal.jsonl");
  return { now, before: `${now}.1` };
}

function plus(a: string, b: string): string {
  return String(BigInt(a) + BigInt(b));
}

function added(sums: JournalTotals, one: JournalEntry): JournalTotals {
  switch (one.kind) {
    case "answered": {
      const isWhole = one.proven === sampleLeaves ? 1 : 0;
      return {
        ...sums,
        answered: sums.answered + 1,
        whole: sums.whole + isWhole,
        bytesProven: plus(sums.bytesProven, one.bytesProven),
        bytesCommitted: plus(sums.bytesCommitted, one.bytesCommitted),
      };
    }
    case "repeated":
      return { ...sums, repeated: sums.repeated + 1 };
    case "refused":
      return { ...sums, refused: sums.refused + 1 };
    case "served":
      return { ...sums, served: sums.served + 1, servedBytes: sums.servedBytes + one.bytes };
  }
}

/** Undefined for a line that a crash cut off or that has another form. */
function parsed(text: string): z.output<typeof line> | undefined {
  try {
    const result = line.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

async function linesOf(path: string): Promise<z.output<typeof line>[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .split("\n")
    .map(parsed)
    .filter((one) => one !== undefined);
}

export type Journal = { readonly totals: JournalTotals; readonly entries: readonly JournalEntry[] };

/** Totals since the first start, and the entries of both files, oldest first. */
export async function readJournal(dataDir: string): Promise<Journal> {
  const { now, before } = paths(dataDir);
  const lines = await linesOf(now);
  let sums = none;
  const entries: JournalEntry[] = [];
  for (const one of lines) {
    if (one.kind === "totals") {
      const { kind: _, ...values } = one;
      sums = values;
    } else {
      entries.push(one);
      sums = added(sums, one);
    }
  }
  const older = (await linesOf(before)).filter((one) => one.kind !== "totals");
  return { totals: sums, entries: [...older, ...entries] };
}

export type JournalWriter = {
  /** Written when it returns, so a killed daemon loses no entry. Never throws: the provider answers with a full disk too. */
  append(one: JournalEntry): void;
  /** Since the first start. */
  readonly totals: JournalTotals;
  close(): void;
};

/** Calls `onError` once, at the first write that fails. */
export async function openJournal(dataDir: string, onError: (text: string) => void): Promise<JournalWriter> {
  const { now, before } = paths(dataDir);
  let { totals: sums } = await readJournal(dataDir);
  let file = openSync(now, "a");
  let size = statSync(now).size;
  const write = (one: JournalEntry | z.output<typeof totals>): void => {
    // The leading newline ends a line that a crash cut off.
    const text = `\n${JSON.stringify(one)}`;
    appendFileSync(file, text);
    size += Buffer.byteLength(text);
  };
  const rotate = (): void => {
    closeSync(file);
    renameSync(now, before);
    file = openSync(now, "a");
    size = 0;
    write({ kind: "totals", ...sums });
  };
  let isBroken = false;
  return {
    get totals() {
      return sums;
    },
    append(one) {
      try {
        if (size > maxFileBytes) rotate();
        write(one);
        sums = added(sums, one);
      } catch (error) {
        if (!isBroken) onError(`${now}: cannot be written: ${(error as Error).message}`);
        isBroken = true;
      }
    },
    close: () => closeSync(file),
  };
}
