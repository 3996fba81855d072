/** Transactions that form, change and leave a committee, as plans for `simulate` and `send` (R37, R38). */
import { Contract, getAddress, type Provider, type Signer, type TransactionReceipt } from "ethers";
import { consentGas } from "../protocol/succession.ts";
import { counted } from "../protocol/counted.ts";
import { committeeAbi, factoryAbi } from "./abi.ts";
import {
  CommitteeReader,
  CommitteeView,
  type CommitteeAt,
  type CommitteeVersion,
  type Rhythm,
  type Terms,
} from "./committee-view.ts";
import { inputError } from "./errors.ts";
import {
  consentArgs,
  draftArgs,
  predictCommittee,
  type CommitteeDraft,
  type MemberConsent,
} from "./member-consents.ts";
import { missingContract } from "./missing-contract.ts";
import { chainOf } from "./signer.ts";
import { readToken } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount } from "./units.ts";

export type NewCommittee = Omit<CommitteeDraft, "convener">;

type Rows = NonNullable<TransactionPlan["shows"]>;

/** @throws WhitePayError `input` if there is no factory at the address */
export async function checkFactory(provider: Provider, factory: string): Promise<void> {
  if ((await provider.getCode(factory)) === "0x") throw missingContract("factory", factory);
}

function rhythmText({ interval, turn, slot, answer, confirmations, toleranceBps }: Rhythm): string {
  return `interval ${interval}, turn ${turn}, slot ${slot}, answer ${answer}, confirmations ${confirmations}; tolerance ${toleranceBps / 100} %`;
}

/** A committee's terms as one line. */
export async function termsText(provider: Provider, terms: Terms): Promise<string> {
  const token = await readToken(provider, terms.token);
  const fee = formatAmount(terms.leastKeeperFee, token);
  const access = terms.open ? "open to any group" : "groups need an invitation of the convener";
  return `${token.symbol}, fee at least ${fee} per provider and 65,536 blocks, share at least ${terms.leastKeeperShareBps / 100} %, at most ${counted(terms.mostProviders, "provider")}, ${access}`;
}

export async function committeeRows(
  provider: Provider,
  { rhythm, terms, operators }: Pick<NewCommittee, "rhythm" | "terms" | "operators">,
): Promise<Rows> {
  return [
    ["blocks", rhythmText(rhythm)],
    ["terms", await termsText(provider, terms)],
    ["keepers", operators.join(", ")],
  ];
}

/**
 * Consents must be for the committee that this draft becomes.
 * @throws WhitePayError `input` otherwise, or if two consents are of one operator
 */
export function checkConsents(
  committee: string,
  { operators }: NewCommittee,
  consents: readonly MemberConsent[],
): void {
  const members = new Set(operators.map((operator) => getAddress(operator)));
  for (const { operator, committee: named, version } of consents) {
    if (!members.delete(getAddress(operator))) {
      throw inputError(`a consent of ${operator} is given that the committee does not need`, {
        expected: `one consent of each of ${operators.join(", ")}`,
      });
    }
    if (getAddress(named) !== getAddress(committee) || version !== 1) {
      throw inputError(`the consent of ${operator} is for another committee`, {
        expected: `version 1 of ${committee}`,
        actual: `version ${version} of ${named}`,
        hint: "the address changes with the configuration, with a keeper's key, and with each committee of the convener: ask for new consents",
      });
    }
  }
}

/** Makes a committee; the signer is its convener. Members whose consent is missing consent later (`planConsent`). */
export async function planCommittee(
  signer: Signer,
  draft: NewCommittee,
  consents: readonly MemberConsent[] = [],
): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  await checkFactory(provider, draft.factory);
  const whole = { ...draft, convener: await signer.getAddress() };
  const committee = await predictCommittee(provider, whole);
  checkConsents(committee, draft, consents);
  const missing = draft.operators.length - consents.length;
  return {
    what: `forming a committee of ${counted(draft.operators.length, "keeper")}`,
    contract: new Contract(draft.factory, factoryAbi, signer),
    method: "createCommittee",
    args: [...draftArgs(whole), consentArgs(draft.operators, consents)],
    shows: [
      ["address", committee],
      ...(await committeeRows(provider, draft)),
      ["consents", missing === 0 ? "all, as signatures" : `${counted(missing, "keeper")} must consent later`],
    ],
  };
}

/** Address of the committee that a transaction made. */
export function committeeCreatedBy(receipt: Pick<TransactionReceipt, "logs">): string | undefined {
  for (const log of receipt.logs) {
    const event = factoryAbi.parseLog(log);
    if (event?.name === "CommitteeCreated") return event.args["committee"] as string;
  }
  return undefined;
}

type Scene = { readonly view: CommitteeReader; readonly contract: Contract };

function sceneOf(signer: Signer, committee: string): Scene {
  const view = new CommitteeReader(chainOf(signer), committee);
  return { view, contract: new Contract(committee, committeeAbi, signer) };
}

/** Consents to a version by a transaction: as one of its operators, or as a present member. */
export async function planConsent(
  signer: Signer,
  committee: string,
  version: number,
): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, committee);
  const [{ operators }, rhythm, terms] = await Promise.all([
    view.version(version),
    view.rhythm(),
    view.terms(),
  ]);
  return {
    what: `consenting to version ${version} of committee ${committee}`,
    contract,
    method: "consent",
    args: [version],
    leastGas: consentGas(operators.length),
    shows: await committeeRows(chainOf(signer), { rhythm, terms, operators }),
  };
}

/** Hands in a consent that a keeper signed. Any account may send it. */
export async function planHandInConsent(signer: Signer, consent: MemberConsent): Promise<TransactionPlan> {
  const { committee, version, operator, deadline, signature } = consent;
  const { operators } = await new CommitteeReader(chainOf(signer), committee).version(version);
  return {
    what: `handing in the consent of ${operator} to version ${version} of committee ${committee}`,
    contract: new Contract(committee, committeeAbi, signer),
    method: "consentFor",
    args: [version, operator, { deadline, signature }],
    leastGas: consentGas(operators.length),
    shows: [
      ["members", operators.join(", ")],
      ["valid until", `block ${deadline}`],
    ],
  };
}

function seatOf(committee: string, { operators }: CommitteeVersion, operator: string): number {
  const seat = operators.findIndex((member) => getAddress(member) === getAddress(operator));
  if (seat >= 0) return seat;
  throw inputError(`${operator} is not a keeper of committee ${committee}`, {
    expected: operators.join(", "),
  });
}

/**
 * Proposes the present members with one replaced. The signer is the convener or a member.
 * @throws WhitePayError `input` if `old` is not a member
 */
export async function planReplaceMember(
  signer: Signer,
  committee: string,
  { old, next }: { readonly old: string; readonly next: string },
): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, committee);
  const present = await view.present();
  const seat = seatOf(committee, present, old);
  const { operators } = present;
  const proposed = operators.map((operator, index) => (index === seat ? next : operator));
  const quorum = 2 * Math.floor((operators.length - 1) / 3) + 1;
  return {
    what: `proposing ${next} in place of keeper ${seat}, ${old}`,
    contract,
    method: "propose",
    args: [proposed],
    shows: [
      ["members", proposed.join(", ")],
      ["needs", `the consent of ${next} and of ${quorum} present members`],
      ["takes effect", "with the first certificate after the last consent"],
    ],
  };
}

/** Withdraws the signer's open proposal. */
export function planWithdrawProposal(signer: Signer, committee: string, version: number): TransactionPlan {
  const { contract } = sceneOf(signer, committee);
  return {
    what: `withdrawing proposal ${version} of committee ${committee}`,
    contract,
    method: "withdrawProposal",
    args: [version],
  };
}

/** Puts the signer's present registry key into its seat (R37). */
export async function planRotateSeat(signer: Signer, committee: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, committee);
  const seat = seatOf(committee, await view.present(), await signer.getAddress());
  return {
    what: `putting the registered key into seat ${seat} of committee ${committee}`,
    contract,
    method: "rotateSeat",
    args: [],
    shows: [["takes effect", "with the next certificate"]],
  };
}

/** Resigns a seat. Until a version without the signer takes effect, the seat counts as one of f silent ones. */
export async function planResign(signer: Signer, committee: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, committee);
  const present = await view.present();
  const seat = seatOf(committee, present, await signer.getAddress());
  return {
    what: `resigning from committee ${committee}`,
    contract,
    method: "resign",
    args: [],
    shows: [
      ["seat", `${seat} of version ${present.version}`],
      ["meanwhile", "the seat counts as one of f silent seats"],
      ["cannot be undone", "only a new version can give it a seat again"],
    ],
  };
}

/** The convener lets a group into a closed committee, or withdraws that. */
export function planInvite(
  signer: Signer,
  committee: string,
  { group, invited }: { readonly group: string; readonly invited: boolean },
): TransactionPlan {
  const { contract } = sceneOf(signer, committee);
  const verb = invited ? "inviting" : "withdrawing the invitation of";
  return {
    what: `${verb} group ${group} to committee ${committee}`,
    contract,
    method: "invite",
    args: [group, invited],
  };
}

/** A member releases a group that has no provider, or is in arrears for longer than its lockup. */
export async function planReleaseGroup(
  signer: Signer,
  committee: string,
  number: number,
): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, committee);
  const { group } = await view.membership(number);
  return {
    what: `releasing group ${number} of committee ${committee}`,
    contract,
    method: "releaseGroup",
    args: [number],
    shows: [
      ["group", group],
      ["takes effect", "at the first slot boundary after the group's lockup; what it owes stays owed"],
    ],
  };
}

/** Frees the reserved providers of memberships that are over; any account may send it. */
export async function planReclaim(signer: Signer, committee: CommitteeAt): Promise<TransactionPlan> {
  const view = new CommitteeView(chainOf(signer), committee);
  const head = await chainOf(signer).getBlockNumber();
  const over: number[] = [];
  for await (const page of view.memberships(head)) {
    for (const { number, ceiling, left } of page) {
      if (ceiling > 0 && left !== undefined && left <= head) over.push(number);
    }
  }
  if (over.length === 0) {
    throw inputError(
      `committee ${committee.address} has no membership that is over and still reserves providers`,
    );
  }
  return {
    what: `freeing the reserved providers of ${counted(over.length, "group")} of committee ${committee.address}`,
    contract: new Contract(committee.address, committeeAbi, signer),
    method: "reclaim",
    args: [over],
    shows: [["groups", over.join(", ")]],
  };
}
