/**
 * R44: reading a piece over HTTP. `GET /piece/<root>` answers with the piece's bytes. If they begin and end where ranges of the piece do,
 * the header `WhitePay-Proof` carries the nodes that prove them: `1;` and the nodes of `runSiblings` in base64url without padding.
 */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import { hashBytes } from "../../storage/core/geometry.ts";
import { maxRunNodes } from "../../storage/core/range.ts";
import { reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { permissionBytes, readPermission, writePermission } from "./permission.ts";
import type { GroupDomain, Permission } from "./permission.ts";

export const proofHeader = "WhitePay-Proof";
/** A permission for anybody, which the provider need not know already. */
export const permissionHeader = "WhitePay-Permission";
export const permissionQuery = "permission";

const proofVersion = "1;";
const piecePath = /^\/piece\/(?:0x)?([0-9a-f]{64})$/i;
const listPath = /^\/list\/(?:0x)?([0-9a-f]{64})$/i;

export function pathOfPiece(root: Hex): string {
  return `/piece/${root.slice(2)}`;
}

/** The root in the path of a piece; undefined if it is another path. */
export function pieceOfPath(path: string): Hex | undefined {
  const digits = piecePath.exec(path)?.[1];
  return digits === undefined ? undefined : `0x${digits.toLowerCase()}`;
}

/** A piece list is read by its root, as its encoded entries: what `listOfEntries` takes. */
export function pathOfList(root: Hex): string {
  return `/list/${root.slice(2)}`;
}

/** The root in the path of a piece list; undefined if it is another path. */
export function listOfPath(path: string): Hex | undefined {
  const digits = listPath.exec(path)?.[1];
  return digits === undefined ? undefined : `0x${digits.toLowerCase()}`;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function toBase64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const word = (a << 16) | (b << 8) | c;
    const chars = Math.min(4, Math.ceil(((bytes.length - i) * 8) / 6));
    for (let j = 0; j < chars; j++) text += alphabet[(word >> (18 - 6 * j)) & 63];
  }
  return text;
}

/** Undefined unless the text is the one encoding of some bytes. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let [word, bits, at] = [0, 0, 0];
  for (const char of text) {
    const value = alphabet.indexOf(char);
    if (value < 0) return undefined;
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (word >> bits) & 0xff;
  }
  // Left-over bits are zero, and a single last character encodes no byte.
  return bits >= 6 || (word & ((1 << bits) - 1)) !== 0 ? undefined : bytes;
}

/** Most characters of the header's value. */
export const maxProofChars = proofVersion.length + Math.ceil((maxRunNodes * hashBytes * 8) / 6);

export function encodeProof(nodes: readonly Uint8Array[]): string {
  const w = new ByteWriter();
  for (const node of nodes) w.bytes(node, hashBytes);
  return proofVersion + toBase64url(w.finish());
}

/** Checks the form; `runRoot` checks the nodes. */
export function decodeProof(text: string): Result<Uint8Array[], DecodeCode> {
  if (text.length > maxProofChars) {
    return reject("too-large", `proof: expected at most ${maxProofChars} characters, actual ${text.length}`);
  }
  if (!text.startsWith(proofVersion)) {
    return reject("version", `proof: expected "${proofVersion}…", actual "${text.slice(0, 8)}"`);
  }
  const bytes = fromBase64url(text.slice(proofVersion.length));
  if (bytes === undefined || bytes.length % hashBytes !== 0) {
    return reject(
      "range",
      "proof: expected nodes of 32 bytes in base64url, actual other characters or length",
    );
  }
  const count = bytes.length / hashBytes;
  return {
    ok: true,
    value: Array.from({ length: count }, (_, i) => bytes.slice(i * hashBytes, (i + 1) * hashBytes)),
  };
}

/** The text form of a permission for anybody with its group. */
export function encodePermission(permission: GroupDomain & Permission): string {
  const w = new ByteWriter().u64(permission.chainId).hex(permission.group, 20);
  return toBase64url(writePermission(w, permission).finish());
}

export function decodePermission(text: string): Result<GroupDomain & Permission, DecodeCode> {
  const chars = Math.ceil(((8 + 20 + permissionBytes) * 8) / 6);
  const bytes = text.length === chars ? fromBase64url(text) : undefined;
  if (bytes === undefined) {
    return reject(
      "range",
      `permission: expected ${chars} characters of base64url, actual ${text.length} characters`,
    );
  }
  return decode(bytes, bytes.length, (reader) => ({
    chainId: reader.u64("chain id"),
    group: reader.hex(20, "group"),
    ...readPermission(reader),
  }));
}

/** The strong entity tag: a piece never changes. */
export function tagOfPiece(root: Hex): string {
  return `"${root.slice(2)}"`;
}
