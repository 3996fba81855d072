/** Explains refusals of the contracts: rule, expected value, actual value and remedy. */
import { getBytes, Interface, type ErrorDescription } from "ethers";
import { committeeAbi, factoryAbi, groupAbi, registryAbi, tokenAbi, vouchersAbi } from "./abi.ts";
import { isContractFault } from "./contract-fault.ts";
import { WhitePayError } from "./errors.ts";
import type { RefusalWords } from "./refusal-form.ts";
import { refusalWords } from "./refusal-words.ts";
import { formatAmount, type Token } from "./units.ts";
import { counted } from "../protocol/counted.ts";

/** The revert data inside an error of the JSON-RPC library. */
function revertData(error: unknown): string | undefined {
  const seen = new Set<unknown>();
  const find = (value: unknown): string | undefined => {
    if (typeof value === "string") return /^0x([0-9a-f]{2}){4,}$/i.test(value) ? value : undefined;
    if (typeof value !== "object" || value === null || seen.has(value)) return undefined;
    seen.add(value);
    for (const key of ["data", "error", "info"] as const) {
      const found = find((value as Record<string, unknown>)[key]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(error);
}

function wordsOf(name: string): string {
  return name.replace(/([a-z0-9])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$1$2 ").toLowerCase();
}

/** The factory reports a rule as text in a bytes32. */
function valueText(value: unknown, type: string): string {
  const text = String(value);
  if (type !== "bytes32" || !text.endsWith("00")) return text;
  const ascii = String.fromCharCode(...getBytes(text.replace(/(00)+$/, "")));
  return /^[\x20-\x7e]+$/.test(ascii) ? ascii : text;
}

/** The error of a group for a token whose transfer fails. */
const transferAbi = new Interface(["error SafeERC20FailedOperation(address token)"]);

/** A call of a group may fail in its committee, in the registry or in the token; their errors pass through unchanged. */
function parsedRefusal(abi: Interface, data: string | undefined): ErrorDescription | undefined {
  if (data === undefined) return undefined;
  for (const known of [
    abi,
    groupAbi,
    committeeAbi,
    registryAbi,
    factoryAbi,
    vouchersAbi,
    tokenAbi,
    transferAbi,
  ]) {
    const parsed = known.parseError(data);
    if (parsed !== null) return parsed;
  }
  return undefined;
}

/** A refusal without a known error: the text of ethers or of the contract. */
function unexplained(what: string, error: unknown): WhitePayError | undefined {
  if ((error as { code?: unknown }).code !== "CALL_EXCEPTION" || !isContractFault(error)) return undefined;
  const { shortMessage, message } = error as { shortMessage?: string; message?: string };
  const text = shortMessage ?? message ?? "without a reason";
  return new WhitePayError({
    code: "refused",
    message: `the contract refused ${what}: ${text}`,
    cause: error,
  });
}

type Value = { readonly name: string; readonly text: string };

/** The suffix of the name, for example "Max" in "expectedMax", is the direction of the bound. */
function bounded({ name, text }: Value, unit: string): string {
  const value = `${unit}${text}`;
  if (name.endsWith("Max")) return `at most ${value}`;
  if (name.endsWith("Min")) return `at least ${value}`;
  if (name.endsWith("From")) return `${value} or later`;
  if (name.endsWith("Before")) return `before ${value}`;
  if (name.endsWith("Below")) return `below ${value}`;
  if (name.endsWith("Above")) return `above ${value}`;
  return value;
}

function valuesOf(
  parsed: ErrorDescription,
  words: RefusalWords | undefined,
  token: Token | undefined,
): Value[] {
  return parsed.fragment.inputs.map((input, i) => {
    const value: unknown = parsed.args[i];
    const isMoney = words?.unit === "money" && token !== undefined && typeof value === "bigint";
    if (isMoney) return { name: input.name, text: formatAmount(value, token) };
    const text = valueText(value, input.type);
    const isUnits = words?.unit === "money" && typeof value === "bigint";
    // Without the token's decimals the amount in whole tokens is unknown.
    return { name: input.name, text: isUnits ? `${counted(value, "unit")} (the token's smallest)` : text };
  });
}

/**
 * The refusal as an error of code `refused`; undefined if the error is not a refusal.
 * @param abi errors of the called contract
 * @param token token of the amounts, if known
 */
export function refusalOf(
  abi: Interface,
  what: string,
  error: unknown,
  token?: Token,
): WhitePayError | undefined {
  return knownRefusal(abi, what, error, token) ?? unexplained(what, error);
}

/** The same for the contracts' own errors alone. */
export function knownRefusal(
  abi: Interface,
  what: string,
  error: unknown,
  token?: Token,
): WhitePayError | undefined {
  const parsed = parsedRefusal(abi, revertData(error));
  if (parsed === undefined) return undefined;
  const name = parsed.name.replace(/^.*_/, "");
  const words = Object.hasOwn(refusalWords, parsed.name) ? refusalWords[parsed.name] : undefined;
  const told = toldOf(valuesOf(parsed, words, token), words);
  return new WhitePayError({
    code: "refused",
    message: `the contract refused ${what}: ${wordsOf(name)}${told.detail === "" ? "" : ` (${told.detail})`}${words === undefined ? "" : `; rule ${words.rule}`}`,
    ...(told.expected === "" ? {} : { expected: told.expected }),
    ...(told.actual === "" ? {} : { actual: told.actual }),
    hint: words?.hint ?? "docs/protocol.md explains the rules",
    cause: error,
  });
}

type Told = { readonly expected: string; readonly actual: string; readonly detail: string };

/** Assigns each value to expected, actual or detail. */
function toldOf(values: readonly Value[], words: RefusalWords | undefined): Told {
  const unit = words?.unit === "block" ? "block " : "";
  const pattern = words?.expected;
  const isActual = ({ name }: Value): boolean =>
    words?.actual === undefined ? name.startsWith("actual") : name === words.actual;
  const isExpected = ({ name }: Value): boolean =>
    pattern === undefined ? name.startsWith("expected") : pattern.includes(`{${name}}`);
  const expected = values.filter((value) => isExpected(value) && !isActual(value));
  const actual = values.filter(isActual);
  return {
    expected:
      pattern === undefined
        ? expected.map((value) => bounded(value, unit)).join(", ")
        : expected.reduce((text, { name, text: value }) => text.replace(`{${name}}`, value), pattern),
    actual: actual.map(({ text }) => `${unit}${text}`).join(", "),
    detail: values
      .filter((value) => !expected.includes(value) && !actual.includes(value))
      .map(({ name, text }) => `${wordsOf(name)} ${text}`)
      .join(", "),
  };
}
