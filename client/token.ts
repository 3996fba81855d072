/** The token of a group: an ERC-20 contract or the chain's coin. */
import { Contract, type Provider } from "ethers";
import { tokenAbi } from "./abi.ts";
import { isContractFault } from "./contract-fault.ts";
import { inputError } from "./errors.ts";
import { otherChainHint } from "./missing-contract.ts";
import { coin, type Token } from "./units.ts";

/**
 * Reads symbol and decimals; the zero address means the chain's coin.
 * @throws WhitePayError `input` if there is no such token at the address
 */
export async function readToken(provider: Provider, address: string): Promise<Token> {
  if (BigInt(address) === 0n) return coin;
  const token = new Contract(address, tokenAbi, provider);
  try {
    const [symbol, decimals] = await Promise.all([
      token.getFunction("symbol")() as Promise<string>,
      token.getFunction("decimals")() as Promise<bigint>,
    ]);
    // Terminals print the symbol: remove control characters and limit the length.
    return { address, symbol: symbol.replace(/\p{C}/gu, "?").slice(0, 12), decimals: Number(decimals) };
  } catch (error) {
    if (!isContractFault(error)) throw error;
    const { value } = error as { readonly value?: unknown };
    throw inputError(`there is no token at ${address}`, {
      expected: "an ERC-20 contract with symbol() and decimals()",
      actual: value === "0x" ? "no contract" : "a contract of another kind",
      hint: otherChainHint,
    });
  }
}

/** Balance of an account, in units. */
export async function tokenBalance(provider: Provider, token: Token, account: string): Promise<bigint> {
  if (BigInt(token.address) === 0n) return provider.getBalance(account);
  return new Contract(token.address, tokenAbi, provider).getFunction("balanceOf")(account);
}

/** Units that `spender` may take from `owner`. */
export async function tokenAllowance(
  provider: Provider,
  token: Token,
  { owner, spender }: { readonly owner: string; readonly spender: string },
): Promise<bigint> {
  return new Contract(token.address, tokenAbi, provider).getFunction("allowance")(owner, spender);
}
