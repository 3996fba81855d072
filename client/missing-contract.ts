/** Errors for an address without the expected contract. The most common cause is a restarted local chain. */
import { isContractFault } from "./contract-fault.ts";
import { inputError, type WhitePayError } from "./errors.ts";

export const otherChainHint =
  "check the address and the chain; a restarted local chain has none of its earlier contracts";

/** @param what "group", "committee" or another kind of contract */
export function missingContract(what: string, address: string, actual = "no contract"): WhitePayError {
  return inputError(`there is no ${what} at ${address}`, {
    expected: `the contract of a ${what}`,
    actual,
    hint: otherChainHint,
  });
}

/**
 * Runs calls of a contract.
 * @throws WhitePayError `input` if there is no contract, or one of another kind
 */
export async function expectContract<T>(what: string, address: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isContractFault(error)) throw error;
    const { code, value } = error as { readonly code?: unknown; readonly value?: unknown };
    const isEmpty = code === "BAD_DATA" && value === "0x";
    throw missingContract(what, address, isEmpty ? undefined : "a contract of another kind");
  }
}
