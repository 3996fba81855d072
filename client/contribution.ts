/** Attestations of a committee's members about a contribution to a ceremony: signing them, and checking them against the chain (R48). */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { getBytes, type Provider } from "ethers";
import { domainOf } from "../protocol/certificate.ts";
import { contributionDigest, type CeremonyContribution } from "../protocol/contribution.ts";
import type { Hex } from "../protocol/hash.ts";
import { isCommitteeSize, quorum } from "../protocol/quorum.ts";
import { decodeG2, signatureTag } from "./bls.ts";
import { CommitteeReader, type CommitteeMember } from "./committee-view.ts";
import { inputError } from "./errors.ts";

const bls = bls12_381.shortSignatures;

/** The committee that attests; its address and chain are in the signed domain (R27). */
export type AttestingCommittee = { readonly chainId: number; readonly committee: Hex };

/** One member's signature. */
export type ContributionAttestation = {
  /** Version of the members. */
  readonly version: number;
  /** Index of the member in that version. */
  readonly member: number;
  /** G1, compressed: 48 bytes. */
  readonly signature: Hex;
};

/** The members of one version that took effect. */
export type AttestingMembers = AttestingCommittee & {
  readonly version: number;
  /** Signatures that are needed: q = 2f+1 (R2). */
  readonly quorum: number;
  /** In contract order. */
  readonly members: readonly CommitteeMember[];
  /** Block from which the version is not in force any more; undefined while it is. */
  readonly retiredFrom: number | undefined;
};

function digestOf({ chainId, committee }: AttestingCommittee, contribution: CeremonyContribution): Hex {
  return contributionDigest(domainOf(chainId, committee.toLowerCase() as Hex), contribution);
}

/**
 * Signs with a member's BLS key.
 * @param secret 32 bytes, 0x-hex
 * @returns G1, compressed: 48 bytes
 */
export function signContribution(
  secret: Hex,
  committee: AttestingCommittee,
  contribution: CeremonyContribution,
): Hex {
  const message = bls.hash(getBytes(digestOf(committee, contribution)), signatureTag);
  return `0x${bls.Signature.toHex(bls.sign(message, getBytes(secret)))}`;
}

/** True if the member signed. False for a member that does not exist, a malformed point, infinity, or a point outside the subgroup (D5). */
export function verifyContribution(
  members: AttestingMembers,
  contribution: CeremonyContribution,
  { version, member, signature }: ContributionAttestation,
): boolean {
  const key = members.members[member]?.blsKey;
  if (key === undefined || version !== members.version || !/^0x[0-9a-f]{96}$/i.test(signature)) return false;
  try {
    const point = bls.Signature.fromHex(signature.slice(2));
    if (point.is0()) return false;
    const message = bls.hash(getBytes(digestOf(members, contribution)), signatureTag);
    return bls.verify(point, message, decodeG2(key));
  } catch {
    return false;
  }
}

/**
 * The members of a committee's version, from the chain.
 * @param version the one in force if it is not given
 * @throws WhitePayError `input` if there is no such committee, or the version did not take effect
 */
export async function attestingMembers(
  provider: Provider,
  committee: string,
  version?: number,
): Promise<AttestingMembers> {
  const view = new CommitteeReader(provider, committee);
  const [{ chainId }, info] = await Promise.all([
    provider.getNetwork(),
    version === undefined ? view.present() : view.version(version),
  ]);
  if (info.effectiveFrom === undefined || !isCommitteeSize(info.operators.length))
    throw inputError(`version ${info.version} of committee ${committee} cannot attest`, {
      expected: "a version that took effect",
      actual: "one that did not",
      hint: "see the committee's versions: whitepay committee show",
    });
  return {
    chainId: Number(chainId),
    committee: committee.toLowerCase() as Hex,
    version: info.version,
    quorum: quorum(info.operators.length),
    members: await view.members(info.version),
    retiredFrom: info.retiredFrom,
  };
}
