/** Withdrawals of keepers and providers over many groups in one transaction each (R31). */
import { Contract, getAddress, type Provider, type Signer, type TransactionReceipt } from "ethers";
import { counted } from "../protocol/counted.ts";
import { factoryAbi, groupAbi, lensAbi } from "./abi.ts";
import { CommitteeView, type CommitteeVersion } from "./committee-view.ts";
import { WhitePayError } from "./errors.ts";
import { GroupView } from "./group-view.ts";
import { inPages } from "./pages.ts";
import { refusalOf } from "./refusals.ts";
import { chainOf } from "./signer.ts";
import { readToken } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, type Token } from "./units.ts";
import { callView } from "./view-call.ts";

/** A keeper's account in a group, for one version of one committee. */
export type KeeperBalance = {
  readonly group: string;
  readonly committee: string;
  readonly version: number;
  readonly index: number;
  readonly balance: bigint;
};

/** A provider's account in a group. */
export type ProviderBalance = {
  readonly group: string;
  readonly provider: number;
  readonly credit: bigint;
};

export type Contracts = { readonly factory: string; readonly lens: string };

/** Withdrawals in one transaction: 100 of at most 60,000 gas each stay far below the gas limit of a transaction. */
const withdrawalsAtOnce = 100;
/** Groups in one call of the Lens. */
const groupsAtOnce = 200;

/** Every group that a committee serves or served, each once. */
export async function groupsOf(view: CommitteeView): Promise<string[]> {
  const groups = new Set<string>();
  for await (const page of view.memberships()) for (const { group } of page) groups.add(group);
  return [...groups];
}

/** Versions that are or were in force: only they earn. */
async function versionsInForce(view: CommitteeView): Promise<CommitteeVersion[]> {
  const found: CommitteeVersion[] = [];
  for await (const page of view.versions()) {
    found.push(...page.filter(({ effectiveFrom }) => effectiveFrom !== undefined));
  }
  return found;
}

/** What an operator may withdraw as a member of any version of a committee, from all of the committee's groups; without zeros. */
export async function keeperBalances(
  provider: Provider,
  {
    lens,
    committee,
    operator,
  }: { readonly lens: string; readonly committee: string; readonly operator: string },
): Promise<KeeperBalance[]> {
  const view = new CommitteeView(provider, { address: committee, lens });
  const [groups, versions] = await Promise.all([groupsOf(view), versionsInForce(view)]);
  const found: KeeperBalance[] = [];
  for (const { version, operators } of versions) {
    const index = operators.findIndex((member) => getAddress(member) === getAddress(operator));
    if (index < 0) continue;
    for (const page of inPages(groups, groupsAtOnce)) {
      const call = { what: "lens", abi: lensAbi, address: lens, name: "keeperBalances" };
      const [balances] = await callView(provider, { ...call, args: [page, committee, version, index] });
      for (const { group, balance } of balances) {
        if (balance > 0n) found.push({ group, committee, version, index, balance });
      }
    }
  }
  return found;
}

/** What an operator may withdraw as a provider of these groups; without zeros. */
export async function providerBalances(
  provider: Provider,
  {
    lens,
    groups,
    operator,
  }: { readonly lens: string; readonly groups: readonly string[]; readonly operator: string },
): Promise<ProviderBalance[]> {
  const found: ProviderBalance[] = [];
  for (const address of groups) {
    const view = new GroupView(provider, { address, lens });
    // An operator that left and came back has two indices in a group.
    for (const account of await view.providers()) {
      if (getAddress(account.operator) !== getAddress(operator) || account.credit === 0n) continue;
      found.push({ group: address, provider: account.index, credit: account.credit });
    }
  }
  return found;
}

function nothing(who: string): WhitePayError {
  return new WhitePayError({
    code: "funds",
    message: `${who} has nothing to withdraw`,
    expected: "a credit above 0 in at least one group",
    hint: "credits come with settlements: whitepay group payments lists them",
  });
}

/** Amounts by token, for example "1.5 USDC, 0.2 coin": groups may pay in different tokens. */
async function totals(
  { provider, lens }: { readonly provider: Provider; readonly lens: string },
  amounts: readonly { readonly group: string; readonly amount: bigint }[],
): Promise<{ readonly text: string; readonly token: Token | undefined }> {
  const sums = new Map<string, { token: Token; amount: bigint }>();
  for (const { group, amount } of amounts) {
    const { config } = await new GroupView(provider, { address: group, lens }).page();
    const before = sums.get(config.token);
    const token = before?.token ?? (await readToken(provider, config.token));
    sums.set(config.token, { token, amount: (before?.amount ?? 0n) + amount });
  }
  const parts = [...sums.values()];
  return {
    text: parts.map(({ token, amount }) => formatAmount(amount, token)).join(", "),
    token: parts.length === 1 ? parts[0]?.token : undefined,
  };
}

type Batch = {
  readonly method: string;
  /** The same withdrawal from one group. */
  readonly inGroup: "withdrawKeeper" | "withdrawProvider";
  readonly who: string;
};
type Entry = {
  readonly group: string;
  readonly amount: bigint;
  /** Values after the group's address. */
  readonly claim: readonly unknown[];
};

/** Why a group would refuse a claim; undefined if it pays. The batch itself succeeds either way. */
async function refusalIn(
  signer: Signer,
  { inGroup, who }: Batch,
  { group, claim }: Entry,
): Promise<WhitePayError | undefined> {
  const data = groupAbi.encodeFunctionData(inGroup, claim);
  try {
    await chainOf(signer).call({ from: await signer.getAddress(), to: group, data });
    return undefined;
  } catch (error) {
    const refused = refusalOf(groupAbi, `the withdrawal of ${who} from group ${group}`, error);
    if (refused === undefined) throw error;
    return refused;
  }
}

async function planned(
  signer: Signer,
  { factory, lens }: Contracts,
  batch: Batch,
  entries: readonly Entry[],
): Promise<TransactionPlan[]> {
  if (entries.length === 0) throw nothing(batch.who);
  const provider = chainOf(signer);
  const contract = new Contract(factory, factoryAbi, signer);
  const plans: TransactionPlan[] = [];
  const refusals = await Promise.all(entries.map((entry) => refusalIn(signer, batch, entry)));
  const paid = entries.filter((_, i) => refusals[i] === undefined);
  const refused = refusals.filter((one) => one !== undefined);
  if (paid.length === 0 && refused[0] !== undefined) throw refused[0];
  for (const page of inPages(paid, withdrawalsAtOnce)) {
    const { text, token } = await totals({ provider, lens }, page);
    const groups = new Set(page.map(({ group }) => group)).size;
    plans.push({
      what: `withdrawing ${text} of ${batch.who} from ${counted(groups, "group")}`,
      contract,
      method: batch.method,
      args: [page.map(({ group, claim }) => [group, ...claim])],
      shows: [
        ["amount", text],
        [
          "paid to",
          "the payee in the registry; a group that refuses is named in the receipt and stops no other",
        ],
        ...refused.map(({ message }) => ["left out", message] as const),
      ],
      ...(token === undefined ? {} : { token }),
    });
  }
  return plans;
}

/**
 * Withdraws a keeper's balances to its payee, at most 100 in one transaction. Sent by its operator or payee.
 * @throws WhitePayError `funds` if there are none, `refused` if every group would refuse
 */
export function planKeeperWithdrawals(
  signer: Signer,
  contracts: Contracts,
  balances: readonly KeeperBalance[],
): Promise<TransactionPlan[]> {
  const entries = balances.map(({ group, committee, version, index, balance }) => {
    return { group, amount: balance, claim: [committee, version, index] };
  });
  const batch: Batch = { method: "withdrawKeepers", inGroup: "withdrawKeeper", who: "the keeper" };
  return planned(signer, contracts, batch, entries);
}

/** Withdraws a provider's credits to its payee, likewise. */
export function planProviderWithdrawals(
  signer: Signer,
  contracts: Contracts,
  balances: readonly ProviderBalance[],
): Promise<TransactionPlan[]> {
  const entries = balances.map(({ group, provider, credit }) => {
    return { group, amount: credit, claim: [provider] };
  });
  const batch: Batch = { method: "withdrawProviders", inGroup: "withdrawProvider", who: "the provider" };
  return planned(signer, contracts, batch, entries);
}

export type FailedWithdrawal = { readonly group: string; readonly position: number; readonly reason: string };

/** The withdrawals of a batch that failed, with the group's reason in words. */
export function failedWithdrawals(receipt: Pick<TransactionReceipt, "logs">): FailedWithdrawal[] {
  return receipt.logs.flatMap((log) => {
    const event = factoryAbi.parseLog(log);
    if (event?.name !== "WithdrawalFailed") return [];
    const [group, position, data] = event.args as unknown as [string, bigint, string];
    const refused = refusalOf(groupAbi, `the withdrawal from group ${group}`, { data });
    return [
      { group, position: Number(position), reason: refused?.message ?? `without a known error: ${data}` },
    ];
  });
}
