/** Transactions that make a group, and that change or end its service, as plans for `simulate` and `send` (R33, R34, R38, R41). */
import {
  Contract,
  getAddress,
  ZeroAddress,
  type Provider,
  type Signer,
  type TransactionReceipt,
} from "ethers";
import { counted } from "../protocol/counted.ts";
import { factoryAbi, groupAbi } from "./abi.ts";
import { checkConsents, checkFactory, committeeRows, type NewCommittee } from "./committee-plans.ts";
import { CommitteeView } from "./committee-view.ts";
import { inputError, WhitePayError } from "./errors.ts";
import { GroupView, type GroupAt, type GroupConfig, type GroupPage } from "./group-view.ts";
import { consentArgs, draftArgs, predictCommittee, type MemberConsent } from "./member-consents.ts";
import { chainOf } from "./signer.ts";
import { readToken } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount } from "./units.ts";

export type NewGroup = {
  readonly factory: string;
  readonly config: GroupConfig;
  /** The committee that it is to enter; undefined: none. It is part of the group's address. */
  readonly committee: string | undefined;
};

type Rows = NonNullable<TransactionPlan["shows"]>;

export async function registryOf(provider: Provider, factory: string): Promise<string> {
  await checkFactory(provider, factory);
  return (await new Contract(factory, factoryAbi, provider).getFunction("registry")()) as string;
}

/** Address of the group that `payer` makes next with these parameters: it may receive money, and consents, before it exists. */
export async function predictGroup(
  provider: Provider,
  payer: string,
  { factory, config, committee }: NewGroup,
): Promise<string> {
  await checkFactory(provider, factory);
  const contract = new Contract(factory, factoryAbi, provider);
  const predict = contract.getFunction("predictGroup");
  return (await predict(payer, config, committee ?? ZeroAddress)) as string;
}

async function configRows(provider: Provider, config: GroupConfig): Promise<Rows> {
  const token = await readToken(provider, config.token);
  const isCoin = BigInt(config.token) === 0n;
  return [
    ["token", isCoin ? "the chain's coin" : `${token.symbol} (${config.token})`],
    ["keepers' share", `${config.keeperShareBps / 100} %`],
    ["keepers' fee", `${formatAmount(config.keeperFee, token)} per reserved provider and 65,536 blocks`],
    ["lockup", counted(config.lockup, "block")],
  ];
}

/**
 * Makes a group; the signer is its payer.
 * @param ceiling above 0, the group enters its committee in this transaction, with what its address holds already
 */
export async function planGroup(signer: Signer, group: NewGroup, ceiling = 0): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  const { factory, config, committee } = group;
  if (committee === undefined && ceiling > 0) {
    throw inputError("a group without a committee reserves no providers", {
      expected: "0",
      actual: String(ceiling),
    });
  }
  const address = await predictGroup(provider, await signer.getAddress(), group);
  const enters = ceiling > 0 ? `${committee}, for at most ${counted(ceiling, "provider")}` : "not yet";
  return {
    what: "creating a group",
    contract: new Contract(factory, factoryAbi, signer),
    method: "createGroup",
    args: [config, committee ?? ZeroAddress, ceiling],
    shows: [["address", address], ...(await configRows(provider, config)), ["enters", enters]],
    token: await readToken(provider, config.token),
  };
}

export type NewPrivate = {
  readonly committee: NewCommittee;
  readonly config: GroupConfig;
  /** Providers to reserve. */
  readonly ceiling: number;
};

/** One transaction for a private committee and a group that enters it (R41); the signer is convener and payer. */
export async function planPrivate(
  signer: Signer,
  { committee: draft, config, ceiling }: NewPrivate,
  consents: readonly MemberConsent[],
): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  await checkFactory(provider, draft.factory);
  const whole = { ...draft, convener: await signer.getAddress() };
  const committee = await predictCommittee(provider, whole);
  checkConsents(committee, draft, consents);
  const present = new Set(consents.map(({ operator }) => getAddress(operator)));
  const missing = draft.operators.filter((operator) => !present.has(getAddress(operator)));
  if (missing.length > 0) {
    throw inputError("the consents of some keepers are missing", {
      expected: `a consent of each of ${counted(draft.operators.length, "keeper")}`,
      actual: `none of ${missing.join(", ")}`,
      hint: "a group enters a committee that all members consented to; they may also consent by transactions to a committee made before",
    });
  }
  return {
    what: `forming a private committee of ${counted(draft.operators.length, "keeper")} and creating its group`,
    contract: new Contract(draft.factory, factoryAbi, signer),
    method: "createPrivate",
    args: [...draftArgs(whole), consentArgs(draft.operators, consents), config, ceiling],
    shows: [
      ["committee", committee],
      ...(await committeeRows(provider, draft)),
      ...(await configRows(provider, config)),
      ["providers", `at most ${ceiling}`],
    ],
    token: await readToken(provider, config.token),
  };
}

/** Address of the group that a transaction made. */
export function groupCreatedBy(receipt: Pick<TransactionReceipt, "logs">): string | undefined {
  for (const log of receipt.logs) {
    const event = factoryAbi.parseLog(log);
    if (event?.name === "GroupCreated") return event.args["group"] as string;
  }
  return undefined;
}

export type GroupScene = {
  readonly provider: Provider;
  readonly view: GroupView;
  readonly contract: Contract;
};

export function groupScene(signer: Signer, group: GroupAt): GroupScene {
  const provider = chainOf(signer);
  return {
    provider,
    view: new GroupView(provider, group),
    contract: new Contract(group.address, groupAbi, signer),
  };
}

/** Enters a committee; if another one serves the group, this is a move, which begins `lockup` or more blocks later (R38). */
export async function planEnter(
  signer: Signer,
  group: GroupAt,
  { committee, ceiling }: { readonly committee: string; readonly ceiling: number },
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const target = new CommitteeView(provider, committee);
  const [{ config, state }, { rhythm, terms, originBlock }, head] = await Promise.all([
    view.page(),
    target.page(),
    provider.getBlockNumber(),
  ]);
  if (originBlock === undefined) {
    throw inputError(`committee ${committee} is not formed yet: consents are missing`);
  }
  const present = state.service?.committee;
  const soonest = head + 2 + (present === undefined ? rhythm.confirmations : config.lockup);
  const from = await target.firstSlotFrom(soonest);
  const until: Rows =
    present === undefined
      ? []
      : [["until then", `committee ${present}, which serves the group up to that block`]];
  return {
    what: `${present === undefined ? "entering" : "moving to"} committee ${committee}`,
    contract,
    method: "enter",
    args: [committee, ceiling],
    shows: [
      ["providers", `at most ${ceiling}, of ${terms.mostProviders} of the committee`],
      ["begins", `about block ${from}`],
      ...until,
    ],
    token: await readToken(provider, config.token),
  };
}

/** Reserves more providers at the present committee. */
export async function planRaiseCeiling(
  signer: Signer,
  group: GroupAt,
  ceiling: number,
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const { config, state } = await view.page();
  return {
    what: `reserving ${counted(ceiling, "provider")} for group ${group.address}`,
    contract,
    method: "raiseCeiling",
    args: [ceiling],
    shows: [["until now", String(state.service?.ceiling ?? 0)]],
    token: await readToken(provider, config.token),
  };
}

/** Ends the group: data stays committed and paid for `lockup` blocks, then the payer may withdraw the rest. */
export async function planTerminate(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const { lockup } = (await view.page()).config;
  const end = (await provider.getBlockNumber()) + 1 + lockup;
  return {
    what: `terminating group ${group.address}`,
    contract,
    method: "terminate",
    args: [],
    shows: [
      ["data is paid until", `about block ${end}, ${counted(lockup, "block")} ahead`],
      ["cannot be undone", "from now on the group accepts no additions, changes or moves"],
    ],
  };
}

/** When a group may be abandoned (R34), and the `ts` to give the contract. */
export type Abandonable = {
  readonly rule: "certified nothing" | "certified, but not settled" | "no committee";
  readonly from: number;
  /** Start of the certificate in the second case; 0 otherwise. */
  readonly ts: number;
};

/** The certificate that serves block s, if the committee remembers one. */
async function certificateOver(
  view: CommitteeView,
  { settledThrough, service }: GroupPage["state"],
): Promise<{ readonly ts: number; readonly acceptedAt: number } | undefined> {
  const head = await view.provider.getBlockNumber();
  // Its acceptance lies after its end, which lies after settledThrough.
  const from = Math.max(settledThrough, service?.from ?? 0);
  for (const one of await view.remembered({ from, to: head })) {
    if (one.ts <= settledThrough && settledThrough < one.te) return one;
  }
  return undefined;
}

/** By R34: from which block on the payer, or a provider with unsettled blocks, may abandon. */
export async function abandonable(provider: Provider, group: GroupAt): Promise<Abandonable> {
  const view = new GroupView(provider, group);
  const { config, state } = await view.page();
  const { settledThrough, service, movedAt = 0 } = state;
  const { lockup } = config;
  if (service === undefined) return { rule: "no committee", from: settledThrough + lockup, ts: 0 };
  const committee = new CommitteeView(provider, service.committee);
  const [certifiedThrough, { interval }] = await Promise.all([
    committee.certifiedThrough(),
    committee.rhythm(),
  ]);
  if (certifiedThrough <= settledThrough) {
    return { rule: "certified nothing", from: settledThrough + interval + lockup, ts: 0 };
  }
  const certificate = await certificateOver(committee, state);
  if (certificate === undefined) {
    throw new WhitePayError({
      code: "refused",
      message: `group ${group.address} cannot be abandoned: its blocks are certified and settled at once`,
      hint: "the settlement is on its way, or a newer one covers the blocks; see the group's status",
    });
  }
  const from = Math.max(certificate.acceptedAt, movedAt) + lockup;
  return { rule: "certified, but not settled", from, ts: certificate.ts };
}

/** Credits the providers for blocks that nobody settled (R34). Sent by the payer, or by a provider with unsettled blocks. */
export async function planAbandon(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const [{ rule, from, ts }, { state }] = await Promise.all([abandonable(provider, group), view.page()]);
  const afterwards =
    state.next === undefined
      ? "the group has no committee; enter one to go on"
      : `committee ${state.next.committee} serves the group from block ${state.next.from} on`;
  return {
    what: `abandoning the unsettled blocks of group ${group.address}`,
    contract,
    method: "abandon",
    args: [ts],
    shows: [
      ["settled through", `block ${state.settledThrough}`],
      ["possible from", `block ${from}: ${rule}`],
      ["pays", "the providers at the rate of their last settlement, without a keepers' share (R34)"],
      ["afterwards", afterwards],
    ],
  };
}
