/** Errors of the client: code, message, expected and actual value, and remedy. */

/**
 * - `input`: an argument is not valid
 * - `network`: no endpoint answered, or it serves another chain
 * - `refused`: the contract refuses the transaction; the message names the rule
 * - `funds`: coin or tokens are missing
 * - `cancelled`: `confirm` returned false; nothing was sent
 */
export type ErrorCode = "input" | "network" | "refused" | "funds" | "cancelled";

export type ErrorDetails = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
  /** The remedy. */
  readonly hint?: string;
  readonly cause?: unknown;
};

export class WhitePayError extends Error {
  override readonly name = "WhitePayError";
  readonly code: ErrorCode;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  readonly hint: string | undefined;

  constructor({ code, message, expected, actual, hint, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.expected = expected;
    this.actual = actual;
    this.hint = hint;
  }
}

export function inputError(
  message: string,
  details: { readonly expected?: string; readonly actual?: string; readonly hint?: string } = {},
): WhitePayError {
  return new WhitePayError({ code: "input", message, ...details });
}
