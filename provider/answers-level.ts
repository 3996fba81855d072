/** AnswerStore on level: synchronous writes, and level's lock lets one process open it. */
import { Level } from "level";
import { DiskFullError, isDiskFull, namingFullDisk } from "../storage/disk/disk-full.ts";
import { StoreError } from "../storage/disk/store.ts";
import { ByteWriter, decode, toHex } from "../storage/core/bytes.ts";
import { seedBytes } from "../protocol/codec/receipt.ts";
import { maxChallengeResponseBytes } from "../protocol/codec/challenge.ts";
import { fromHex } from "../protocol/hash.ts";
import type { AnswerKey, AnswerStore, StoredAnswer } from "./ports.ts";

const format = 1;
const maxValueBytes = 1 + 32 + seedBytes + 4 + maxChallengeResponseBytes;

/** Another process has opened the answers. */
export class AnswersInUseError extends Error {
  override readonly name = "AnswersInUseError";
}

export async function openAnswers(dir: string): Promise<AnswerStore & { close(): Promise<void> }> {
  const db = new Level<string, Uint8Array>(dir, { keyEncoding: "utf8", valueEncoding: "view" });
  try {
    await db.open();
  } catch (error) {
    const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
    if (cause?.code === "LEVEL_LOCKED") {
      throw new AnswersInUseError(
        `${dir}: in use; another provider runs with this data folder: stop it first`,
      );
    }
    if (isDiskFull(error)) throw new DiskFullError(dir, { cause: error });
    const reason = cause?.message ?? (error as Error).message;
    throw new StoreError(
      `${dir}: cannot be opened: ${reason}; restore the folder, or move it away: the provider then makes the answers again`,
    );
  }
  return {
    async get(key) {
      const value = await db.get(keyText(key));
      return value && decodeAnswer(value);
    },
    put: (key, answer) =>
      namingFullDisk(dir, () => db.put(keyText(key), encodeAnswer(answer), { sync: true })),
    async prune(group, slot) {
      if (slot > 0) await db.clear({ gte: slotText(group, 0), lt: slotText(group, slot) });
    },
    close: () => db.close(),
  };
}

function slotText(group: string, slot: number): string {
  return `${group}/${String(slot).padStart(16, "0")}`;
}

function keyText({ group, slot, provider, keeper }: AnswerKey): string {
  return `${slotText(group, slot)}/${provider}/${keeper}`;
}

function encodeAnswer({ blockHash, seed, response }: StoredAnswer): Uint8Array {
  return new ByteWriter()
    .u8(format)
    .bytes(fromHex(blockHash), 32)
    .bytes(seed, seedBytes)
    .u32(response.length)
    .bytes(response)
    .finish();
}

/** Undefined for a damaged value. The new answer has the same bytes, unless data was lost since. */
function decodeAnswer(value: Uint8Array): StoredAnswer | undefined {
  const decoded = decode(value, maxValueBytes, (reader) => {
    if (reader.u8("format") !== format) reader.fail("version", "unknown format of a stored answer");
    const blockHash = toHex(reader.bytes(32, "block hash"));
    const seed = reader.bytes(seedBytes, "seed");
    return { blockHash, seed, response: reader.bytes(reader.u32("length"), "response") };
  });
  return decoded.ok ? decoded.value : undefined;
}
