/** Questions between keepers over a stream: missing messages of a turn, and records of an exchange (R22, R24). */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import type { OpenedLeaf } from "../messages.ts";
import type { ProviderName } from "../records.ts";
import { readOpened, writeOpened } from "./leaves.ts";
import { maxMessageBytes } from "./message.ts";

/** The kinds of questions, each a stream protocol of its own. */
export type Question = "pull" | "records" | "page" | "pieces" | "certificate";

/** From version 2 on a question names a committee. */
const questionVersion = 2;

export const maxQuestionBytes = 64 * 1024;
export const maxReplyBytes = 1024 * 1024;
/** Bytes of a hash prefix that identifies a message which the asking keeper has. */
const prefixBytes = 8;
/** Largest number of prefixes in one question. */
export const maxHave = Math.floor((maxQuestionBytes - 64) / prefixBytes);
/** Leaves in one reply. The next question starts at the next slot, so the fetch resumes after a broken stream. */
export const maxLeavesPerReply = 64;

export type PullQuestion = {
  /** Address of the committee's contract, here and below. */
  readonly committee: Hex;
  readonly ts: number;
  readonly turn: number;
  /** Prefixes of the hashes of messages that the asking keeper has. */
  readonly have: readonly Hex[];
};

export type RecordsQuestion = ProviderName & {
  readonly committee: Hex;
  readonly root: Hex;
  readonly fromSlot: number;
};

/** R17, R24: asks for the page of values or pinned records with this hash. */
export type PageQuestion = { readonly committee: Hex; readonly page: Hex };

export function hashPrefix(hash: Hex): Hex {
  return hash.slice(0, 2 + prefixBytes * 2) as Hex;
}

export function encodePull(q: PullQuestion): Uint8Array {
  const w = new ByteWriter().u8(questionVersion).hex(q.committee, 20).u64(q.ts).u32(q.turn);
  w.u32(q.have.length);
  for (const prefix of q.have) w.hex(prefix, prefixBytes);
  return w.finish();
}

export function decodePull(bytes: Uint8Array): Result<PullQuestion, DecodeCode> {
  return decode(bytes, maxQuestionBytes, (r) => {
    const version = r.u8("version");
    if (version !== questionVersion) r.fail("version", `expected ${questionVersion}, actual ${version}`);
    const committee = r.hex(20, "committee");
    const ts = r.u64("ts");
    const turn = r.u32("turn");
    const length = r.u32("have");
    if (length * prefixBytes !== r.remaining) r.fail("range", `have: ${length} do not fit the message`);
    const have = Array.from({ length }, () => r.hex(prefixBytes, "prefix"));
    return { committee, ts, turn, have };
  });
}

/** As many messages as fit; the asking keeper asks again with a longer `have`. */
export function encodePullReply(messages: readonly Uint8Array[]): Uint8Array {
  const fitting: Uint8Array[] = [];
  let size = 5;
  for (const bytes of messages) {
    if (size + 4 + bytes.length > maxReplyBytes) break;
    size += 4 + bytes.length;
    fitting.push(bytes);
  }
  const w = new ByteWriter().u8(questionVersion).u32(fitting.length);
  for (const bytes of fitting) w.u32(bytes.length).bytes(bytes);
  return w.finish();
}

export function decodePullReply(bytes: Uint8Array): Result<Uint8Array[], DecodeCode> {
  return decode(bytes, maxReplyBytes, (r) => {
    const version = r.u8("version");
    if (version !== questionVersion) r.fail("version", `expected ${questionVersion}, actual ${version}`);
    const length = r.u32("messages");
    if (length * 4 > r.remaining) r.fail("range", `messages: ${length} do not fit the reply`);
    return Array.from({ length }, () => {
      const size = r.u32("message size");
      if (size > maxMessageBytes) r.fail("too-large", `message: at most ${maxMessageBytes}, actual ${size}`);
      return r.bytes(size, "message");
    });
  });
}

export function encodeRecordsQuestion(q: RecordsQuestion): Uint8Array {
  return new ByteWriter()
    .u8(questionVersion)
    .hex(q.committee, 20)
    .hex(q.root, 32)
    .u32(q.group)
    .u32(q.provider)
    .u64(q.fromSlot)
    .finish();
}

export function decodeRecordsQuestion(bytes: Uint8Array): Result<RecordsQuestion, DecodeCode> {
  return decode(bytes, maxQuestionBytes, (r) => {
    const version = r.u8("version");
    if (version !== questionVersion) r.fail("version", `expected ${questionVersion}, actual ${version}`);
    return {
      committee: r.hex(20, "committee"),
      root: r.hex(32, "root"),
      group: r.u32("group"),
      provider: r.u32("provider"),
      fromSlot: r.u64("from slot"),
    };
  });
}

export function encodeRecordsReply(leaves: readonly OpenedLeaf[]): Uint8Array {
  const w = new ByteWriter().u8(questionVersion).u32(leaves.length);
  for (const leaf of leaves) writeOpened(w, leaf);
  return w.finish();
}

export function decodeRecordsReply(bytes: Uint8Array): Result<OpenedLeaf[], DecodeCode> {
  return decode(bytes, maxReplyBytes, (r) => {
    const version = r.u8("version");
    if (version !== questionVersion) r.fail("version", `expected ${questionVersion}, actual ${version}`);
    const length = r.u32("leaves");
    if (length > maxLeavesPerReply) r.fail("range", `leaves: at most ${maxLeavesPerReply}, actual ${length}`);
    return Array.from({ length }, () => readOpened(r));
  });
}

export function encodePageQuestion({ committee, page }: PageQuestion): Uint8Array {
  return new ByteWriter().u8(questionVersion).hex(committee, 20).hex(page, 32).finish();
}

export function decodePageQuestion(bytes: Uint8Array): Result<PageQuestion, DecodeCode> {
  return decode(bytes, maxQuestionBytes, (r) => {
    const version = r.u8("version");
    if (version !== questionVersion) r.fail("version", `expected ${questionVersion}, actual ${version}`);
    return { committee: r.hex(20, "committee"), page: r.hex(32, "page hash") };
  });
}
