/** Receipts without cryptography: what is remembered about those of the last answer equals what their bytes hold. */
import { describe, expect, it } from "vitest";
import { keccak } from "../../protocol/hash.ts";
import { addressOfGroup } from "../../sim/chain/snapshots.ts";
import { issueReceipts, readReceipt } from "../../sim/providers/cheap-proofs.ts";
import { operatorOf } from "../../sim/signatures/cheap-signatures.ts";

function fieldsOf(group: number) {
  const address = addressOfGroup(group);
  return {
    keeper: operatorOf(1),
    group: address,
    provider: 2,
    slot: 7,
    leaves: 16 - group,
    signer: operatorOf(3),
  };
}

describe("the receipts of an answer", () => {
  it("read the same, remembered or from a copy of their bytes", () => {
    const groups = [0, 1, 2];
    const issued = issueReceipts(groups.map(fieldsOf));
    for (const [group, { receipt, hash }] of issued.entries()) {
      const expected = { fields: fieldsOf(group), hash: keccak(receipt) };
      expect(hash).toBe(expected.hash);
      expect(readReceipt(receipt)).toMatchObject(expected);
      expect(readReceipt(receipt.slice())).toEqual(expected);
    }
  });

  it("read the same after a later answer", () => {
    const [first] = issueReceipts([fieldsOf(0)]);
    if (first === undefined) throw new Error("expected a receipt, actual none");
    issueReceipts([fieldsOf(1)]);
    expect(readReceipt(first.receipt)).toEqual({ fields: fieldsOf(0), hash: first.hash });
  });

  it("of other bytes do not read", () => {
    expect(readReceipt(new Uint8Array(3))).toBeUndefined();
  });
});
