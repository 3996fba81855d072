/** Accepts a seat in a proposed committee (R33): by a call of the keeper, or by its signature, which any account may send. */
import { Contract, dataSlice, keccak256, TypedDataEncoder, type Provider, type Signer } from "ethers";
import { groupAbi } from "./abi.ts";
import { inputError } from "./errors.ts";
import { GroupView } from "./group-view.ts";
import { chainOf } from "./signer.ts";
import type { TransactionPlan } from "./transactions.ts";

/** A keeper's signed acceptance: the output of `whitepay keeper accept --sign`. */
export type SeatConsent = {
  readonly group: string;
  readonly committee: number;
  readonly operator: string;
  /** EIP-712, 65 bytes. */
  readonly signature: string;
};

type Proposed = {
  readonly provider: Provider;
  readonly contract: Contract;
  readonly version: number;
  readonly operators: readonly string[];
  readonly keysBlob: string;
};

/** @throws WhitePayError `input` if no committee is proposed */
async function proposedIn(signer: Signer, group: string): Promise<Proposed> {
  const provider = chainOf(signer);
  const contract = new Contract(group, groupAbi, signer);
  const [committee] = await new GroupView(provider, group).read("pendingCommittee");
  const version = Number(committee.version);
  if (version === 0) throw inputError(`group ${group} has no proposed committee`);
  return { provider, contract, version, operators: [...committee.operators], keysBlob: committee.keysBlob };
}

/** Accepts the seat of the signer in the proposed committee, or declines it. */
export async function planSeat(
  signer: Signer,
  group: string,
  answer: "accept" | "decline",
): Promise<TransactionPlan> {
  const { contract, version, operators } = await proposedIn(signer, group);
  return {
    what: `${answer === "accept" ? "accepting" : "declining"} the seat in committee ${version} of group ${group}`,
    contract,
    method: `${answer}Seat`,
    args: [version],
    shows: [["committee", operators.join(", ")]],
  };
}

const types = {
  SeatAcceptance: [
    { name: "committee", type: "uint64" },
    { name: "keysHash", type: "bytes32" },
  ],
};

/**
 * Signs the acceptance of the signer's seat for exactly the proposed members and keys. Sends nothing.
 * @throws WhitePayError `input` if the signer has no seat in the proposal
 */
export async function signSeat(signer: Signer, group: string): Promise<SeatConsent> {
  const { provider, contract, version, operators, keysBlob } = await proposedIn(signer, group);
  const operator = await signer.getAddress();
  if (!operators.includes(operator)) {
    throw inputError(`${operator} has no seat in committee ${version} of group ${group}`, {
      expected: operators.join(", "),
    });
  }
  // Compute the digest from the keys: an endpoint must not choose the signed value.
  const { chainId } = await provider.getNetwork();
  const domain = { name: "WhitePay", version: "1", chainId, verifyingContract: group };
  const keysHash = keccak256(dataSlice(await provider.getCode(keysBlob), 1));
  const value = { committee: version, keysHash };
  const digest = TypedDataEncoder.hash(domain, types, value);
  const expected = (await contract.getFunction("seatAcceptanceDigest")(version)) as string;
  if (digest !== expected) {
    throw inputError("the digest of the group does not match the proposed keys", {
      expected: digest,
      actual: expected,
      hint: "use another endpoint of the chain",
    });
  }
  return { group, committee: version, operator, signature: await signer.signTypedData(domain, types, value) };
}

/** Sends a keeper's signed acceptance. Any account may send it. */
export async function planAcceptSeat(signer: Signer, consent: SeatConsent): Promise<TransactionPlan> {
  const { group, committee, operator, signature } = consent;
  const { contract, operators } = await proposedIn(signer, group);
  return {
    what: `accepting the seat of ${operator} in committee ${committee} of group ${group}`,
    contract,
    method: "acceptSeatBySignature",
    args: [committee, operator, signature],
    shows: [["committee", operators.join(", ")]],
  };
}
