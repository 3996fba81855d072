/** One place where every failure of a command becomes words on stderr and an exit code. */
import { CommanderError } from "commander";
import { WhitePayError } from "../client/errors.ts";
import type { ErrorCode } from "../client/errors.ts";

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

type ForeignError = { code?: unknown; shortMessage?: unknown; message?: unknown };

const networkCodes = new Set([
  "NETWORK_ERROR",
  "SERVER_ERROR",
  "TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
]);
const fundsCodes = new Set(["INSUFFICIENT_FUNDS"]);
const refusedCodes = new Set(["CALL_EXCEPTION"]);
const usageCodes = new Set(["ENOENT", "EISDIR", "ENOTDIR", "EACCES", "EPERM"]);

function foreignCode(error: ForeignError): ExitCode {
  const code = String(error.code);
  if (networkCodes.has(code)) return exitCodes.network;
  if (fundsCodes.has(code)) return exitCodes.funds;
  if (refusedCodes.has(code)) return exitCodes.refused;
  return usageCodes.has(code) ? exitCodes.usage : exitCodes.failed;
}

export type Failure = { code: ExitCode; lines: string[] };

const clientCodes: Readonly<Record<ErrorCode, ExitCode>> = {
  input: exitCodes.usage,
  network: exitCodes.network,
  refused: exitCodes.refused,
  funds: exitCodes.funds,
  cancelled: exitCodes.interrupted,
};

function explained(error: CliError | WhitePayError): Failure {
  const lines = [`whitepay: ${error.message}`];
  if (error.expected !== undefined) lines.push(`  expected: ${error.expected}`);
  if (error.actual !== undefined) lines.push(`  actual:   ${error.actual}`);
  if (error.hint !== undefined) lines.push(`  hint:     ${error.hint}`);
  return { code: error instanceof WhitePayError ? clientCodes[error.code] : error.code, lines };
}

/** Turns anything thrown into an exit code and the lines for stderr. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError || error instanceof WhitePayError) return explained(error);
  if (error instanceof CommanderError) {
    // Commander has already written its own message.
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, lines: [] };
  }
  const foreign = (typeof error === "object" && error !== null ? error : {}) as ForeignError;
  const code = foreignCode(foreign);
  const text = [foreign.shortMessage, foreign.message, error].find(
    (part) => part !== undefined && part !== "",
  );
  const lines = [`whitepay: ${String(text)}`];
  const debug = process.env["WHITEPAY_DEBUG"] === "1";
  if (code === exitCodes.failed) {
    if (debug && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
    else lines.push("  hint:     this is an unexpected fault; WHITEPAY_DEBUG=1 shows where it happened");
  }
  return { code, lines };
}
