/** Bytes of the protocol for ranges that cost something (R47). */
import { describe, expect, it } from "vitest";
import { refusal } from "../../../../protocol/codec/challenge.ts";
import { dueCodes } from "../../../../protocol/codec/paid-reading.ts";
import {
  decodePaidRetrieveRequest,
  decodePaidRetrieveResponse,
  encodePaidRetrieveRequest,
  encodePaidRetrieveResponse,
  isDue,
  maxPaidRetrieveRequestBytes,
  maxPaidRetrieveResponseBytes,
  paidRetrieveRequestBytes,
} from "../../../../protocol/codec/paid-retrieve.ts";
import type { PaidRetrieveRequest, PaidRetrieveResponse } from "../../../../protocol/codec/paid-retrieve.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";

const address = (seed: number) => toHex(seededBytes(20, seed));
const wanted = {
  chainId: 5,
  group: address(1),
  pieceRoot: toHex(seededBytes(32, 2)),
  size: 7,
  range: 3,
  forAnybody: true,
  root: toHex(seededBytes(32, 3)),
  until: 9,
  bytesPerDay: 10,
  sequence: 11,
  signature: seededBytes(65, 4),
};
const voucher = {
  chainId: 5,
  vouchers: address(5),
  reader: address(6),
  provider: address(7),
  token: address(8),
  amount: 12n,
  signature: seededBytes(65, 9),
};
const requests: readonly PaidRetrieveRequest[] = [
  { kind: "ask", wanted },
  { kind: "pay", wanted, voucher },
  { kind: "settle", wanted, voucher },
];

describe("a request", () => {
  it.each(requests)(
    "to $kind is read back, its length follows from its first byte, and no other bytes are read",
    (one) => {
      const bytes = encodePaidRetrieveRequest(one);
      expect(decodePaidRetrieveRequest(bytes)).toEqual({ ok: true, value: one });
      expect(paidRetrieveRequestBytes(bytes)).toBe(bytes.length);
      expect(bytes.length).toBeLessThanOrEqual(maxPaidRetrieveRequestBytes);
      for (let length = 0; length < bytes.length; length++)
        expect(decodePaidRetrieveRequest(bytes.subarray(0, length)).ok).toBe(false);
      expect(decodePaidRetrieveRequest(Uint8Array.of(...bytes, 0)).ok).toBe(false);
      expect(decodePaidRetrieveRequest(Uint8Array.of(3, ...bytes.subarray(1))).ok).toBe(false);
    },
  );
});

describe("a response", () => {
  const terms = { chainId: 5, vouchers: address(5), provider: address(7), token: address(8) };
  const amounts = { pricePerGiB: (1n << 128n) - 1n, owed: 3n, needed: 4n };
  const responses: readonly PaidRetrieveResponse[] = [
    { kind: "range", charged: 1n, siblings: [seededBytes(32, 1)], bytes: seededBytes(70, 2) },
    { kind: "range", charged: 0n, siblings: [], bytes: seededBytes(rangeBytes, 2) },
    { kind: "settled" },
    refusal("busy", "later"),
    ...dueCodes.map(
      (code) => ({ kind: "due", code, ...terms, ...amounts, detail: "x".repeat(200) }) as const,
    ),
  ];

  it("is read back, and truncated or longer ones are refused", () => {
    for (const one of responses) {
      const bytes = encodePaidRetrieveResponse(one);
      const read = decodePaidRetrieveResponse(bytes);
      if (!read.ok) throw new Error(read.detail);
      const { value } = read;
      // A range's bytes are a view.
      const copied = value.kind === "range" ? { ...value, bytes: Uint8Array.from(value.bytes) } : value;
      expect(copied).toEqual(one);
      expect(isDue(bytes)).toBe(one.kind === "due");
      expect(bytes.length).toBeLessThanOrEqual(maxPaidRetrieveResponseBytes);
      expect(decodePaidRetrieveResponse(bytes.subarray(0, bytes.length - 1)).ok).toBe(false);
      expect(decodePaidRetrieveResponse(Buffer.concat([bytes, Buffer.of(0)])).ok).toBe(false);
    }
    expect(decodePaidRetrieveResponse(Uint8Array.of(2, 4)).ok).toBe(false);
    expect(decodePaidRetrieveResponse(Uint8Array.of(2, 2, dueCodes.length)).ok).toBe(false);
  });

  it("cuts a text that is too long, and takes no control characters from it", () => {
    const due = {
      kind: "due",
      code: "deposit",
      ...terms,
      ...amounts,
      detail: `\u001b[2J${"ü".repeat(200)}`,
    } as const;
    const read = decodePaidRetrieveResponse(encodePaidRetrieveResponse(due));
    if (!read.ok || read.value.kind !== "due") throw new Error("expected what is owed");
    expect(read.value.detail).toMatch(/^\?\[2Jü+$/);
  });
});
