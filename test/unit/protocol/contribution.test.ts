/** R48 against an independent encoder of EIP-712. */
import { TypedDataEncoder } from "ethers";
import { describe, expect, it } from "vitest";
import { domainOf } from "../../../protocol/certificate.ts";
import { contributionDigest } from "../../../protocol/contribution.ts";
import type { Hex } from "../../../protocol/hash.ts";

const committee: Hex = "0x00000000000000000000000000000000000000c1";
const domain = domainOf(31337, committee);
const contribution = {
  ceremony: `0x${"01".repeat(32)}`,
  index: 68,
  challenge: `0x${"02".repeat(32)}`,
  response: `0x${"03".repeat(32)}`,
} as const;

describe("the digest of a contribution (R48)", () => {
  it("is that of EIP-712 in the committee's domain", () => {
    const expected = TypedDataEncoder.hash(
      { name: "WhitePay", version: "2", chainId: 31337, verifyingContract: committee },
      {
        Contribution: [
          { name: "ceremony", type: "bytes32" },
          { name: "index", type: "uint64" },
          { name: "challenge", type: "bytes32" },
          { name: "response", type: "bytes32" },
        ],
      },
      contribution,
    );
    expect(contributionDigest(domain, contribution)).toBe(expected);
  });

  it.each([0, -1, 1.5, 2 ** 53, Number.NaN])("refuses the index %s", (index) => {
    expect(() => contributionDigest(domain, { ...contribution, index })).toThrow(
      /expected an integer from 1/,
    );
  });
});
