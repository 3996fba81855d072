/** The payer's signatures about reading, written from R44 and EIP-712 without code of the library. */
import { keccak256, toUtf8Bytes, ZeroHash } from "ethers";
import type { Signer } from "ethers";
import type { Permission, Revocation } from "../../protocol/codec/permission.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";

export type Domain = { readonly chainId: number; readonly group: Hex };
export type Wish = {
  /** Undefined: anybody. */
  readonly peer: string | undefined;
  readonly until: number;
  readonly root?: Hex;
  readonly bytesPerDay?: number;
  readonly sequence?: number;
};

const domainOf = ({ chainId, group }: Domain): object => ({
  name: "WhitePay",
  version: "2",
  chainId,
  verifyingContract: group,
});

export async function signedPermission(payer: Signer, domain: Domain, wish: Wish): Promise<Permission> {
  const { peer, until, root = ZeroHash as Hex, bytesPerDay = 2 ** 53 - 1, sequence = 0 } = wish;
  const types = {
    Retrieval: [
      { name: "peer", type: "bytes32" },
      { name: "root", type: "bytes32" },
      { name: "until", type: "uint64" },
      { name: "bytesPerDay", type: "uint64" },
      { name: "sequence", type: "uint64" },
    ],
  };
  const hashed = peer === undefined ? ZeroHash : keccak256(toUtf8Bytes(peer));
  const value = { peer: hashed, root, until, bytesPerDay, sequence };
  const signature = fromHex(await payer.signTypedData(domainOf(domain), types, value));
  return { forAnybody: peer === undefined, root, until, bytesPerDay, sequence, signature };
}

export async function signedRevocation(
  payer: Signer,
  domain: Domain,
  first: number,
  last: number,
): Promise<Revocation> {
  const types = {
    Revocation: [
      { name: "first", type: "uint64" },
      { name: "last", type: "uint64" },
    ],
  };
  const signature = fromHex(await payer.signTypedData(domainOf(domain), types, { first, last }));
  return { first, last, signature };
}
