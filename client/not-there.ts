/** What is said where an address has no contract of the kind that is asked: the commonest cause is a chain that was started anew. */
import { inputError, type WhitePayError } from "./errors.ts";

const hint = "check address and chain; a chain that was started anew has none of its earlier contracts";

/** @param what as in "group" or "registry" */
export function notThere(what: string, address: string, actual = "no contract there"): WhitePayError {
  return inputError(`there is no ${what} at ${address}`, {
    expected: `the contract of a ${what}`,
    actual,
    hint,
  });
}

/**
 * Calls of a contract that may not be one of that kind.
 * @throws WhitePayError `input` if it answers with nothing, or does not know the call
 */
export async function expectContract<T>(what: string, address: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, value } = error as { readonly code?: unknown; readonly value?: unknown };
    if (code !== "CALL_EXCEPTION" && code !== "BAD_DATA") throw error;
    const isEmpty = code === "BAD_DATA" && value === "0x";
    throw notThere(what, address, isEmpty ? undefined : "a contract of another kind");
  }
}
