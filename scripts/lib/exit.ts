/** One place where every failure of a command becomes words on stderr and an exit code. */
import { CommanderError } from "commander";
import { WhitePayError } from "../client/errors.ts";
import type { ErrorCode } from "../client/errors.ts";
import { foreignFault } from "./foreign-errors.ts";
import type { ForeignFault } from "./foreign-errors.ts";

export const exitCodes = {
  ok: 0,
  /** An internal fault, or what was checked does not hold. */
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
  /** What to do about it. */
  hint?: string;
  cause?: unknown;
};

/** A failure that is explained: the user sees the text, never a stack. */
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

/** Shorthand for the commonest failure: wrong input (exit 2). */
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

/** A fault that nothing is known about: what it says of itself, and how to see where it happened. */
function unexpected(error: unknown): Failure {
  const { shortMessage, message } = (typeof error === "object" && error !== null ? error : {}) as {
    readonly shortMessage?: unknown;
    readonly message?: unknown;
  };
  const text = [shortMessage, message, error].find((part) => part !== undefined && part !== "");
  const lines = [`whitepay: ${String(text)}`];
  const debug = process.env["WHITEPAY_DEBUG"] === "1";
  if (debug && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  else lines.push("  hint:     this is an unexpected fault; WHITEPAY_DEBUG=1 shows where it happened");
  return { code: exitCodes.failed, lines };
}

/** Turns anything thrown into an exit code and the lines for stderr. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError) return { code: error.code, lines: linesOf(error) };
  if (error instanceof WhitePayError) return { code: clientCodes[error.code], lines: linesOf(error) };
  if (error instanceof CommanderError) {
    // Commander has already written its own message.
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, lines: [] };
  }
  const fault = foreignFault(error);
  if (fault === undefined) return unexpected(error);
  return { code: foreignCodes[fault.kind], lines: linesOf(fault) };
}
