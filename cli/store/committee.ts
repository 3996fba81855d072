/** The committee that a new group enters: the one that the payer names, or the open one with the lowest fee of the factory (R38). */
import type { Provider } from "ethers";
import { CommitteeView, type CommitteePage } from "../../client/committee-view.ts";
import { committeesOf } from "../../client/committees.ts";
import { readToken, tokenBalance } from "../../client/token.ts";
import { parseAmount, type Token } from "../../client/units.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { counted } from "../../protocol/counted.ts";

export type CommitteeWish = {
  readonly registry: string;
  readonly factory: string;
  readonly lens: string;
  readonly payer: string;
  /** Whole tokens; undefined: any balance above 0. */
  readonly budget: string | undefined;
  /** Providers to reserve. */
  readonly providers: number;
  /** The only one to consider. */
  readonly only: string | undefined;
};

export type FoundCommittee = {
  readonly page: CommitteePage;
  readonly token: Token;
  readonly balance: bigint;
};

/** Newest committees that are looked at: each costs a few calls. */
const mostLookedAt = 64;

/** @throws CliError exit 4 with the reason of each committee, exit 5 if only the money is missing */
export async function findCommittee(provider: Provider, wish: CommitteeWish): Promise<FoundCommittee> {
  const addresses = wish.only === undefined ? await committeesOf(provider, wish) : [wish.only];
  const fit: FoundCommittee[] = [];
  const reasons: { readonly why: string; readonly funds: boolean }[] = [];
  for (const address of addresses.slice(0, mostLookedAt)) {
    const page = await new CommitteeView(provider, { address, lens: wish.lens }).page();
    const token = await readToken(provider, page.terms.token);
    const balance = await tokenBalance(provider, token, wish.payer);
    const why = unfitness(page, wish, { token, balance });
    if (why === undefined) fit.push({ page, token, balance });
    else reasons.push({ ...why, why: `${address}: ${why.why}` });
  }
  const [best] = fit.toSorted((a, b) => rank(a) - rank(b));
  if (best !== undefined) return best;
  const onlyFunds = reasons.length > 0 && reasons.every(({ funds }) => funds);
  throw new CliError({
    code: onlyFunds ? exitCodes.funds : exitCodes.refused,
    message: onlyFunds ? "the payer's account has too little money" : "no committee takes this group",
    actual:
      reasons.length === 0
        ? `factory ${wish.factory} has made no committee`
        : reasons.map(({ why }) => why).join("; "),
    hint: onlyFunds
      ? "send tokens to the account, or name a smaller --budget"
      : "name another one with --committee",
  });
}

/** Cheaper first; of equal ones the one that serves more. */
function rank({ page }: FoundCommittee): number {
  return Number(page.terms.leastKeeperFee) - page.lastNumber / 1e6;
}

function unfitness(
  page: CommitteePage,
  wish: CommitteeWish,
  { token, balance }: { readonly token: Token; readonly balance: bigint },
): { readonly why: string; readonly funds: boolean } | undefined {
  const { terms, originBlock, reserved } = page;
  const no = (why: string): { why: string; funds: boolean } => ({ why, funds: false });
  if (originBlock === undefined) return no("waits for consents of its members");
  if (!terms.open && wish.only === undefined) return no("is closed: its convener lets groups in");
  const left = terms.mostProviders - reserved;
  if (left < wish.providers) return no(`has room for ${counted(left, "provider")} of ${wish.providers}`);
  const least = wish.budget === undefined ? 1n : parseAmount(wish.budget, token);
  if (balance >= least) return undefined;
  return { why: `pays in ${token.symbol}, of which the account has less than the budget`, funds: true };
}
