/** Maps every error of a command to a message on stderr and an exit code. */
import { CommanderError } from "commander";
import { WhitePayError } from "../../client/errors.ts";
import type { ErrorCode } from "../../client/errors.ts";
import { foreignFault } from "./foreign-errors.ts";
import type { ForeignFault } from "./foreign-errors.ts";

export const exitCodes = {
  ok: 0,
  /** An internal error, or a check that failed. */
  failed: 1,
  usage: 2,
  network: 3,
  refused: 4,
  funds: 5,
  unsafe: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export type CliErrorOptions = {
  code: ExitCode;
  message: string;
  expected?: string;
  actual?: string;
  /** The remedy. */
  hint?: string;
  cause?: unknown;
};

/** An expected failure: the user sees its text, never a stack trace. */
export class CliError extends Error {
  readonly code: ExitCode;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  readonly hint: string | undefined;

  constructor(options: CliErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CliError";
    this.code = options.code;
    this.expected = options.expected;
    this.actual = options.actual;
    this.hint = options.hint;
  }
}

/** Wrong input (exit 2). */
export function usageError(
  message: string,
  details: { expected?: string; actual?: string; hint?: string } = {},
): CliError {
  return new CliError({ code: exitCodes.usage, message, ...details });
}

export type Failure = { code: ExitCode; lines: string[] };

const clientCodes: Readonly<Record<ErrorCode, ExitCode>> = {
  input: exitCodes.usage,
  network: exitCodes.network,
  refused: exitCodes.refused,
  funds: exitCodes.funds,
  cancelled: exitCodes.interrupted,
};

const foreignCodes: Readonly<Record<ForeignFault["kind"], ExitCode>> = {
  failed: exitCodes.failed,
  input: exitCodes.usage,
  network: exitCodes.network,
  refused: exitCodes.refused,
  funds: exitCodes.funds,
};

type Told = {
  readonly message: string;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly hint?: string | undefined;
};

function linesOf({ message, expected, actual, hint }: Told): string[] {
  const lines = [`whitepay: ${message}`];
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  if (actual !== undefined) lines.push(`  actual:   ${actual}`);
  if (hint !== undefined) lines.push(`  hint:     ${hint}`);
  return lines;
}

/** A failure as text, with its exit code. */
export type Explained = Told & { readonly code: ExitCode };

/** Undefined for an error of an unknown kind. */
function known(error: unknown): Explained | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof WhitePayError) {
    const { message, expected, actual, hint } = error;
    return { code: clientCodes[error.code], message, expected, actual, hint };
  }
  const fault = foreignFault(error);
  return fault && { ...fault, code: foreignCodes[fault.kind] };
}

function ownText(error: unknown): string {
  const { shortMessage, message } = (typeof error === "object" && error !== null ? error : {}) as {
    readonly shortMessage?: unknown;
    readonly message?: unknown;
  };
  return String([shortMessage, message, error].find((part) => part !== undefined && part !== ""));
}

/** Explains any thrown value. */
export function explain(error: unknown): Explained {
  return known(error) ?? { code: exitCodes.failed, message: ownText(error) };
}

/** The exit code and the lines on stderr for any thrown value. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    // Commander has printed its message already.
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, lines: [] };
  }
  const told = known(error);
  if (told !== undefined) return { code: told.code, lines: linesOf(told) };
  if (process.env["WHITEPAY_DEBUG"] === "1" && error instanceof Error && error.stack !== undefined) {
    return { code: exitCodes.failed, lines: [`whitepay: ${ownText(error)}`, error.stack] };
  }
  const hint = "this error is unexpected; set WHITEPAY_DEBUG=1 to print its stack trace";
  return { code: exitCodes.failed, lines: linesOf({ message: ownText(error), hint }) };
}
