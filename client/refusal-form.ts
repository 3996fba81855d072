/** The form of the words for an error of the contracts. */

export type RefusalWords = {
  /** Completes a text that begins with "rule". */
  readonly rule: string;
  readonly hint: string;
  /** Unit of the error's values; without it they are plain numbers, addresses or hashes. */
  readonly unit?: "block" | "money";
  /** If no value is named "expected…": a text with names of values in braces. */
  readonly expected?: string;
  /** Name of the actual value, if it does not begin with "actual". */
  readonly actual?: string;
};

/** By the full name of the error. */
export type Refusals = Readonly<Record<string, RefusalWords>>;

/** A remedy: another account. */
export const wrongKey = (party: string): string => `use the key of ${party}`;

/** A remedy for errors that only keepers' daemons can meet. */
export const daemon = "keepers send certificates themselves; no manual action is needed";
