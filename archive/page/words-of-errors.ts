/** Errors of the library as one text, for people. */
import { WhitePayError } from "../../client/errors.ts";

/** Message, expected, actual and hint. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof WhitePayError)) return (error as Error).message;
  const { message, expected, actual, hint } = error;
  const parts = [
    message,
    expected === undefined ? "" : `expected ${expected}, actual ${actual ?? "nothing"}`,
    hint ?? "",
  ];
  return parts.filter((part) => part !== "").join("; ");
}
