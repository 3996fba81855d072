/** Parsers for command-line values. A parser throws a usage error with the expected form (D2). */
import { checksumFault } from "../../daemon/settings/checksum.ts";
import type { Command } from "commander";
import { parseBytes } from "../../client/units.ts";
import { usageError } from "./exit.ts";

/** For a chain of calls: `.option(...jsonFlag)`. */
export const jsonFlag = ["--json", "print one JSON document on stdout"] as const;

export function jsonOption(command: Command): Command {
  return command.option(...jsonFlag);
}

/** For a command that always prints JSON: scripts may pass `--json` to every command. */
export function alwaysJson(command: Command): Command {
  return command.option("--json", "accepted; this command always prints one JSON document on stdout");
}

/** A parser for an option that is a whole number in [min, max]. */
export function integerOption(
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): (text: string) => number {
  return (text) => {
    const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      const range =
        max === Number.MAX_SAFE_INTEGER ? `of at least ${min}, below 2^53` : `from ${min} to ${max}`;
      throw usageError(`${name} is not valid`, {
        expected: `a whole number ${range}, in decimal digits`,
        actual: quote(text),
      });
    }
    return value;
  };
}

/** A parser for an option that is `bytes` bytes of 0x-prefixed hex. */
export function hexOption(name: string, bytes: number): (text: string) => string {
  return (text) => {
    if (!/^0x[0-9a-fA-F]*$/.test(text) || text.length !== 2 + 2 * bytes) {
      throw usageError(`${name} is not valid`, {
        expected: `0x and ${2 * bytes} hex digits (${bytes} bytes)`,
        actual: quote(text),
      });
    }
    return text;
  };
}

/** A parser for an address in any case; mixed case needs the right EIP-55 checksum, which detects a mistyped digit. */
export function addressOption(name: string): (text: string) => string {
  const parse = hexOption(name, 20);
  return (text) => {
    const address = parse(text);
    const right = checksumFault(address);
    if (right === undefined) return address;
    throw usageError(`${name} has a wrong checksum`, {
      expected: right,
      actual: address,
      hint: "check the address; an address in lower case is accepted without a checksum",
    });
  };
}

/** A parser for one of a fixed list of words. */
export function choiceOption<const T extends string>(
  name: string,
  choices: readonly T[],
): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw usageError(`${name} is not valid`, { expected: choices.join(" | "), actual: quote(text) });
    }
    return choice;
  };
}

/** A parser for a decimal number above 0. */
export function positiveOption(name: string): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : 0;
    if (value > 0) return value;
    throw usageError(`${name} is not valid`, { expected: "a number above 0", actual: quote(text) });
  };
}

/** A parser for an amount of bytes, for example 100GB. */
export function bytesOption(name: string): (text: string) => number {
  return (text) => {
    const bytes = parseBytes(text);
    if (bytes >= 1n && bytes <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(bytes);
    throw usageError(`${name} is not valid`, { expected: "1 byte to 2^53 − 1 bytes, for example 100GB" });
  };
}

const maxQuoted = 80;

/** User input for a message: one line, no control characters, limited length. */
export function quote(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length <= maxQuoted ? quoted : `${quoted.slice(0, maxQuoted)}… (${text.length} characters)`;
}
