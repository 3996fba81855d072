/** Bytes of the retrieval protocol: one encoding, bounded sizes, and a payer's permission for exactly one peer. */
import { Wallet } from "ethers";
import { describe, expect, it } from "vitest";
import { refusal } from "../../../../protocol/codec/challenge.ts";
import {
  decodeRetrieveRequest,
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  encodeRetrieveResponse,
  retrieveRequestBytes,
} from "../../../../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../../../../protocol/codec/retrieve.ts";
import { permissionSigner, revocationSigner } from "../../../../protocol/codec/permission.ts";
import { zeroHash } from "../../../../protocol/hash.ts";
import { toHex } from "../../../../storage/core/bytes.ts";
import { maxRangeNodes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";
import { signedPermission, signedRevocation } from "../../../support/permissions.ts";

const request: RetrieveRequest = {
  chainId: 31_337,
  group: `0x${"a1".repeat(20)}`,
  pieceRoot: toHex(seededBytes(32, 1)),
  size: 2 ** 40,
  range: 77,
  forAnybody: false,
  root: toHex(seededBytes(32, 8)),
  until: 123_456,
  bytesPerDay: 2 ** 40,
  sequence: 12,
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
    const peer = "12D3KooWpeer";
    const terms = { peer, until, root: request.root, bytesPerDay: 5_000, sequence: 3 };
    const permission = await signedPermission(wallet, { chainId, group }, terms);
    const payer = wallet.address.toLowerCase();
    expect(permissionSigner({ chainId, group }, peer, permission)).toBe(payer);
    const others = [
      permissionSigner({ chainId, group }, "12D3KooWother", permission),
      permissionSigner({ chainId: 1, group }, peer, permission),
      permissionSigner({ chainId, group: `0x${"a2".repeat(20)}` }, peer, permission),
      permissionSigner({ chainId, group }, peer, { ...permission, until: until + 1 }),
      permissionSigner({ chainId, group }, peer, { ...permission, root: zeroHash }),
      permissionSigner({ chainId, group }, peer, { ...permission, bytesPerDay: 5_001 }),
      permissionSigner({ chainId, group }, peer, { ...permission, sequence: 4 }),
      permissionSigner({ chainId, group }, peer, { ...permission, forAnybody: true }),
      permissionSigner({ chainId, group }, peer, { ...permission, signature: new Uint8Array(65) }),
    ];
    expect(others).not.toContain(payer);
  });

  it("for anybody is valid for every peer", async () => {
    const wallet = Wallet.createRandom();
    const { chainId, group, until } = request;
    const permission = await signedPermission(wallet, { chainId, group }, { peer: undefined, until });
    for (const peer of ["12D3KooWpeer", "12D3KooWother", ""]) {
      expect(permissionSigner({ chainId, group }, peer, permission)).toBe(wallet.address.toLowerCase());
    }
    const named = { ...permission, forAnybody: false };
    expect(permissionSigner({ chainId, group }, "12D3KooWpeer", named)).not.toBe(
      wallet.address.toLowerCase(),
    );
  });
});

describe("a revocation", () => {
  it("is valid for the group, chain and sequences that the account signed, and no others", async () => {
    const wallet = Wallet.createRandom();
    const { chainId, group } = request;
    const revocation = await signedRevocation(wallet, { chainId, group }, 3, 9);
    const payer = wallet.address.toLowerCase();
    expect(revocationSigner({ chainId, group }, revocation)).toBe(payer);
    const others = [
      revocationSigner({ chainId: 1, group }, revocation),
      revocationSigner({ chainId, group: `0x${"a2".repeat(20)}` }, revocation),
      revocationSigner({ chainId, group }, { ...revocation, first: 2 }),
      revocationSigner({ chainId, group }, { ...revocation, last: 10 }),
    ];
    expect(others).not.toContain(payer);
  });
});
