/** Records and writes that differ in every slot, for tests of stores. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { toHex } from "../../protocol/hash.ts";
import type { Write } from "../../keeper/core/effects.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";
import { seededBytes } from "./files.ts";

/** A group, or a committee where a test needs one address alone. */
export const storeGroup: Hex = `0x${"c3".repeat(20)}`;
/** `storeGroup` in a committee. */
export const storeServed = { committee: `0x${"c0".repeat(20)}`, group: storeGroup } as const;

export const hashOf = (number: number): Hex => toHex(seededBytes(32, number));

export function provenRecord(slot: number, provider = 0): ChallengeRecord {
  const outcome = { kind: "proven", bytes: 2n ** 70n + BigInt(slot), receiptHash: hashOf(slot + 1) } as const;
  return { group: 1, provider, slot, blockHash: hashOf(slot), outcome };
}

export function failedRecord(slot: number, provider = 0): ChallengeRecord {
  return { group: 1, provider, slot, blockHash: hashOf(slot), outcome: { kind: "failed", reason: "late" } };
}

export function writeOf(slot: number, provider = 0): Extract<Write, { kind: "record" }> {
  return {
    kind: "record",
    record: provenRecord(slot, provider),
    receipt: seededBytes(194, slot),
    seed: seededBytes(48, slot + 1),
    proof: seededBytes(5_000, slot + 2),
  };
}

/** Starts the endless writer and kills it (kill -9) after `count` writes. Returns the slots that were acknowledged. */
export async function killedWriter(kind: "store" | "ledger", path: string, count: number): Promise<number[]> {
  const script = fileURLToPath(new URL("./writer-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script, kind, path], { stdio: ["ignore", "pipe", "inherit"] });
  const slots: number[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    slots.push(Number(line));
    if (slots.length === count) child.kill("SIGKILL");
  });
  const [[, signal]] = await Promise.all([once(child, "exit"), once(lines, "close")]);
  if (signal !== "SIGKILL") throw new Error(`the writer ended by itself after ${slots.length} writes`);
  return slots;
}
