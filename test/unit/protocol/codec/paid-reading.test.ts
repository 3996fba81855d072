/** R47 on the wire: the voucher in a header, and what a provider says that is owed. */
import { describe, expect, it } from "vitest";
import {
  decodeVoucher,
  dueCodes,
  dueDocument,
  encodeVoucher,
  maxDueBytes,
  readDueDocument,
} from "../../../../protocol/codec/paid-reading.ts";
import type { PaymentDue, ShownVoucher } from "../../../../protocol/codec/paid-reading.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { seededBytes } from "../../../support/files.ts";

const voucher: ShownVoucher = {
  chainId: 31_337,
  vouchers: toHex(seededBytes(20, 1)),
  reader: toHex(seededBytes(20, 2)),
  provider: toHex(seededBytes(20, 3)),
  token: toHex(seededBytes(20, 4)),
  amount: (1n << 128n) - 1n,
  signature: seededBytes(65, 5),
};

const due: PaymentDue = {
  kind: "due",
  code: "underpaid",
  chainId: 1,
  vouchers: voucher.vouchers,
  provider: voucher.provider,
  token: voucher.token,
  pricePerGiB: (1n << 128n) - 1n,
  owed: 5n,
  needed: (1n << 128n) - 1n,
  detail: "x".repeat(200),
};

describe("a voucher in a header", () => {
  it("has one form of 227 characters, and no other text is read as one", () => {
    const text = encodeVoucher(voucher);
    expect(text).toHaveLength(227);
    expect(decodeVoucher(text)).toEqual({ ok: true, value: voucher });
    for (const bad of ["", text.slice(1), `${text}A`, `!${text.slice(1)}`, `B${text.slice(1)}`]) {
      expect(decodeVoucher(bad).ok, bad.slice(0, 3)).toBe(false);
    }
  });
});

describe("what is owed, as JSON", () => {
  it("is read back for every code, within its bound", () => {
    for (const code of dueCodes) {
      const text = JSON.stringify(dueDocument({ ...due, code }));
      expect(text.length).toBeLessThan(maxDueBytes);
      expect(readDueDocument(text)).toEqual({ ok: true, value: { ...due, code } });
    }
  });

  it("has amounts of at most 128 bits, and a detail that is cut off at its bound", () => {
    const document = dueDocument(due);
    for (const name of ["pricePerGiB", "owed", "needed"]) {
      const read = (value: bigint) => readDueDocument(JSON.stringify({ ...document, [name]: String(value) }));
      expect(read((1n << 128n) - 1n).ok).toBe(true);
      expect(read(1n << 128n)).toMatchObject({ ok: false, code: "field" });
    }
    const long = JSON.stringify({ ...document, detail: "x".repeat(1_000) });
    expect(readDueDocument(long)).toEqual({ ok: true, value: due });
  });

  it("is refused if a field is missing or of another kind", () => {
    const document = dueDocument(due);
    for (const name of Object.keys(document).filter((one) => one !== "how")) {
      for (const value of [undefined, null, [], "0x", -1, "-1", "9".repeat(40), 1.5]) {
        const isText = name === "detail" && typeof value === "string";
        const read = readDueDocument(JSON.stringify({ ...document, [name]: value }));
        expect(read.ok, `${name} ${String(value)}`).toBe(isText);
      }
    }
    for (const text of ["", "{", "null", "[]", "7"]) expect(readDueDocument(text).ok).toBe(false);
  });
});
