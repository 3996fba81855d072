/** Bytes of the retrieval protocol: one encoding, bounded sizes, and a payer's permission for exactly one peer. */
import { keccak256, toUtf8Bytes, Wallet } from "ethers";
import { describe, expect, it } from "vitest";
import { refusal } from "../../../../protocol/codec/challenge.ts";
import {
  decodeRetrieveRequest,
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  encodeRetrieveResponse,
  permissionSigner,
  retrieveRequestBytes,
} from "../../../../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../../../../protocol/codec/retrieve.ts";
import { fromHex, toHex } from "../../../../storage/core/bytes.ts";
import { maxRangeNodes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";

const request: RetrieveRequest = {
  chainId: 31_337,
  group: `0x${"a1".repeat(20)}`,
  pieceRoot: toHex(seededBytes(32, 1)),
  size: 2 ** 40,
  range: 77,
  until: 123_456,
  signature: seededBytes(65, 2),
};

describe("a request for a range", () => {
  it("has one length and decodes to the encoded fields; other bytes are refused without a throw", () => {
    const bytes = encodeRetrieveRequest(request);
    expect(bytes).toHaveLength(retrieveRequestBytes);
    expect(decodeRetrieveRequest(bytes)).toEqual({ ok: true, value: request });
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeRetrieveRequest(bytes.subarray(0, length)).ok).toBe(false);
    }
    expect(decodeRetrieveRequest(Uint8Array.of(...bytes, 0)).ok).toBe(false);
    expect(decodeRetrieveRequest(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 9 : byte)))).toMatchObject({
      ok: false,
      code: "version",
    });
  });
});

describe("an encoded range", () => {
  it("decodes to the encoded fields, as does a refusal", () => {
    const range = {
      kind: "range",
      siblings: [seededBytes(32, 3), seededBytes(32, 4)],
      bytes: seededBytes(2_000, 5),
    } as const;
    expect(decodeRetrieveResponse(encodeRetrieveResponse(range))).toEqual({ ok: true, value: range });
    const refused = refusal("not-the-payer", "expected another");
    expect(decodeRetrieveResponse(encodeRetrieveResponse(refused))).toEqual({ ok: true, value: refused });
    const long = {
      ...range,
      siblings: Array.from({ length: maxRangeNodes + 1 }, () => seededBytes(32, 3)),
    };
    expect(decodeRetrieveResponse(encodeRetrieveResponse(long))).toMatchObject({ ok: false, code: "range" });
    const bytes = encodeRetrieveResponse(range);
    for (let length = 0; length < 200; length++) {
      expect(decodeRetrieveResponse(bytes.subarray(0, length)).ok).toBe(false);
    }
  });
});

describe("a permission", () => {
  it("is valid for the peer, group, chain and block that the account signed by EIP-712, and no others", async () => {
    const wallet = Wallet.createRandom();
    const { chainId, group, until } = request;
    const types = {
      Retrieval: [
        { name: "peer", type: "bytes32" },
        { name: "until", type: "uint64" },
      ],
    };
    const domain = { name: "WhitePay", version: "2", chainId, verifyingContract: group };
    const peer = "12D3KooWpeer";
    const text = await wallet.signTypedData(domain, types, { peer: keccak256(toUtf8Bytes(peer)), until });
    const permission = { until, signature: fromHex(text) };
    const payer = wallet.address.toLowerCase();
    expect(permissionSigner({ chainId, group }, peer, permission)).toBe(payer);
    const others = [
      permissionSigner({ chainId, group }, "12D3KooWother", permission),
      permissionSigner({ chainId: 1, group }, peer, permission),
      permissionSigner({ chainId, group: `0x${"a2".repeat(20)}` }, peer, permission),
      permissionSigner({ chainId, group }, peer, { ...permission, until: until + 1 }),
      permissionSigner({ chainId, group }, peer, { ...permission, signature: new Uint8Array(65) }),
    ];
    expect(others).not.toContain(payer);
  });
});
