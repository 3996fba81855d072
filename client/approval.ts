/** What a deposit needs before it: the money, and the token's permission to take it. */
import { Contract, type Signer } from "ethers";
import { tokenAbi } from "./abi.ts";
import { WhitePayError } from "./errors.ts";
import { chainOf } from "./signer.ts";
import { tokenAllowance, tokenBalance } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, type Token } from "./units.ts";

/** @throws WhitePayError `funds` if the signer has less than `amount` units */
export async function needTokens(signer: Signer, token: Token, amount: bigint): Promise<void> {
  const owner = await signer.getAddress();
  const balance = await tokenBalance(chainOf(signer), token, owner);
  if (balance >= amount) return;
  throw new WhitePayError({
    code: "funds",
    message: `account ${owner} has too little ${token.symbol}`,
    expected: `at least ${formatAmount(amount, token)}`,
    actual: formatAmount(balance, token),
    hint: `send ${token.symbol} to it, or deposit less`,
  });
}

/**
 * The approval before a deposit; none for the chain's coin, and where the allowance suffices.
 * @param purpose completes "approving 5 USDC for …"
 */
export async function planApproval(
  signer: Signer,
  token: Token,
  {
    spender,
    amount,
    purpose,
  }: { readonly spender: string; readonly amount: bigint; readonly purpose: string },
): Promise<TransactionPlan[]> {
  if (BigInt(token.address) === 0n) return [];
  const owner = await signer.getAddress();
  if ((await tokenAllowance(chainOf(signer), token, { owner, spender })) >= amount) return [];
  return [
    {
      what: `approving ${formatAmount(amount, token)} for ${purpose}`,
      contract: new Contract(token.address, tokenAbi, signer),
      method: "approve",
      args: [spender, amount],
      shows: [["amount", formatAmount(amount, token)]],
      token,
    },
  ];
}
