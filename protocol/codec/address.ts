/**
 * Wire of `/whitepay/address/1`, which relays serve. A registered peer tells the relay the addresses at which it is reached now, and
 * anybody asks for the addresses of a peer. The addresses are in a record that the peer itself signed: the registry names the peer id
 * (R3), and the record needs no transaction.
 */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { ByteReader, DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { readText, writeText } from "./typed-text.ts";

export const addressProtocol = "/whitepay/address/1";
const addressVersion = 1;

/** As in the Registry. */
export const maxAddresses = 8;
export const maxAddressBytes = 128;
/** An address over a relay: the relay's registered one, and the peer id behind it; with its tags. */
const maxRelayedBytes = maxAddressBytes + 64;
/** The addresses, and 256 bytes for key, signature, peer id, sequence and type. */
export const maxRecordBytes = maxAddresses * (maxRelayedBytes + 8) + 256;

/** The registry's form of a peer id. */
const peerIdLength = 38;

const roles = ["keeper", "provider"] as const;
export type Role = (typeof roles)[number];

export type AddressRequest =
  | {
      readonly kind: "tell";
      readonly role: Role;
      /** The one whose registration as `role` names the sending peer. */
      readonly operator: Hex;
      readonly record: Uint8Array;
      /** Addresses that the relay should dial, to find out whether they are open. */
      readonly direct: readonly string[];
    }
  | { readonly kind: "ask"; readonly peerId: Uint8Array };

export type AddressAnswer =
  /** `reachable`: whether the relay could dial one of the direct addresses. */
  | { readonly kind: "told"; readonly reachable: boolean }
  | { readonly kind: "record"; readonly record: Uint8Array }
  | { readonly kind: "unknown" }
  | { readonly kind: "refused"; readonly detail: string };

const kinds = { tell: 1, ask: 2, told: 3, record: 4, unknown: 5, refused: 6 } as const;
const maxDetailBytes = 256;

/** Direct addresses in one request. */
export const maxTried = 3;

export const maxAddressRequestBytes = 3 + 20 + 2 + maxRecordBytes + 1 + maxTried * (1 + maxAddressBytes);
export const maxAddressAnswerBytes = 2 + 2 + Math.max(maxRecordBytes, maxDetailBytes);

function begin(kind: keyof typeof kinds): ByteWriter {
  return new ByteWriter().u8(addressVersion).u8(kinds[kind]);
}

export function encodeAddressRequest(request: AddressRequest): Uint8Array {
  const writer = begin(request.kind);
  if (request.kind === "ask") return writer.bytes(request.peerId).finish();
  const { role, operator, record, direct } = request;
  writer.u8(roles.indexOf(role)).hex(operator, 20).u16(record.length).bytes(record).u8(direct.length);
  for (const address of direct) writeText(writer, address, maxAddressBytes);
  return writer.finish();
}

export function encodeAddressAnswer(answer: AddressAnswer): Uint8Array {
  const writer = begin(answer.kind);
  switch (answer.kind) {
    case "told":
      return writer.u8(answer.reachable ? 1 : 0).finish();
    case "record":
      return writer.u16(answer.record.length).bytes(answer.record).finish();
    case "unknown":
      return writer.finish();
    case "refused": {
      const detail = new TextEncoder().encode(answer.detail).subarray(0, maxDetailBytes);
      return writer.u16(detail.length).bytes(detail).finish();
    }
  }
}

function kindOf(reader: ByteReader): number {
  const version = reader.u8("version");
  if (version !== addressVersion) reader.fail("version", `expected ${addressVersion}, actual ${version}`);
  return reader.u8("kind");
}

function recordOf(reader: ByteReader): Uint8Array {
  const length = reader.u16("record length");
  if (length > maxRecordBytes)
    reader.fail("range", `record: expected at most ${maxRecordBytes}, actual ${length}`);
  return reader.bytes(length, "record");
}

export function decodeAddressRequest(bytes: Uint8Array): Result<AddressRequest, DecodeCode> {
  return decode(bytes, maxAddressRequestBytes, (reader): AddressRequest => {
    const kind = kindOf(reader);
    if (kind === kinds.ask) return { kind: "ask", peerId: reader.bytes(peerIdLength, "peer id") };
    if (kind !== kinds.tell) reader.fail("range", `kind: expected 1 or 2, actual ${kind}`);
    const at = reader.u8("role");
    const role = roles[at] ?? reader.fail("range", `role: expected 0 or 1, actual ${at}`);
    const [operator, record] = [reader.hex(20, "operator"), recordOf(reader)];
    const count = reader.u8("number of addresses");
    if (count > maxTried) reader.fail("range", `addresses: expected at most ${maxTried}, actual ${count}`);
    const direct = Array.from({ length: count }, () => readText(reader, maxAddressBytes, "address"));
    return { kind: "tell", role, operator, record, direct };
  });
}

export function decodeAddressAnswer(bytes: Uint8Array): Result<AddressAnswer, DecodeCode> {
  return decode(bytes, maxAddressAnswerBytes, (reader): AddressAnswer => {
    const kind = kindOf(reader);
    switch (kind) {
      case kinds.told: {
        const flag = reader.u8("reachable");
        if (flag > 1) reader.fail("range", `reachable: expected 0 or 1, actual ${flag}`);
        return { kind: "told", reachable: flag === 1 };
      }
      case kinds.record:
        return { kind: "record", record: recordOf(reader) };
      case kinds.unknown:
        return { kind: "unknown" };
      case kinds.refused: {
        const length = reader.u16("detail length");
        if (length > maxDetailBytes)
          reader.fail("range", `detail: expected at most ${maxDetailBytes}, actual ${length}`);
        // The text goes to logs and terminals, so it must not contain control characters.
        const detail = new TextDecoder().decode(reader.bytes(length, "detail")).replace(/\p{C}/gu, "?");
        return { kind: "refused", detail };
      }
      default:
        return reader.fail("range", `kind: expected 3 to 6, actual ${kind}`);
    }
  });
}
