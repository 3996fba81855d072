/** Verifies a certificate from chain data alone: digest, aggregate signature, quorum, members, and the groups handed in (R25, R27, R29). */
import { getAddress, getBytes, toBeHex, type Provider, type TransactionReceipt } from "ethers";
import { bitIndices } from "../protocol/bitmap.ts";
import {
  certificateDigest,
  domainOf,
  rootOfRange,
  type Certificate,
  type CertifiedGroup,
} from "../protocol/certificate.ts";
import { counted } from "../protocol/counted.ts";
import { zeroHash, type Hex } from "../protocol/hash.ts";
import { faultBound, isCommitteeSize, quorum } from "../protocol/quorum.ts";
import { committeeAbi } from "./abi.ts";
import { verifyAggregate } from "./bls.ts";
import {
  CommitteeReader,
  type CommitteeMember,
  type CommitteeVersion,
  type Rhythm,
} from "./committee-view.ts";
import { isContractFault } from "./contract-fault.ts";
import { inputError } from "./errors.ts";
import { certifiedEvent, handedIn, type CertifiedEvent, type HandedIn } from "./settlements.ts";

export type CertificateReport = {
  readonly valid: boolean;
  readonly committee: string;
  readonly ts: number;
  readonly te: number;
  readonly version: number;
  readonly digest: string;
  /** Indices of the members that signed. */
  readonly signers: readonly number[];
  readonly quorum: number;
  /** Groups that this transaction hands in, each proven to be in the certificate. */
  readonly groups: readonly {
    readonly group: string;
    readonly items: readonly { readonly provider: number; readonly spaceTime: bigint }[];
  }[];
};

export type CertificateVerdict = {
  readonly report: CertificateReport;
  /** The conditions that do not hold. */
  readonly complaints: readonly string[];
};

type Sent = { readonly committee: string; readonly input: HandedIn; readonly receipt: TransactionReceipt };

async function sentIn(provider: Provider, tx: string): Promise<Sent> {
  const [transaction, receipt] = await Promise.all([
    provider.getTransaction(tx),
    provider.getTransactionReceipt(tx),
  ]);
  if (transaction === null) {
    throw inputError(`the chain has no transaction ${tx}`, { hint: "check the hash and the endpoint" });
  }
  if (receipt === null) throw inputError(`transaction ${tx} is not in a block yet`, { hint: "re-run later" });
  const input = handedIn(transaction.data);
  if (transaction.to === null || input === undefined) {
    throw inputError(`transaction ${tx} hands in no certificate`, {
      expected: "a call of certify(…) or settle(…) on a committee",
      actual: transaction.to === null ? "a contract deployment" : `selector ${transaction.data.slice(0, 10)}`,
    });
  }
  return { committee: getAddress(transaction.to), input, receipt };
}

/** The event with which a certificate was accepted: in this receipt, or for `settle` in an earlier block. */
async function acceptance(
  provider: Provider,
  { committee, input, receipt }: Sent,
): Promise<CertifiedEvent | undefined> {
  const { ts, te } = input.certificate;
  const wanted = (event: CertifiedEvent | undefined): event is CertifiedEvent =>
    event !== undefined && getAddress(event.committee) === committee && event.ts === ts;
  if (input.signed !== undefined) return receipt.logs.map(certifiedEvent).find(wanted);
  const topic = (committeeAbi.getEvent("Certified") as { topicHash: string }).topicHash;
  const logs = await provider.getLogs({
    address: committee,
    topics: [topic, toBeHex(ts, 32)],
    // R29: it is accepted in [te, te + t).
    fromBlock: te,
    toBlock: receipt.blockNumber,
  });
  return logs.map(certifiedEvent).find(wanted);
}

/** Signers and signature: those of this transaction, or for `settle` of the one that certified. */
async function signatureOf(
  provider: Provider,
  { input }: Sent,
  accepted: CertifiedEvent | undefined,
): Promise<HandedIn["signed"]> {
  if (input.signed !== undefined || accepted === undefined) return input.signed;
  const certifying = await provider.getTransaction(accepted.transaction);
  return handedIn(certifying?.data ?? "")?.signed;
}

type Members = {
  readonly members: readonly CommitteeMember[];
  readonly version: CommitteeVersion | undefined;
  readonly rhythm: Rhythm | undefined;
};

async function membersOf(provider: Provider, committee: string, version: number): Promise<Members> {
  const view = new CommitteeReader(provider, committee);
  try {
    const [members, info, rhythm] = await Promise.all([
      view.members(version),
      view.version(version),
      view.rhythm(),
    ]);
    return { members, version: info, rhythm };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // No contract, one without this view, or one that refuses the version: there are no such members.
    if (isContractFault(error) || code === "input" || code === "refused") {
      return { members: [], version: undefined, rhythm: undefined };
    }
    throw error;
  }
}

/** A text where the condition does not hold. */
const unless = (holds: boolean, complaint: string): string | undefined => (holds ? undefined : complaint);

/** R6, R7: the interval and the sets of members fit the committee's rhythm and size. */
function shapeComplaints(c: Certificate, n: number, { interval, turn }: Rhythm): (string | undefined)[] {
  const past = c.te - c.ts - interval;
  const lapsed = Math.floor(past / turn);
  const failed = bitIndices(c.failed).length;
  const expected = Math.min(lapsed, faultBound(n));
  return [
    unless(past >= 0 && past % turn === 0, `te ${c.te} ends no turn of an interval that starts at ${c.ts}`),
    unless(failed === expected, `expected ${counted(expected, "failed member")}, actual ${failed}`),
    unless((c.failed & c.payees) === 0n, "a failed member is a payee"),
    unless(((c.failed >> BigInt(c.leader)) & 1n) === 0n, "the leader is a failed member"),
    unless(
      (c.failed | c.payees) >> BigInt(n) === 0n && c.leader < n,
      "it names members beyond the committee",
    ),
  ];
}

function groupComplaints({ certificate, first, groups, proof }: HandedIn): (string | undefined)[] {
  if (groups.length === 0) return [unless(proof.length === 0, "it has a proof without groups")];
  try {
    const root = rootOfRange(groups, first, certificate.count, proof);
    return [unless(root === certificate.groups, "the groups handed in are not those of the certificate")];
  } catch (error) {
    return [`the groups handed in prove nothing: ${(error as Error).message}`];
  }
}

function eventComplaints(
  { input: { certificate: c, signed }, receipt }: Sent,
  event: CertifiedEvent | undefined,
): (string | undefined)[] {
  if (receipt.status !== 1) return ["the transaction was reverted"];
  if (event === undefined) return ["the committee emitted no Certified event for it"];
  const keys = ["te", "version", "leader", "failed", "payees", "count", "groups"] as const;
  const other = keys.filter((key) => event[key] !== c[key]);
  return [
    unless(other.length === 0, `the committee accepted another certificate: ${other.join(", ")} differ`),
    unless(signed === undefined || event.signers === signed.signers, "the committee emitted other signers"),
  ];
}

function signatureComplaints(
  digest: Hex,
  signed: HandedIn["signed"],
  members: readonly CommitteeMember[],
): (string | undefined)[] {
  if (signed === undefined) return ["no transaction has its signature"];
  const n = members.length;
  if (!isCommitteeSize(n)) return [`expected the members of a committee, actual ${counted(n, "member")}`];
  const signers = bitIndices(signed.signers);
  const keys = signers.map((index) => members[index]?.blsKey);
  const needed = quorum(n);
  if (!keys.every((key) => key !== undefined)) return ["a signer is not a member of the version"];
  return [
    unless(signers.length >= needed, `expected at least ${needed} signers, actual ${signers.length}`),
    unless(
      verifyAggregate(signed.signature, getBytes(digest), keys),
      "the aggregate signature does not match these signers and this digest",
    ),
  ];
}

/** R5: the version was in force when the interval began. */
function versionComplaints(c: Certificate, version: CommitteeVersion | undefined): (string | undefined)[] {
  if (version === undefined) return [];
  const { effectiveFrom, retiredFrom } = version;
  const inForce =
    effectiveFrom !== undefined && effectiveFrom <= c.ts && (retiredFrom === undefined || c.ts < retiredFrom);
  return [unless(inForce, `version ${c.version} was not in force at block ${c.ts}`)];
}

const plainGroup = ({ group, items }: CertifiedGroup): CertificateReport["groups"][number] => ({
  group: getAddress(group),
  items: items.map(({ provider, spaceTime }) => ({ provider, spaceTime })),
});

/**
 * Verifies the certificate that a transaction hands in.
 * @throws WhitePayError `input` if there is no such transaction, or it hands in none
 */
export async function verifyCertificate(provider: Provider, tx: string): Promise<CertificateVerdict> {
  const sent = await sentIn(provider, tx);
  const { committee, input } = sent;
  const c = input.certificate;
  const [{ chainId }, accepted, { members, version, rhythm }] = await Promise.all([
    provider.getNetwork(),
    acceptance(provider, sent),
    membersOf(provider, committee, c.version),
  ]);
  const signed = await signatureOf(provider, sent, accepted);
  const digest = certificateDigest(domainOf(Number(chainId), committee.toLowerCase() as Hex), c);
  const n = members.length;
  const complaints = [
    ...eventComplaints(sent, accepted),
    ...signatureComplaints(digest, signed, members),
    ...versionComplaints(c, version),
    ...(rhythm === undefined || !isCommitteeSize(n) ? [] : shapeComplaints(c, n, rhythm)),
    ...groupComplaints(input),
    unless(c.count > 0 || c.groups === zeroHash, "an empty scope has a root"),
  ].filter((text) => text !== undefined);
  const report: CertificateReport = {
    valid: complaints.length === 0,
    committee,
    ts: c.ts,
    te: c.te,
    version: c.version,
    digest,
    signers: bitIndices(signed?.signers ?? 0n),
    quorum: isCommitteeSize(n) ? quorum(n) : 0,
    groups: input.groups.map(plainGroup),
  };
  return { report, complaints };
}
