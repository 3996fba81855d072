/** AnswerStore on level: synchronous writes, and level's lock lets one process open it. */
import { namingFullDisk } from "../storage/disk/disk-full.ts";
import { ByteWriter, decode, toHex } from "../storage/core/bytes.ts";
import { receiptBytes, seedBytes } from "../protocol/codec/receipt.ts";
import { fromHex } from "../protocol/hash.ts";
import { maxProofBytes } from "../storage/core/proof.ts";
import { openLevel } from "./open-level.ts";
import type { AnswerKey, AnswerStore, StoredAnswer } from "./ports.ts";

const format = 2;
const maxValueBytes = 1 + 32 + seedBytes + receiptBytes + 4 + maxProofBytes;

export async function openAnswers(dir: string): Promise<AnswerStore & { close(): Promise<void> }> {
  const db = await openLevel(dir, {
    remedy: "restore the folder, or move it away: the provider then makes the answers again",
  });
  return {
    async get(keys) {
      const values = await db.getMany(keys.map(keyText));
      return values.map((value) => (value === undefined ? undefined : decodeAnswer(value)));
    },
    async put(answers) {
      const batch = answers.map(({ key, answer }) => {
        return { type: "put" as const, key: keyText(key), value: encodeAnswer(answer) };
      });
      await namingFullDisk(dir, () => db.batch(batch, { sync: true }));
    },
    async prune(committee, slot) {
      if (slot > 0) await db.clear({ gte: slotText(committee, 0), lt: slotText(committee, slot) });
    },
    close: () => db.close(),
  };
}

function slotText(committee: string, slot: number): string {
  return `${committee}/${String(slot).padStart(16, "0")}`;
}

function keyText({ committee, slot, group, provider, keeper }: AnswerKey): string {
  return `${slotText(committee, slot)}/${group}/${provider}/${keeper}`;
}

function encodeAnswer({ blockHash, seed, receipt, proof }: StoredAnswer): Uint8Array {
  return new ByteWriter()
    .u8(format)
    .bytes(fromHex(blockHash), 32)
    .bytes(seed, seedBytes)
    .bytes(receipt, receiptBytes)
    .u32(proof.length)
    .bytes(proof)
    .finish();
}

/** Undefined for a damaged value. The new answer has the same bytes, unless data was lost since. */
function decodeAnswer(value: Uint8Array): StoredAnswer | undefined {
  const decoded = decode(value, maxValueBytes, (reader) => {
    if (reader.u8("format") !== format) reader.fail("version", "unknown format of a stored answer");
    const blockHash = toHex(reader.bytes(32, "block hash"));
    const seed = reader.bytes(seedBytes, "seed");
    const receipt = reader.bytes(receiptBytes, "receipt");
    return { blockHash, seed, receipt, proof: reader.bytes(reader.u32("length"), "proof") };
  });
  return decoded.ok ? decoded.value : undefined;
}
