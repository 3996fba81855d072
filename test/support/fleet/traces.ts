/** Files that a keeper of a fault test writes for the judge: writes that its disk acknowledged, and signatures that it sent. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeMessage } from "../../../protocol/codec/message.ts";
import type { Write } from "../../../keeper/core/effects.ts";
import type { Hex } from "../../../protocol/hash.ts";

export type KeeperPlan = {
  /** Traces go here. */
  readonly folder: string;
  /** By what address this keeper reaches what others have registered; one that is not listed it reaches directly. */
  readonly links: Readonly<Record<string, string>>;
};

export const acknowledgedFile = "acknowledged.jsonl";
export const partialsFile = "partials.log";

export type AcknowledgedRecord = {
  readonly kind: "record";
  readonly committee: Hex;
  /** The group's number in the committee. */
  readonly group: number;
  readonly provider: number;
  readonly slot: number;
  readonly text: string;
};
export type AcknowledgedNote = {
  readonly kind: "note";
  readonly committee: Hex;
  readonly ts: number;
  readonly turn: number;
  readonly digest: string;
};
export type Acknowledged = AcknowledgedRecord | AcknowledgedNote;

/** A value as one text, so that two values can be compared. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? `${part}n` : part));
}

export function encodeAcknowledged(committee: Hex, write: Write): string | undefined {
  if (write.kind === "note") {
    const { ts, turn, digest } = write;
    return JSON.stringify({ kind: "note", committee, ts, turn, digest } satisfies AcknowledgedNote);
  }
  if (write.kind !== "record") return undefined;
  const { group, provider, slot } = write.record;
  const text = canonicalText(write.record);
  const record: AcknowledgedRecord = { kind: "record", committee, group, provider, slot, text };
  return JSON.stringify(record);
}

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  // The last line of a killed process may be torn.
  return text.split("\n").slice(0, -1);
}

export async function acknowledgedBy(folder: string): Promise<Acknowledged[]> {
  const lines = await linesOf(join(folder, acknowledgedFile));
  return lines.map((line) => JSON.parse(line) as Acknowledged);
}

export type HeardPartial = {
  readonly committee: Hex;
  readonly keeper: number;
  readonly ts: number;
  readonly turn: number;
  readonly digest: string;
  readonly bytes: Uint8Array;
};

/** Every signature on a certificate that a keeper sent or heard. */
export async function partialsHeard(folder: string): Promise<HeardPartial[]> {
  const lines = await linesOf(join(folder, partialsFile));
  return lines.flatMap((line) => {
    const bytes = Buffer.from(line, "hex");
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.body.kind !== "partial") return [];
    const { committee, keeper, body } = decoded.value;
    return [{ committee, keeper, ts: body.round.ts, turn: body.round.turn, digest: body.digest, bytes }];
  });
}
