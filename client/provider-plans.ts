/** A provider's consent to store data for a group, and the transactions that add, change and remove providers (R33). */
import { getAddress, TypedDataEncoder, type Provider, type Signer } from "ethers";
import { counted } from "../protocol/counted.ts";
import { typedConsent } from "../protocol/data-consent.ts";
import type { DataTerms, TypedConsent } from "../protocol/data-consent.ts";
import { inputError } from "./errors.ts";
import { groupScene } from "./group-plans.ts";
import { GroupView, type GroupAt } from "./group-view.ts";
import { accountOf } from "./money-plans.ts";
import { costOf, perMonthOf } from "./prices.ts";
import { chainOf } from "./signer.ts";
import { measureBlockTime } from "./status.ts";
import { readToken } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, roughAmount } from "./units.ts";

export type { DataTerms };

/** A provider's signed consent: the output of `whitepay provider consent`. */
export type DataConsent = DataTerms & {
  readonly operator: string;
  /** EIP-712, of the operator: 65 bytes, or what an ERC-1271 wallet accepts. */
  readonly signature: string;
};

async function typedOn(provider: Provider, terms: DataTerms): Promise<TypedConsent> {
  const { chainId } = await provider.getNetwork();
  return typedConsent(chainId, terms);
}

/** The digest that an operator signs. */
export async function dataConsentDigest(provider: Provider, terms: DataTerms): Promise<string> {
  const { domain, types, value } = await typedOn(provider, terms);
  return TypedDataEncoder.hash(domain, types, value);
}

/**
 * Signs a consent; sends nothing. The group need not exist yet, if its address is predicted.
 * @param operator the provider's; default: the signer. Another one is a contract that accepts the signer (ERC-1271).
 */
export async function signDataConsent(
  signer: Signer,
  terms: DataTerms,
  operator?: string,
): Promise<DataConsent> {
  const { domain, types, value } = await typedOn(chainOf(signer), terms);
  const signature = await signer.signTypedData(domain, types, value);
  return { ...terms, operator: operator ?? (await signer.getAddress()), signature };
}

/** The committee and the sequence that a consent given now has to name. */
export async function consentBasis(
  provider: Provider,
  group: GroupAt,
  operator: string,
): Promise<Pick<DataTerms, "group" | "committee" | "sequence">> {
  const view = new GroupView(provider, group);
  const [{ committee }, used] = await Promise.all([view.effectiveFrom(), view.consentSequence(operator)]);
  return { group: group.address, committee, sequence: used + 1 };
}

function termsArg({ listRoot, bytes, price, receiptKey, sequence, deadline }: DataTerms): object {
  return { root: listRoot, size: bytes, price, receiptKey, sequence, deadline };
}

/** What the contract would say in its own words is said here with the consent's. @returns the first block of the change */
async function checkConsent(view: GroupView, consent: DataConsent): Promise<number> {
  if (getAddress(consent.group) !== getAddress(view.address)) {
    throw inputError("the consent is for another group", { expected: view.address, actual: consent.group });
  }
  const { committee, from } = await view.effectiveFrom();
  if (getAddress(consent.committee) !== getAddress(committee)) {
    throw inputError("the consent is for another committee", {
      expected: `${committee}, which serves block ${from}`,
      actual: consent.committee,
      hint: "ask the provider for a new consent",
    });
  }
  return from;
}

/** The rows to show for a change of data: provider, data, price, cost and first block. */
async function dataRows(
  provider: Provider,
  view: GroupView,
  consent: DataConsent,
): Promise<Required<Pick<TransactionPlan, "shows" | "token">>> {
  const from = await checkConsent(view, consent);
  const token = await readToken(provider, (await view.page()).config.token);
  const { operator, bytes, price, listRoot } = consent;
  const head = await provider.getBlock("latest");
  const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
  const perMonth = roughAmount(perMonthOf(price, await measureBlockTime(provider, at)), token);
  const shows: TransactionPlan["shows"] = [
    ["provider", operator],
    ["data", `${counted(bytes, "byte")}, list ${listRoot}`],
    ["price", `${counted(price, "unit")} per 2^64 byte·blocks, about ${perMonth} a TiB and month`],
    ["cost per block", `${formatAmount(costOf(bytes, 1n, price), token)} at most`],
    ["from block", String(from)],
  ];
  return { shows, token };
}

/** Adds a provider with the data in its consent. */
export async function planAddProvider(
  signer: Signer,
  group: GroupAt,
  consent: DataConsent,
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  return {
    what: `adding provider ${consent.operator}`,
    contract,
    method: "addProvider",
    args: [consent.operator, termsArg(consent), consent.signature],
    ...(await dataRows(provider, view, consent)),
  };
}

/** Index of a provider by its operator. @throws WhitePayError `input` if it is not one */
export async function providerIndex(provider: Provider, group: GroupAt, operator: string): Promise<number> {
  const index = await new GroupView(provider, group).providerOf(operator);
  if (index !== undefined) return index;
  throw inputError(`${operator} is not a provider of group ${group.address}`, {
    hint: "`whitepay group status` lists the providers",
  });
}

/** Changes the data, price or receipt key of a provider, with its consent. */
export async function planChangeData(
  signer: Signer,
  group: GroupAt,
  consent: DataConsent,
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const index = await providerIndex(provider, group, consent.operator);
  return {
    what: `changing the data of provider ${index}`,
    contract,
    method: "changeData",
    args: [index, termsArg(consent), consent.signature],
    ...(await dataRows(provider, view, consent)),
  };
}

/** When a notice of one side, or of both, takes effect. */
async function noticeRows(
  view: GroupView,
  provider: number,
  side: "payer" | "provider",
): Promise<NonNullable<TransactionPlan["shows"]>> {
  const [account, page, { committee, from }, head] = await Promise.all([
    accountOf(view, provider),
    view.page(),
    view.effectiveFrom(),
    view.provider.getBlockNumber(),
  ]);
  const agreed = side === "payer" ? account.noticeByProvider : account.noticeByPayer;
  const { lockup } = page.config;
  const leaves =
    agreed || BigInt(committee) === 0n
      ? `block ${from}`
      : `the first slot boundary after block ${head + 1 + lockup}, ${counted(lockup, "block")} ahead`;
  return [
    ["provider", account.operator],
    ["leaves at", leaves],
    ["until then", "both keep their duties; if both give notice, it leaves with the next slot"],
  ];
}

/** The payer gives a provider notice: it leaves after the lockup, or with the next slot if it gave notice, too. */
export async function planRemoveProvider(
  signer: Signer,
  group: GroupAt,
  provider: number,
): Promise<TransactionPlan> {
  const { view, contract } = groupScene(signer, group);
  return {
    what: `giving provider ${provider} of group ${group.address} notice`,
    contract,
    method: "removeProvider",
    args: [provider],
    shows: await noticeRows(view, provider, "payer"),
  };
}

/** A provider gives notice. Sent by its operator. */
export async function planLeave(signer: Signer, group: GroupAt, provider: number): Promise<TransactionPlan> {
  const { view, contract } = groupScene(signer, group);
  return {
    what: `leaving group ${group.address} as provider ${provider}`,
    contract,
    method: "giveNotice",
    args: [provider],
    shows: await noticeRows(view, provider, "provider"),
  };
}

/** Voids the unused consents of the signer for this group. */
export async function planRevokeConsent(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { view, contract } = groupScene(signer, group);
  const used = await view.consentSequence(await signer.getAddress());
  return {
    what: `revoking the unused consent to group ${group.address}`,
    contract,
    method: "revokeConsent",
    args: [],
    shows: [
      ["void from now on", `consent ${used + 1}, if it exists`],
      ["next consent", String(used + 2)],
    ],
  };
}
