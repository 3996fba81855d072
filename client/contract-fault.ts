/** Tells the fault of a called contract from a failure of the endpoint. */
import { isError } from "ethers";

/**
 * True if the endpoint executed the call and the contract reverted, or returned something else than its interface says. ethers also
 * gives CALL_EXCEPTION to a call that the endpoint refused to execute ("too many requests"), and BAD_DATA to an answer without a result.
 */
export function isContractFault(error: unknown): boolean {
  if (isError(error, "BAD_DATA")) return typeof error.value === "string";
  return isError(error, "CALL_EXCEPTION") && endpointFault(error) === undefined;
}

/** What the endpoint said when it did not execute a call; undefined for every other error. */
export function endpointFault(error: unknown): string | undefined {
  if (isError(error, "BAD_DATA")) {
    return typeof error.value === "string" ? undefined : "its answer is not valid";
  }
  if (!isError(error, "CALL_EXCEPTION") || (error.data ?? null) !== null) return undefined;
  const said: unknown = error.info?.["error"];
  // Without revert data, only the words of the endpoint say whether the contract reverted.
  if (said === undefined || /revert|opcode|out of gas/i.test(JSON.stringify(said))) return undefined;
  const { message } = said as { readonly message?: unknown };
  return typeof message === "string" ? message : "it gave no reason";
}
