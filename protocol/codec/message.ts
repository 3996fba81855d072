/**
 * Canonical bytes of the messages between keepers: big-endian fields, no padding, lists with their length. A message has exactly
 * one encoding. Decoding returns a typed rejection and never throws (D3).
 */
import { ByteReader, ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { keccak, keccakText, keccakWords, wordBytes } from "../hash.ts";
import type { Hex } from "../hash.ts";
import type { Body, BodyOf, CommitEntry, Kind, Pinned, RevealedValues, RoundKey } from "../messages.ts";
import { bitIndices, bitmap } from "../bitmap.ts";
import { boundedLength, minOpenedBytes, readKey, readOpened, writeKey, writeOpened } from "./leaves.ts";
import { maxPages, maxPinned, pinnedBytes } from "../pinned.ts";
import { typedDigest } from "../certificate.ts";
import { decodeValues, encodeValues, maxValuesInMessage, pageCount, valueBytes } from "../values.ts";

/** The format version of this release. From version 4 on a message belongs to a committee with many groups. */
export const wireVersion = 4;
export const signatureBytes = 65;
const blsSignatureBytes = 48;
const maxKeepers = 124;

/** The position in this list is the kind's number in messages. */
const kinds: readonly Kind[] = [
  "hello",
  "announce",
  "commit",
  "close",
  "reveal",
  "bundle",
  "proposal",
  "partial",
];

const KiB = 1024;
/**
 * Size limits, checked before decoding (D3). They hold 124 keepers: 99 bytes for each commit in a closed set, 34 for each reveal in a
 * bundle; `maxValuesInMessage` values of 16 bytes, 16 leaves with paths and receipts, one full proof; `maxPinned` providers with a
 * dispute and `maxPages` page hashes. Whatever grows beyond them travels as pages.
 */
export const maxBytesOf: Record<Kind, number> = {
  hello: 256,
  announce: 256,
  commit: 256,
  close: 16 * KiB,
  reveal: 160 * KiB,
  bundle: 8 * KiB,
  proposal: 512 + maxPinned * pinnedBytes + maxPages * wordBytes,
  partial: 384,
};
export const maxMessageBytes = Math.max(...Object.values(maxBytesOf));

/** Whether the kind field says hello; nothing else is checked. */
export function isHello(bytes: Uint8Array): boolean {
  return kinds[bytes[1] ?? 0xff] === "hello" && bytes.length <= maxBytesOf.hello;
}

export type Envelope = {
  readonly chainId: number;
  /** Address of the committee's contract. */
  readonly committee: Hex;
  /** Version of its members. */
  readonly version: number;
  readonly keeper: number;
  readonly body: Body;
  readonly signature: Hex;
};

/** Format version, kind, chain, committee, its version and keeper, before the body. */
const headerBytes = 2 + 8 + 20 + 8 + 2;

/** View of the body in an encoded message, equal to `encodeBody(body)`. */
export function bodyWithin(message: Uint8Array): Uint8Array {
  return message.subarray(headerBytes, message.length - signatureBytes);
}

const messageType = keccakText("Message(uint8 kind,uint64 version,uint16 keeper,bytes32 body)");

/**
 * The EIP-712 digest that the operator key signs; it is the hash of the message.
 * @param encoded `encodeBody(body)`, if the caller has it
 */
export function messageDigest(
  domain: Hex,
  version: number,
  keeper: number,
  body: Body,
  encoded = encodeBody(body),
): Hex {
  const kind = kinds.indexOf(body.kind);
  const struct = keccakWords(messageType, kind, version, keeper, keccak(encoded));
  return typedDigest(domain, struct);
}

export function encodeMessage(envelope: Envelope, body = encodeBody(envelope.body)): Uint8Array {
  return new ByteWriter()
    .u8(wireVersion)
    .u8(kinds.indexOf(envelope.body.kind))
    .u64(envelope.chainId)
    .hex(envelope.committee, 20)
    .u64(envelope.version)
    .u16(envelope.keeper)
    .bytes(body)
    .hex(envelope.signature, signatureBytes)
    .finish();
}

export function decodeMessage(bytes: Uint8Array): Result<Envelope, DecodeCode> {
  const kind = kinds[bytes[1] ?? 0xff];
  const limit = kind === undefined ? maxMessageBytes : maxBytesOf[kind];
  return decode(bytes, limit, (reader) => {
    const format = reader.u8("format version");
    if (format !== wireVersion) reader.fail("version", `expected ${wireVersion}, actual ${format}`);
    const number = reader.u8("kind");
    const known = kinds[number];
    if (known === undefined)
      return reader.fail("range", `kind: expected below ${kinds.length}, actual ${number}`);
    const chainId = reader.u64("chain id");
    const committee = reader.hex(20, "committee");
    const version = reader.u64("version");
    const keeper = keeperIndex(reader);
    const body = decodeBody(reader, known);
    const signature = reader.hex(signatureBytes, "signature");
    return { chainId, committee, version, keeper, body, signature };
  });
}

/** Decoder of messages. It is a port, so that simulated keepers in one process decode each message once. */
export type WireReader = {
  decode(bytes: Uint8Array): Result<Envelope, DecodeCode>;
  /** Digest of a message that `decode` returned for these bytes. */
  digest(domain: Hex, envelope: Envelope, bytes: Uint8Array): Hex;
};

export const wireReader: WireReader = {
  decode: decodeMessage,
  digest: (domain, { version, keeper, body }, bytes) =>
    messageDigest(domain, version, keeper, body, bodyWithin(bytes)),
};

function keeperIndex(reader: ByteReader): number {
  const keeper = reader.u16("keeper");
  if (keeper >= maxKeepers) reader.fail("range", `keeper: expected below ${maxKeepers}, actual ${keeper}`);
  return keeper;
}

/** A list whose length is bounded by the remaining bytes, so a short message cannot make the reader allocate much. */
function list<T>(reader: ByteReader, what: string, minItemBytes: number, item: () => T): T[] {
  const length = boundedLength(reader, Math.floor(reader.remaining / minItemBytes), what);
  return Array.from({ length }, item);
}

/**
 * A list that strictly ascends by name, so it has no duplicates and no more entries than names. Every keeper pays a check for each
 * entry (D6).
 */
function ascending<T>(
  reader: ByteReader,
  what: string,
  minItemBytes: number,
  item: () => T,
  name: (item: T) => number,
): T[] {
  let last = -1;
  return list(reader, what, minItemBytes, () => {
    const next = item();
    if (name(next) <= last) reader.fail("order", `${what}: expected above ${last}, actual ${name(next)}`);
    last = name(next);
    return next;
  });
}

function writeRound(w: ByteWriter, r: RoundKey): ByteWriter {
  return w.u64(r.ts).u64(r.te).u32(r.turn).u16(r.leader).u64(r.version);
}

function readRound(r: ByteReader): RoundKey {
  return {
    ts: r.u64("ts"),
    te: r.u64("te"),
    turn: r.u32("turn"),
    leader: keeperIndex(r),
    version: r.u64("version"),
  };
}

/** The canonical bytes of a body, as they are inside its message. */
export function encodeBody(body: Body): Uint8Array {
  const w = new ByteWriter();
  if (body.kind === "hello") {
    return w.hex(body.instance, 16).u64(body.head).u8(body.speaks).finish();
  }
  writeRound(w, body.round);
  switch (body.kind) {
    case "announce":
      return w.u64(body.head).u32(body.count).hex(body.root, 32).finish();
    case "commit":
      return w.hex(body.commitment, 32).finish();
    case "close":
      return writeClose(w, body).finish();
    case "reveal":
      return writeReveal(w, body).finish();
    case "bundle":
      w.hex(body.closedSet, 32).u32(body.reveals.length);
      for (const reveal of body.reveals) w.u16(reveal.keeper).hex(reveal.hash, 32);
      return w.finish();
    case "proposal":
      w.hex(body.bundle, 32).hex(body.digest, 32).u32(body.pinned.length);
      for (const { group, provider, keepers } of body.pinned) {
        w.u32(group).u32(provider).u128(bitmap(keepers));
      }
      w.u32(body.pages.length);
      for (const page of body.pages) w.hex(page, 32);
      return w.finish();
    case "partial":
      return w.hex(body.digest, 32).hex(body.signature, blsSignatureBytes).finish();
  }
}

function writeClose(w: ByteWriter, body: BodyOf<"close">): ByteWriter {
  w.u64(body.auditBlock).u32(body.commits.length);
  for (const c of body.commits) {
    w.u16(c.keeper).hex(c.commitment, 32).hex(c.signature, signatureBytes);
  }
  return w;
}

function writeReveal(w: ByteWriter, body: BodyOf<"reveal">): ByteWriter {
  w.hex(body.closedSet, 32);
  writeValues(w, body.values);
  w.hex(body.recordsRoot, 32).hex(body.salt, 32).u32(body.opened.length);
  for (const o of body.opened) writeOpened(w, o);
  if (body.proof === undefined) return w.u8(0);
  const { seed, proof } = body.proof;
  return writeKey(w.u8(1), body.proof).u32(seed.length).bytes(seed).u32(proof.length).bytes(proof);
}

/** The number of values decides the form, so a reveal has one encoding. */
function writeValues(w: ByteWriter, revealed: RevealedValues): void {
  if (revealed.kind === "inline") {
    w.u32(revealed.values.length).bytes(encodeValues(revealed.values));
    return;
  }
  w.u32(revealed.count);
  for (const page of revealed.pages) w.hex(page, 32);
}

function readValues(r: ByteReader): RevealedValues {
  const length = r.u32("values");
  if (length <= maxValuesInMessage) {
    const values = decodeValues(r.bytes(length * valueBytes, "values")) ?? [];
    return { kind: "inline", values };
  }
  const pages = pageCount(length);
  if (pages * wordBytes > r.remaining) r.fail("range", `values: ${length} do not fit the message`);
  return { kind: "pages", count: length, pages: Array.from({ length: pages }, () => r.hex(32, "page hash")) };
}

function decodeBody(r: ByteReader, kind: Kind): Body {
  if (kind === "hello") {
    return { kind, instance: r.hex(16, "instance"), head: r.u64("head"), speaks: r.u8("speaks") };
  }
  const round = readRound(r);
  switch (kind) {
    case "announce":
      return { kind, round, head: r.u64("head"), count: r.u32("count"), root: r.hex(32, "scope root") };
    case "commit":
      return { kind, round, commitment: r.hex(32, "commitment") };
    case "close": {
      const auditBlock = r.u64("audit block");
      const commits = ascending(
        r,
        "commits",
        99,
        () => readCommit(r),
        (commit) => commit.keeper,
      );
      return { kind, round, commits, auditBlock };
    }
    case "reveal":
      return readReveal(r, round);
    case "bundle": {
      const closedSet = r.hex(32, "closed set");
      const reveal = () => ({ keeper: keeperIndex(r), hash: r.hex(32, "reveal hash") });
      const reveals = ascending(r, "reveals", 34, reveal, ({ keeper }) => keeper);
      return { kind, round, closedSet, reveals };
    }
    case "proposal": {
      const bundle = r.hex(32, "bundle");
      const digest = r.hex(32, "digest");
      const pinned = readPinned(r);
      const pages = list(r, "pages", 32, () => r.hex(32, "page hash"));
      return { kind, round, bundle, digest, pinned, pages };
    }
    case "partial": {
      const digest = r.hex(32, "digest");
      return { kind, round, digest, signature: r.hex(blsSignatureBytes, "signature") };
    }
  }
}

/** Strictly ascending by (group, provider), as every keeper pays a check for each entry (D6). */
function readPinned(r: ByteReader): Pinned[] {
  let last: Pinned | undefined;
  return list(r, "pinned", pinnedBytes, () => {
    const next = {
      group: r.u32("group"),
      provider: r.u32("provider"),
      keepers: bitIndices(r.u128("keepers")),
    };
    const after =
      last === undefined ||
      next.group > last.group ||
      (next.group === last.group && next.provider > last.provider);
    if (!after)
      r.fail("order", `pinned: group ${next.group}, provider ${next.provider} is not above the last`);
    if ((next.keepers.at(-1) ?? 0) >= maxKeepers)
      r.fail("range", `keeper: expected below ${maxKeepers}, actual ${next.keepers.at(-1)}`);
    last = next;
    return next;
  });
}

function readCommit(r: ByteReader): CommitEntry {
  return {
    keeper: keeperIndex(r),
    commitment: r.hex(32, "commitment"),
    signature: r.hex(signatureBytes, "commit signature"),
  };
}

function readReveal(r: ByteReader, round: RoundKey): BodyOf<"reveal"> {
  const closedSet = r.hex(32, "closed set");
  const values = readValues(r);
  const recordsRoot = r.hex(32, "records root");
  const salt = r.hex(32, "salt");
  const opened = list(r, "opened", minOpenedBytes, () => readOpened(r));
  const flag = r.u8("proof flag");
  if (flag > 1) r.fail("range", `proof flag: expected 0 or 1, actual ${flag}`);
  if (flag === 0)
    return { kind: "reveal", round, closedSet, values, recordsRoot, salt, opened, proof: undefined };
  const key = readKey(r);
  const seed = r.bytes(boundedLength(r, 96, "seed length"), "seed");
  const proof = r.bytes(boundedLength(r, maxMessageBytes, "proof length"), "proof");
  return {
    kind: "reveal",
    round,
    closedSet,
    values,
    recordsRoot,
    salt,
    opened,
    proof: { ...key, seed, proof },
  };
}
