/** R44: the payer signs who may read its data, and takes it back. */
import { keccak256, toUtf8Bytes, type Signer } from "ethers";
import type {
  GroupDomain,
  Permission,
  PermissionTerms,
  Revocation,
} from "../../protocol/codec/permission.ts";
import { fromHex, zeroHash } from "../../protocol/hash.ts";
import { chainOf } from "../signer.ts";

const uint = (name: string) => ({ name, type: "uint64" });
const types = {
  Retrieval: [
    { name: "peer", type: "bytes32" },
    { name: "root", type: "bytes32" },
    uint("until"),
    uint("bytesPerDay"),
    uint("sequence"),
  ],
};
const revocationTypes = { Revocation: [uint("first"), uint("last")] };

type Scope = { readonly domain: object; readonly group: GroupDomain };

async function scopeOf(signer: Signer, address: string): Promise<Scope> {
  const { chainId } = await chainOf(signer).getNetwork();
  return {
    domain: { name: "WhitePay", version: "2", chainId, verifyingContract: address },
    group: { chainId: Number(chainId), group: address.toLowerCase() as GroupDomain["group"] },
  };
}

/** @param peer text form of the peer id that may read; undefined: anybody */
export async function signPermission(
  signer: Signer,
  address: string,
  peer: string | undefined,
  terms: Omit<PermissionTerms, "forAnybody">,
): Promise<GroupDomain & Permission> {
  const { domain, group } = await scopeOf(signer, address);
  const value = { peer: peer === undefined ? zeroHash : keccak256(toUtf8Bytes(peer)), ...terms };
  const signature = fromHex(await signer.signTypedData(domain, types, value));
  return { ...group, forAnybody: peer === undefined, ...terms, signature };
}

/** Ends all permissions with a sequence from `first`, at least 1, to `last`. */
export async function signRevocation(
  signer: Signer,
  address: string,
  range: Omit<Revocation, "signature">,
): Promise<GroupDomain & Revocation> {
  const { domain, group } = await scopeOf(signer, address);
  const signature = fromHex(await signer.signTypedData(domain, revocationTypes, range));
  return { ...group, ...range, signature };
}
