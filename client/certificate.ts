/** Verifies the aggregate signature of a settlement from chain data alone. */
import { getBytes, type Provider } from "ethers";
import { isCommitteeSize, quorum } from "../protocol/quorum.ts";
import { verifyAggregate } from "./bls.ts";
import { inputError } from "./errors.ts";
import {
  decodeSettleInput,
  membersOf,
  settledEvents,
  settlementDigest,
  type SettlementInput,
} from "./settlements.ts";
import { bitIndices } from "../protocol/bitmap.ts";
import { counted } from "../protocol/counted.ts";

export type CertificateReport = {
  valid: boolean;
  group: string;
  ts: number;
  te: number;
  committee: number;
  digest: string;
  signers: number[];
  quorum: number;
};

export type SettlementVerdict = { report: CertificateReport; complaints: string[] };

async function settleTransaction(provider: Provider, tx: string) {
  const [transaction, receipt] = await Promise.all([
    provider.getTransaction(tx),
    provider.getTransactionReceipt(tx),
  ]);
  if (transaction === null) {
    throw inputError(`the chain has no transaction ${tx}`, { hint: "check the hash and the endpoint" });
  }
  if (receipt === null) throw inputError(`transaction ${tx} is not in a block yet`, { hint: "re-run later" });
  const input = decodeSettleInput(transaction.data);
  if (transaction.to === null || input === undefined) {
    throw inputError(`transaction ${tx} is not a settlement`, {
      expected: "a call of settle(…) on a group",
      actual: transaction.to === null ? "a contract deployment" : `selector ${transaction.data.slice(0, 10)}`,
    });
  }
  return { group: transaction.to, input, receipt };
}

/** The keys of the signers; undefined if a signer is not a member. */
function signerKeys(
  members: readonly { blsKey: string }[],
  signers: readonly number[],
): string[] | undefined {
  const keys = signers.map((index) => members[index]?.blsKey);
  return keys.every((key) => key !== undefined) ? keys : undefined;
}

/** Verifies one settlement; `complaints` lists the failed conditions. */
export async function verifySettlement(provider: Provider, tx: string): Promise<SettlementVerdict> {
  const { group, input, receipt } = await settleTransaction(provider, tx);
  const { chainId } = await provider.getNetwork();
  const members = await readMembers(provider, group, input);
  const digest = settlementDigest(chainId, group, input);
  const signers = bitIndices(input.signers);
  const needed = isCommitteeSize(members.length) ? quorum(members.length) : 0;
  const keys = signerKeys(members, signers);
  const event = settledEvents(receipt).find(
    (candidate) => candidate.group === group && candidate.ts === input.ts,
  );
  const complaints = [
    receipt.status === 1 ? undefined : "the transaction was reverted",
    event === undefined || event.digest === digest ? undefined : `the group emitted digest ${event.digest}`,
    receipt.status === 1 && event === undefined ? "the group emitted no Settled event for it" : undefined,
    needed > 0
      ? undefined
      : `expected the members of a committee, actual ${counted(members.length, "member")}`,
    signers.length >= needed ? undefined : `expected at least ${needed} signers, actual ${signers.length}`,
    keys === undefined ? "a signer is not a member of the committee" : undefined,
    keys !== undefined && !verifyAggregate(input.signature, getBytes(digest), keys)
      ? "the aggregate signature does not match these signers and this digest"
      : undefined,
  ].filter((text) => text !== undefined);
  const { ts, te, committee } = input;
  const valid = complaints.length === 0;
  return { report: { valid, group, ts, te, committee, digest, signers, quorum: needed }, complaints };
}

async function readMembers(provider: Provider, group: string, input: SettlementInput) {
  try {
    return await membersOf(provider, group, input.committee);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // No contract, one without this view, or one that refuses the version: there is no such committee.
    if (code === "CALL_EXCEPTION" || code === "BAD_DATA" || code === "input") return [];
    throw error;
  }
}
