/**
 * R43: requests of `/whitepay/store/1`. A request is: version u8 ‖ kind u8 ‖ length u32 ‖ body. A stream carries one request and its
 * response (`store-response.ts`). A proposal has the payer's signed request (`store-request.ts`); all later messages name its digest.
 */
import { ByteReader, ByteWriter, concatBytes, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { entryBytes, maxPieces, PieceEntries } from "../../storage/core/piece-list.ts";
import { maxRangeNodes, rangeBytes } from "../../storage/core/range.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { maxPagePieces, providerProtocolVersion, readVersion } from "./challenge.ts";
import {
  permissionBytes,
  readPermission,
  readRevocation,
  revocationBytes,
  writePermission,
  writeRevocation,
} from "./permission.ts";
import type { GroupDomain, Permission, Revocation } from "./permission.ts";
import { maxSignedRequestBytes, readSignedRequest, writeSignedRequest } from "./store-request.ts";
import type { SignedRequest } from "./store-request.ts";
import { readText, writeText } from "./typed-text.ts";

export const storeProtocol = "/whitepay/store/1";

/** Bytes of a piece's name in UTF-8. */
const maxNameBytes = 64;
export type Propose = SignedRequest & { readonly kind: "propose" };
/** Entries of the piece list from `first` on, in order. */
export type ListPage = {
  readonly kind: "list";
  readonly digest: Hex;
  readonly first: number;
  readonly pieces: PieceEntries;
};
/** Asks which ranges of a piece are stored. */
export type Have = {
  readonly kind: "have";
  readonly digest: Hex;
  readonly piece: number;
  readonly firstRange: number;
};
export type Put = {
  readonly kind: "put";
  readonly digest: Hex;
  readonly piece: number;
  readonly range: number;
  /** In the order of `rangeSiblings`. */
  readonly siblings: readonly Uint8Array[];
  readonly bytes: Uint8Array;
};
export type ConsentWish = {
  readonly kind: "consent";
  readonly digest: Hex;
  /** The committee that serves the block in which the data take effect; zero without one (R33). */
  readonly committee: Hex;
  readonly sequence: number;
  /** Last block in which the consent may be used. */
  readonly deadline: number;
};
/** Asks the provider to fetch a public piece from another registered provider, with the payer's permission for its peer. */
export type FetchPiece = Permission & {
  readonly kind: "fetch";
  readonly digest: Hex;
  readonly piece: number;
  readonly operator: Hex;
  /** The group under which the other provider holds the piece. */
  readonly group: Hex;
};
export type NamePiece = {
  readonly kind: "name";
  readonly digest: Hex;
  readonly piece: number;
  /** The payer's name of the piece. A name stands for one piece of a group; the newest list's stands. */
  readonly name: string;
};
/** Asks for the piece of a name, with a permission as for reading. */
export type FindPiece = Permission & {
  readonly kind: "find";
  readonly chainId: number;
  readonly group: Hex;
  readonly name: string;
};

/** R44: a permission for anybody, by which the provider serves pieces to readers that show none. */
export type PublishPermission = GroupDomain & Permission & { readonly kind: "publish" };
/** R44: ends permissions. */
export type RevokePermissions = GroupDomain & Revocation & { readonly kind: "revoke" };
/** R44: asks for size and address of a piece that the provider serves to anybody. */
export type AskPiece = { readonly kind: "about"; readonly chainId: number; readonly root: Hex };

/** R33: asks for the consent to a group that the provider offers without a request: it volunteers. */
export type AskVolunteer = { readonly kind: "volunteered"; readonly chainId: number; readonly group: Hex };

export type StoreMessage =
  | Propose
  | ListPage
  | Have
  | Put
  | ConsentWish
  | FetchPiece
  | NamePiece
  | FindPiece
  | PublishPermission
  | RevokePermissions
  | AskPiece
  | AskVolunteer;
export type StoreKind = StoreMessage["kind"];

/** The position plus one is the kind's number in messages: append only. */
export const storeKinds = [
  "propose",
  "list",
  "have",
  "put",
  "consent",
  "fetch",
  "name",
  "find",
  "publish",
  "revoke",
  "about",
  "volunteered",
] as const;

export const storeHeaderBytes = 1 + 1 + 4;
/** Longest body of each kind. */
export const maxStoreBody: { readonly [K in StoreKind]: number } = {
  propose: maxSignedRequestBytes,
  list: 32 + 4 + 4 + maxPagePieces * entryBytes,
  have: 32 + 4 + 8,
  put: 32 + 4 + 8 + 1 + maxRangeNodes * 32 + 4 + rangeBytes,
  consent: 32 + 20 + 8 + 8,
  fetch: 32 + 4 + 20 + 20 + permissionBytes,
  name: 32 + 4 + 1 + maxNameBytes,
  find: 8 + 20 + 1 + maxNameBytes + permissionBytes,
  publish: 8 + 20 + permissionBytes,
  revoke: 8 + 20 + revocationBytes,
  about: 8 + 32,
  volunteered: 8 + 20,
};
export const maxStoreMessageBytes = storeHeaderBytes + Math.max(...Object.values(maxStoreBody));

export function encodeStoreMessage(message: StoreMessage): Uint8Array {
  if (message.kind === "put") return concatBytes(encodePutHead(message), message.bytes);
  const w = new ByteWriter().u8(providerProtocolVersion).u8(storeKinds.indexOf(message.kind) + 1);
  const body = encodeBody(message);
  return w.u32(body.length).bytes(body).finish();
}

/** Length of a whole request by its header; that of the header alone if version, kind or length is invalid. */
export function storeMessageBytes(header: Uint8Array): number {
  const kind = storeKinds[(header[1] ?? 0) - 1];
  const length = new DataView(header.buffer, header.byteOffset).getUint32(2);
  const valid = header[0] === providerProtocolVersion && kind !== undefined && length <= maxStoreBody[kind];
  return storeHeaderBytes + (valid ? length : 0);
}

/** The bytes of a range are a view of `bytes`. */
export function decodeStoreMessage(bytes: Uint8Array): Result<StoreMessage, DecodeCode> {
  return decode(bytes, maxStoreMessageBytes, (reader) => {
    readVersion(reader);
    const number = reader.u8("kind of request");
    const kind = storeKinds[number - 1];
    if (kind === undefined) {
      return reader.fail("range", `kind of request: expected 1 to ${storeKinds.length}, actual ${number}`);
    }
    const length = reader.u32("length");
    if (length > maxStoreBody[kind]) {
      reader.fail("range", `length: expected at most ${maxStoreBody[kind]} bytes, actual ${length}`);
    }
    if (length > reader.remaining) {
      reader.fail("truncated", `body: expected ${length} bytes, actual ${reader.remaining}`);
    }
    if (length < reader.remaining) {
      reader.fail("trailing", `expected the end, actual ${reader.remaining - length} more bytes`);
    }
    return decodeBody[kind](reader);
  });
}

/** The part of a put before the bytes of its range. These bytes are long, so they are sent without a copy. */
export function encodePutHead(message: Put): Uint8Array {
  const { range, siblings, bytes } = message;
  const length = 32 + 4 + 8 + 1 + 32 * siblings.length + 4 + bytes.length;
  const w = new ByteWriter()
    .u8(providerProtocolVersion)
    .u8(storeKinds.indexOf("put") + 1)
    .u32(length)
    .hex(message.digest, 32)
    .u32(message.piece)
    .u64(range)
    .u8(siblings.length);
  for (const node of siblings) w.bytes(node, 32);
  return w.u32(bytes.length).finish();
}

type ShortKind = Exclude<StoreKind, "put">;
type Encoders = {
  readonly [K in ShortKind]: (message: Extract<StoreMessage, { kind: K }>) => ByteWriter;
};

const bodies: Encoders = {
  propose: (message) => writeSignedRequest(new ByteWriter(), message),
  list: ({ digest, first, pieces }) =>
    new ByteWriter().hex(digest, 32).u32(first).u32(pieces.length).bytes(pieces.bytes),
  have: (message) => ofPiece(message).u64(message.firstRange),
  consent: ({ digest, committee, sequence, deadline }) =>
    new ByteWriter().hex(digest, 32).hex(committee, 20).u64(sequence).u64(deadline),
  fetch: (message) =>
    writePermission(ofPiece(message).hex(message.operator, 20).hex(message.group, 20), message),
  name: (message) => writeText(ofPiece(message), message.name, maxNameBytes),
  find(message) {
    const { chainId, group, name } = message;
    const w = writeText(new ByteWriter().u64(chainId).hex(group, 20), name, maxNameBytes);
    return writePermission(w, message);
  },
  publish: (message) => writePermission(ofGroup(message), message),
  revoke: (message) => writeRevocation(ofGroup(message), message),
  about: ({ chainId, root }) => new ByteWriter().u64(chainId).hex(root, 32),
  volunteered: ofGroup,
};

function encodeBody(message: Exclude<StoreMessage, Put>): Uint8Array {
  const encode = bodies[message.kind] as (message: StoreMessage) => ByteWriter;
  return encode(message).finish();
}

function ofPiece({ digest, piece }: { readonly digest: Hex; readonly piece: number }): ByteWriter {
  return new ByteWriter().hex(digest, 32).u32(piece);
}

function ofGroup({ chainId, group }: GroupDomain): ByteWriter {
  return new ByteWriter().u64(chainId).hex(group, 20);
}

const decodeBody: { readonly [K in StoreKind]: (reader: ByteReader) => Extract<StoreMessage, { kind: K }> } =
  {
    propose: (reader) => ({ kind: "propose", ...readSignedRequest(reader) }),
    list: readListPage,
    have: (reader) => ({ kind: "have", ...readPiece(reader), firstRange: reader.u64("first range") }),
    put: readPut,
    consent: (reader) => ({
      kind: "consent",
      digest: reader.hex(32, "digest"),
      committee: reader.hex(20, "committee"),
      sequence: reader.u64("sequence"),
      deadline: reader.u64("deadline"),
    }),
    fetch: (reader) => ({
      kind: "fetch",
      ...readPiece(reader),
      operator: reader.hex(20, "operator"),
      group: reader.hex(20, "group"),
      ...readPermission(reader),
    }),
    name: (reader) => ({
      kind: "name",
      ...readPiece(reader),
      name: readText(reader, maxNameBytes, "name"),
    }),
    find: (reader) => ({
      kind: "find",
      chainId: reader.u64("chain id"),
      group: reader.hex(20, "group"),
      name: readText(reader, maxNameBytes, "name"),
      ...readPermission(reader),
    }),
    publish: (reader) => ({ kind: "publish", ...readGroup(reader), ...readPermission(reader) }),
    revoke: (reader) => ({ kind: "revoke", ...readGroup(reader), ...readRevocation(reader) }),
    about: (reader) => ({ kind: "about", chainId: reader.u64("chain id"), root: reader.hex(32, "root") }),
    volunteered: (reader) => ({ kind: "volunteered", ...readGroup(reader) }),
  };

function readGroup(reader: ByteReader): GroupDomain {
  return { chainId: reader.u64("chain id"), group: reader.hex(20, "group") };
}

function readPiece(reader: ByteReader): { digest: Hex; piece: number } {
  const digest = reader.hex(32, "digest");
  const piece = reader.u32("piece");
  if (piece >= maxPieces) reader.fail("range", `piece: expected below ${maxPieces}, actual ${piece}`);
  return { digest, piece };
}

function readListPage(reader: ByteReader): ListPage {
  const digest = reader.hex(32, "digest");
  const first = reader.u32("first piece");
  const count = reader.u32("pieces on this page");
  if (count < 1 || count > maxPagePieces || first + count > maxPieces) {
    const limits = `1 to ${maxPagePieces} pieces, none beyond ${maxPieces}`;
    reader.fail("range", `page: expected ${limits}, actual ${count} from ${first}`);
  }
  const pieces = new PieceEntries(reader.bytes(count * entryBytes, "pieces"));
  for (const { size } of pieces) {
    if (size >= 1 && Number.isSafeInteger(size)) continue;
    reader.fail("range", `piece size: expected 1 to ${Number.MAX_SAFE_INTEGER}, actual ${size}`);
  }
  return { kind: "list", digest, first, pieces };
}

function readPut(reader: ByteReader): Put {
  const piece = readPiece(reader);
  const range = reader.u64("range");
  const count = reader.u8("node count");
  if (count > maxRangeNodes) {
    reader.fail("range", `nodes: expected at most ${maxRangeNodes}, actual ${count}`);
  }
  const siblings = Array.from({ length: count }, () => reader.bytes(32, "node"));
  const length = reader.u32("length");
  if (length < 1 || length > rangeBytes) {
    reader.fail("range", `range: expected 1 to ${rangeBytes} bytes, actual ${length}`);
  }
  return { kind: "put", ...piece, range, siblings, bytes: reader.view(length, "bytes") };
}
