/** R44: the payer's signed permissions to read data of a group, and their revocation. */
import { ByteWriter } from "../../storage/core/bytes.ts";
import type { ByteReader } from "../../storage/core/bytes.ts";
import { domainOf, typedDigest } from "../certificate.ts";
import { fromHex, keccakText, keccakWords, zeroHash } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { readFlag } from "./offer.ts";
import { digestSigner } from "./receipt.ts";

/** The group whose data is read. */
export type GroupDomain = { readonly chainId: number; readonly group: Hex };

/** What the payer permits. */
export type PermissionTerms = {
  /** True: whoever shows the permission may read. False: only the peer whose id was signed. */
  readonly forAnybody: boolean;
  /** The piece that may be read; zero: every piece of the group. */
  readonly root: Hex;
  /** Last block of its validity. */
  readonly until: number;
  /** Most bytes that a provider sends for it in a day of UTC; `unlimitedBytes`: no limit. */
  readonly bytesPerDay: number;
  /** Names the permission in a revocation. 0 is that of the payer's own readers, which cannot be revoked. */
  readonly sequence: number;
};

export type Permission = PermissionTerms & {
  /** EIP-712, by the payer's account, 65 bytes. */
  readonly signature: Uint8Array;
};

export const unlimitedBytes = Number.MAX_SAFE_INTEGER;

/** Ends the validity of all permissions whose sequence is from `first` to `last`. */
export type Revocation = {
  /** At least 1. */
  readonly first: number;
  readonly last: number;
  /** EIP-712, by the payer's account, 65 bytes. */
  readonly signature: Uint8Array;
};

/** EIP-712 `encodeType`; `peer` is keccak256 of the peer id's text, zero for anybody. */
const retrievalType = "Retrieval(bytes32 peer,bytes32 root,uint64 until,uint64 bytesPerDay,uint64 sequence)";
const revocationType = "Revocation(uint64 first,uint64 last)";
const retrievalTypeHash = keccakText(retrievalType);
const revocationTypeHash = keccakText(revocationType);

/** The field `peer`. @param peer text form of the peer id; not used if the permission is for anybody */
function permittedPeer(forAnybody: boolean, peer: string): Hex {
  return forAnybody ? zeroHash : keccakText(peer);
}

/** EIP-712 digest with the group as verifying contract. @param peer text form of the peer id that reads */
export function permissionDigest({ chainId, group }: GroupDomain, peer: string, terms: PermissionTerms): Hex {
  const { forAnybody, root, until, bytesPerDay, sequence } = terms;
  const struct = keccakWords(
    retrievalTypeHash,
    permittedPeer(forAnybody, peer),
    root,
    until,
    bytesPerDay,
    sequence,
  );
  return typedDigest(domainOf(chainId, group), struct);
}

/** Lower-case address of the signer of a permission that `peer` (text form) shows; undefined if the signature is invalid. */
export function permissionSigner(domain: GroupDomain, peer: string, permission: Permission): Hex | undefined {
  return digestSigner(fromHex(permissionDigest(domain, peer, permission)), permission.signature);
}

/** Lower-case address of the signer of a revocation; undefined if the signature is invalid. */
export function revocationSigner({ chainId, group }: GroupDomain, revocation: Revocation): Hex | undefined {
  const { first, last, signature } = revocation;
  const struct = keccakWords(revocationTypeHash, first, last);
  return digestSigner(fromHex(typedDigest(domainOf(chainId, group), struct)), signature);
}

export const permissionBytes = 1 + 32 + 8 + 8 + 8 + 65;

export function writePermission(w: ByteWriter, permission: Permission): ByteWriter {
  const { forAnybody, root, until, bytesPerDay, sequence, signature } = permission;
  return w
    .u8(forAnybody ? 1 : 0)
    .hex(root, 32)
    .u64(until)
    .u64(bytesPerDay)
    .u64(sequence)
    .bytes(signature, 65);
}

export function readPermission(reader: ByteReader): Permission {
  return {
    forAnybody: readFlag(reader, "for anybody"),
    root: reader.hex(32, "permitted root"),
    until: reader.u64("last block"),
    bytesPerDay: reader.u64("bytes a day"),
    sequence: reader.u64("sequence"),
    signature: reader.bytes(65, "signature"),
  };
}

export const revocationBytes = 8 + 8 + 65;

export function writeRevocation(w: ByteWriter, { first, last, signature }: Revocation): ByteWriter {
  return w.u64(first).u64(last).bytes(signature, 65);
}

export function readRevocation(reader: ByteReader): Revocation {
  const first = reader.u64("first sequence");
  const last = reader.u64("last sequence");
  if (first < 1 || last < first) {
    reader.fail("range", `sequences: expected 1 or more, ascending, actual ${first} to ${last}`);
  }
  return { first, last, signature: reader.bytes(65, "signature") };
}
