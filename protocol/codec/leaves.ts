/** Bytes of record leaves, with their paths and receipts, in messages and pages (R18, R21, R24). */
import type { ByteReader, ByteWriter } from "../../storage/core/bytes.ts";
import { wordBytes } from "../hash.ts";
import type { OpenedLeaf } from "../messages.ts";
import type { LeafKey, RecordLeaf } from "../records.ts";

const maxPathLength = 40;
const maxReceiptBytes = 1024;

const leafTags = ["proven", "failed", "carried"] as const;

function writeLeaf(w: ByteWriter, leaf: RecordLeaf): ByteWriter {
  w.u8(leafTags.indexOf(leaf.kind));
  if (leaf.kind === "failed") return w;
  w.u128(leaf.bytes);
  return leaf.kind === "proven" ? w.hex(leaf.receiptHash, 32) : w;
}

function readLeaf(r: ByteReader): RecordLeaf {
  const number = r.u8("leaf kind");
  switch (leafTags[number]) {
    case "proven":
      return { kind: "proven", bytes: r.u128("bytes"), receiptHash: r.hex(32, "receipt hash") };
    case "failed":
      return { kind: "failed" };
    case "carried":
      return { kind: "carried", bytes: r.u128("bytes") };
    case undefined:
    default:
      return r.fail("range", `leaf kind: expected below ${leafTags.length}, actual ${number}`);
  }
}

export function writeKey(w: ByteWriter, { group, provider, slot }: LeafKey): ByteWriter {
  return w.u32(group).u32(provider).u64(slot);
}

export function readKey(r: ByteReader): LeafKey {
  return { group: r.u32("group"), provider: r.u32("provider"), slot: r.u64("slot") };
}

export function writeOpened(w: ByteWriter, o: OpenedLeaf): ByteWriter {
  writeKey(w, o);
  writeLeaf(w, o.leaf)
    .u32(o.path.length / wordBytes)
    .bytes(o.path);
  return w.u32(o.receipt.length).bytes(o.receipt);
}

/** Group, provider, slot, kind of a failed leaf, and two lengths. */
export const minOpenedBytes = 4 + 4 + 8 + 1 + 4 + 4;

export function readOpened(r: ByteReader): OpenedLeaf {
  const key = readKey(r);
  const leaf = readLeaf(r);
  const pathLength = boundedLength(r, maxPathLength, "path length");
  const path = r.bytes(pathLength * wordBytes, "path");
  const receipt = r.bytes(boundedLength(r, maxReceiptBytes, "receipt length"), "receipt");
  return { ...key, leaf, path, receipt };
}

/** A length of at most `max`. */
export function boundedLength(reader: ByteReader, max: number, what: string): number {
  const length = reader.u32(what);
  if (length > max) reader.fail("range", `${what}: expected at most ${max}, actual ${length}`);
  return length;
}
