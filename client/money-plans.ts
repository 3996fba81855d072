/** Transactions that move a payer's money, its role and its arrears, as plans for `simulate` and `send` (R31, R32, R46). */
import { Contract, getAddress, ZeroAddress, ZeroHash, type Provider, type Signer } from "ethers";
import { tokenAbi } from "./abi.ts";
import { needTokens, planApproval } from "./approval.ts";
import { inputError, WhitePayError } from "./errors.ts";
import { groupScene } from "./group-plans.ts";
import { GroupView, type GroupAt, type GroupPage, type ProviderAccount } from "./group-view.ts";
import { signPermit } from "./permit.ts";
import { costOfValue, feeNeeded } from "./prices.ts";
import { chainOf } from "./signer.ts";
import { readToken, tokenBalance } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, formatTime, type Token } from "./units.ts";

export async function tokenOfGroup(provider: Provider, group: GroupAt): Promise<Token> {
  return readToken(provider, (await new GroupView(provider, group).page()).config.token);
}

/**
 * Deposits into the escrow. One plan for the chain's coin; for a token an approval first, unless the allowance suffices or `permit`
 * replaces it with a signature (EIP-2612).
 * @throws WhitePayError `funds` if the signer has too little, `input` if the token does not accept a permit
 */
export async function planFund(
  signer: Signer,
  group: GroupAt,
  amount: bigint,
  { permit = false }: { readonly permit?: boolean } = {},
): Promise<TransactionPlan[]> {
  const { provider, contract } = groupScene(signer, group);
  const { address } = group;
  const token = await tokenOfGroup(provider, group);
  await needTokens(signer, token, amount);
  const shows: TransactionPlan["shows"] = [["amount", formatAmount(amount, token)]];
  const deposit: TransactionPlan = {
    what: `depositing ${formatAmount(amount, token)} for group ${address}`,
    contract,
    method: "deposit",
    args: [amount],
    shows,
    token,
  };
  if (permit) {
    const { deadline, signature } = await signPermit(signer, token, { spender: address, amount });
    const { v, r, s } = signature;
    const until: readonly [string, string] = [
      "permit",
      `signed, void from ${formatTime(Number(deadline))} on`,
    ];
    const args = [amount, deadline, v, r, s];
    return [{ ...deposit, method: "depositWithPermit", args, shows: [...shows, until] }];
  }
  if (BigInt(token.address) === 0n) return [{ ...deposit, value: amount }];
  const spending = { spender: address, amount, purpose: `group ${address}` };
  return [...(await planApproval(signer, token, spending)), deposit];
}

/**
 * Sends tokens to the predicted address of a group: its creation books them, so that it can enter a committee in the same transaction.
 * @throws WhitePayError `funds` if the signer has too little, `input` for the chain's coin, which any wallet sends there
 */
export async function planSendAhead(
  signer: Signer,
  {
    token: address,
    group,
    amount,
  }: { readonly token: string; readonly group: string; readonly amount: bigint },
): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  if (BigInt(address) === 0n) {
    throw inputError("coin is sent ahead by a plain transfer", {
      hint: `send it to ${group}, or create the group first, deposit, and then enter the committee`,
    });
  }
  const token = await readToken(provider, address);
  await needTokens(signer, token, amount);
  return {
    what: `sending ${formatAmount(amount, token)} ahead to group ${group}`,
    contract: new Contract(address, tokenAbi, signer),
    method: "transfer",
    args: [group, amount],
    shows: [
      ["amount", formatAmount(amount, token)],
      ["until the group exists", "only its creation with exactly these parameters gives the money a use"],
    ],
    token,
  };
}

/** Blocks for which a withdrawal of "all" stays valid: every block requires more (R32). */
const withdrawalBlocks = 10n;

/** Upper bound of what the next ten blocks add to the required money, in units. */
async function requiredSoon(view: GroupView, { config, state }: GroupPage): Promise<bigint> {
  // After a terminate the funded blocks end at a known block: nothing is added.
  if (state.ended || state.endBlock !== undefined) return 0n;
  const largest = (data: ProviderAccount["data"]): bigint =>
    data.reduce((most, { bytes, price }) => (bytes * price > most ? bytes * price : most), 0n);
  const value = (await view.providers())
    .filter(({ closed }) => !closed)
    .reduce((sum, { data }) => sum + largest(data), 0n);
  const ceiling = BigInt(Math.max(state.service?.ceiling ?? 0, state.next?.ceiling ?? 0));
  return costOfValue(value * withdrawalBlocks) + feeNeeded(config.keeperFee, ceiling, withdrawalBlocks);
}

/**
 * Withdraws `amount` units of what is not required. "all" leaves the growth of the next ten blocks, if the group is not terminated.
 * @param to receiver; default: the signer
 * @throws WhitePayError `funds` if nothing is withdrawable
 */
export async function planWithdraw(
  signer: Signer,
  group: GroupAt,
  { amount, to }: { readonly amount: bigint | "all"; readonly to?: string },
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const page = await view.page();
  const { escrow, state, config } = page;
  const token = await readToken(provider, config.token);
  const soon = await requiredSoon(view, page);
  const free = escrow.withdrawable > soon ? escrow.withdrawable - soon : 0n;
  const wanted = amount === "all" ? free : amount;
  if (wanted === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group.address} has no withdrawable money`,
      expected: `available money above the required ${formatAmount(escrow.required, token)} (R32)`,
      actual: formatAmount(escrow.available, token),
      hint:
        state.endBlock === undefined
          ? "terminate the group, then wait for its last settlement"
          : "settlements reduce what is required; re-run later",
    });
  }
  const receiver = to ?? (await signer.getAddress());
  return {
    what: `withdrawing ${formatAmount(wanted, token)} from group ${group.address}`,
    contract,
    method: "withdrawPayer",
    args: [wanted, receiver],
    shows: [
      ["amount", formatAmount(wanted, token)],
      ["paid to", receiver],
      ["withdrawable", formatAmount(escrow.withdrawable, token)],
    ],
    token,
  };
}

/**
 * Books tokens that were sent to the group's address without a deposit. Any account may send it.
 * @throws WhitePayError `funds` if there are none
 */
export async function planSync(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const { escrow, config } = await view.page();
  const token = await readToken(provider, config.token);
  const booked = escrow.deposited - escrow.paidOut;
  const held = await tokenBalance(provider, token, group.address);
  if (held <= booked) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group.address} has no unbooked tokens`,
      expected: `more than ${formatAmount(booked, token)}`,
      actual: formatAmount(held, token),
      hint: "send tokens to the group's address first, or deposit them: whitepay group fund",
    });
  }
  return {
    what: `booking ${formatAmount(held - booked, token)} of group ${group.address}`,
    contract,
    method: "sync",
    args: [],
    shows: [
      ["amount", formatAmount(held - booked, token)],
      ["booked before", formatAmount(booked, token)],
    ],
    token,
  };
}

/**
 * Takes out a token, or coin, that the group does not pay in.
 * @throws WhitePayError `input` if it is the group's own token, `funds` if there is none
 */
export async function planRescue(
  signer: Signer,
  group: GroupAt,
  { token: address, to }: { readonly token: string; readonly to?: string },
): Promise<TransactionPlan> {
  const { provider, view, contract } = groupScene(signer, group);
  const { config } = await view.page();
  const token = await readToken(provider, address);
  if (getAddress(config.token) === getAddress(address)) {
    throw inputError(`group ${group.address} pays in ${token.symbol}`, {
      expected: "another token",
      hint: "book it with whitepay group sync, then withdraw it",
    });
  }
  const held = await tokenBalance(provider, token, group.address);
  if (held === 0n) {
    throw new WhitePayError({ code: "funds", message: `group ${group.address} holds no ${token.symbol}` });
  }
  const receiver = to ?? (await signer.getAddress());
  return {
    what: `taking ${formatAmount(held, token)} out of group ${group.address}`,
    contract,
    method: "rescue",
    args: [address, receiver, held],
    shows: [
      ["amount", formatAmount(held, token)],
      ["paid to", receiver],
    ],
    token,
  };
}

/** The payer, and the one that it named. */
export type Payers = { readonly payer: string; readonly named: string | undefined };

export async function payersOf(provider: Provider, group: GroupAt): Promise<Payers> {
  const view = new GroupView(provider, group);
  const [[payer], [named]] = await Promise.all([view.read("payer"), view.read("namedPayer")]);
  return { payer, named: named === ZeroAddress ? undefined : named };
}

/** First step of passing the payer's role on; naming the present payer withdraws a nomination. */
export async function planNamePayer(signer: Signer, group: GroupAt, next: string): Promise<TransactionPlan> {
  const { provider, contract } = groupScene(signer, group);
  const { payer, named } = await payersOf(provider, group);
  return {
    what: `naming ${next} as the next payer of group ${group.address}`,
    contract,
    method: "namePayer",
    args: [next],
    shows: [
      ["payer until it accepts", payer],
      ...(named === undefined ? [] : [["named before, now void", named] as const]),
    ],
  };
}

/** Second step, sent by the named payer: it proves that its key exists. */
export async function planAcceptPayer(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { provider, contract } = groupScene(signer, group);
  const { payer, named } = await payersOf(provider, group);
  if (named === undefined) {
    throw inputError(`group ${group.address} has no named payer`, {
      expected: "a payer that the present payer has named",
      actual: `payer ${payer}, nobody named`,
    });
  }
  return {
    what: `accepting the role of payer of group ${group.address}`,
    contract,
    method: "acceptPayer",
    args: [],
    shows: [
      ["payer until now", payer],
      ["payer from now on", named],
    ],
  };
}

/** Publishes an edition of the payer's manifest (R46). @param previous root of the edition before; default: none */
export function planManifest(
  signer: Signer,
  group: GroupAt,
  { root, previous = ZeroHash }: { readonly root: string; readonly previous?: string },
): TransactionPlan {
  const { contract } = groupScene(signer, group);
  return {
    what: `publishing manifest ${root} of group ${group.address}`,
    contract,
    method: "setManifest",
    args: [root, previous],
    shows: [["edition before", previous === ZeroHash ? "none" : previous]],
  };
}

/** @throws WhitePayError `input` if the group has no such provider */
export async function accountOf(view: GroupView, provider: number): Promise<ProviderAccount> {
  const [account] = await view.providerPage(provider, 1);
  if (account !== undefined) return account;
  throw inputError(`group ${view.address} has no provider ${provider}`, {
    hint: "`whitepay group status` lists the providers",
  });
}
