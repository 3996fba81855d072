/** Bytes of the address protocol: one encoding, bounded sizes; other bytes are refused without a throw (D3). */
import { describe, expect, it } from "vitest";
import {
  decodeAddressAnswer,
  decodeAddressRequest,
  encodeAddressAnswer,
  encodeAddressRequest,
  maxAddressRequestBytes,
  maxRecordBytes,
  maxTried,
} from "../../../../protocol/codec/address.ts";
import type { AddressAnswer, AddressRequest } from "../../../../protocol/codec/address.ts";
import { seededBytes } from "../../../support/files.ts";

const requests: AddressRequest[] = [
  {
    kind: "tell",
    role: "provider",
    operator: `0x${"a1".repeat(20)}`,
    record: seededBytes(maxRecordBytes, 1),
    direct: ["/ip4/192.0.2.1/tcp/4001", "/dns4/example.org/tcp/1"],
  },
  { kind: "tell", role: "keeper", operator: `0x${"00".repeat(20)}`, record: seededBytes(1, 1), direct: [] },
  { kind: "ask", peerId: seededBytes(38, 2) },
];

const answers: AddressAnswer[] = [
  { kind: "told", reachable: true },
  { kind: "told", reachable: false },
  { kind: "record", record: seededBytes(300, 3) },
  { kind: "unknown" },
  { kind: "refused", detail: "all places are taken" },
];

describe("requests", () => {
  it.each(requests)(
    "$kind decodes to the encoded fields; shorter, longer and changed forms are refused",
    (request) => {
      const bytes = encodeAddressRequest(request);
      expect(bytes.length).toBeLessThanOrEqual(maxAddressRequestBytes);
      expect(decodeAddressRequest(bytes)).toEqual({ ok: true, value: request });
      for (let length = 0; length < bytes.length; length++) {
        expect(decodeAddressRequest(bytes.subarray(0, length)).ok).toBe(false);
      }
      expect(decodeAddressRequest(Uint8Array.of(...bytes, 0)).ok).toBe(false);
      for (const at of [0, 1]) {
        const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? 9 : byte));
        expect(decodeAddressRequest(changed).ok).toBe(false);
      }
    },
  );

  it("more addresses to try, a longer record, or control characters are refused", () => {
    const [tell] = requests as [Extract<AddressRequest, { kind: "tell" }>];
    const direct = Array.from({ length: maxTried + 1 }, () => "/ip4/192.0.2.1/tcp/1");
    expect(
      decodeAddressRequest(encodeAddressRequest({ ...tell, record: seededBytes(1, 1), direct })).ok,
    ).toBe(false);
    const long = { ...tell, record: seededBytes(maxRecordBytes + 1, 1), direct: [] };
    expect(decodeAddressRequest(encodeAddressRequest(long))).toMatchObject({ ok: false, code: "range" });
    const bytes = encodeAddressRequest({ ...tell, direct: ["/ip4/1.2.3.4"] });
    expect(decodeAddressRequest(Uint8Array.from(bytes, (byte) => (byte === 0x34 ? 0x0a : byte))).ok).toBe(
      false,
    );
  });
});

describe("answers", () => {
  it.each(answers)("$kind decodes to the encoded fields; other bytes are refused", (answer) => {
    const bytes = encodeAddressAnswer(answer);
    expect(decodeAddressAnswer(bytes)).toEqual({ ok: true, value: answer });
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeAddressAnswer(bytes.subarray(0, length)).ok).toBe(false);
    }
    expect(decodeAddressAnswer(Uint8Array.of(...bytes, 0)).ok).toBe(false);
  });

  it("a refusal's text has no control characters when it is read", () => {
    const bytes = encodeAddressAnswer({ kind: "refused", detail: "a\u001b[31mb" });
    expect(decodeAddressAnswer(bytes)).toEqual({ ok: true, value: { kind: "refused", detail: "a?[31mb" } });
  });
});
