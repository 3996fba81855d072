/** What a contract refused, in words: which rule, expected, actual, what to do. */
import { getBytes, type Interface } from "ethers";
import { WhitePayError } from "./errors.ts";

type Refusal = { readonly rule: string; readonly hint: string };

/** By error name without the contract's part; others are told by their name and values alone. */
const refusals: Readonly<Record<string, Refusal>> = {
  AlreadyRegistered: {
    rule: "R3: one registration for each operator",
    hint: "update what is registered instead",
  },
  NotRegistered: { rule: "R3: only a registered party may change its entry", hint: "register first" },
  NotAKeeper: { rule: "R3: a committee has registered keepers only", hint: "let that keeper register first" },
  NotAProvider: { rule: "R3: only registered providers join", hint: "let that provider register first" },
  KeyInUse: { rule: "R3: a BLS key is registered once", hint: "make a new BLS key" },
  BadProof: {
    rule: "R3: a key comes with a proof of possession",
    hint: "the key file and the chain must be the same as registered",
  },
  BadMultiaddrCount: { rule: "R3: one to eight addresses", hint: "give fewer, or at least one" },
  BadMultiaddrLength: { rule: "R3: an address has 1 to 128 bytes", hint: "shorten it" },
  ZeroPayee: { rule: "R31: money goes to an address that is not zero", hint: "name a payee" },
  NotPendingPayee: { rule: "R31: only the named payee accepts", hint: "send it from the named payee" },
  NoPrecompile: { rule: "R3: the chain needs EIP-2537", hint: "use a chain with the BLS12-381 precompiles" },
  BadConfig: { rule: "R4: parameters of a group", hint: "change that parameter" },
  BadCommitteeSize: { rule: "R2: n = 3f+1 keepers, f at least 1", hint: "use 4, 7, 10, … 124 keepers" },
  DuplicateMember: { rule: "R2: each keeper has one seat", hint: "name another keeper" },
  BadConsent: {
    rule: "R33: data carries its provider's signature",
    hint: "ask the provider for a new consent",
  },
  WrongSequence: { rule: "R33: consents are used in order", hint: "ask the provider for a new consent" },
  TooManyProviders: { rule: "R33: at most 256 providers settle item by item", hint: "use the Merkle mode" },
  NotPayer: { rule: "R33: only the payer may do this", hint: "use the payer's key" },
  NotOwner: { rule: "R31: only the operator or its payee", hint: "use the operator's or the payee's key" },
  NotWithdrawable: {
    rule: "R32: the reserve stays in the escrow",
    hint: "ask for at most what is withdrawable",
  },
  WrongValue: { rule: "R32: the coin sent is the amount", hint: "send exactly that value" },
  Terminated: { rule: "R33: a terminated group takes no changes", hint: "make a new group" },
  Ended: { rule: "R33: the group has ended", hint: "nothing is left to settle" },
  NotAbandonable: { rule: "R34: abandoning has to wait", hint: "wait for that block" },
  CommitteePending: {
    rule: "R33: one pending committee at a time",
    hint: "cancel it, or wait until it takes effect",
  },
  StaleStart: { rule: "R29: one settlement for each ts", hint: "it is settled already" },
  TooEarly: { rule: "R29: a settlement is valid inside its turn", hint: "wait for that block" },
  TooLate: { rule: "R29: a settlement is valid inside its turn", hint: "the next turn settles" },
  TransferFailed: { rule: "R31: the payee or token refused the money", hint: "name another payee" },
};

/** The revert data inside whatever the JSON-RPC library throws. */
export function revertData(error: unknown): string | undefined {
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
  return name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

/** A factory rule is text in a bytes32. */
function valueText(value: unknown, type: string): string {
  const text = String(value);
  if (type !== "bytes32" || !text.endsWith("00")) return text;
  const ascii = String.fromCharCode(...getBytes(text.replace(/(00)+$/, "")));
  return /^[\x20-\x7e]+$/.test(ascii) ? ascii : text;
}

/**
 * The refusal as an error of code `refused`, or undefined if no contract refused anything.
 * @param abi with the errors that the called contract may throw
 */
export function refusalOf(abi: Interface, what: string, error: unknown): WhitePayError | undefined {
  const data = revertData(error);
  const parsed = data === undefined ? null : abi.parseError(data);
  if (parsed === null) {
    if ((error as { code?: unknown }).code !== "CALL_EXCEPTION") return undefined;
    const { shortMessage, message } = error as { shortMessage?: string; message?: string };
    const text = shortMessage ?? message ?? "without a reason";
    return new WhitePayError({
      code: "refused",
      message: `the contract refused ${what}: ${text}`,
      cause: error,
    });
  }
  const name = parsed.name.replace(/^.*_/, "");
  const known = refusals[name];
  const values = parsed.fragment.inputs.map((input, i) => ({
    name: input.name,
    text: valueText(parsed.args[i], input.type),
  }));
  const expected = values.filter((value) => value.name.startsWith("expected"));
  const actual = values.filter((value) => value.name === "actual");
  const rest = values.filter((value) => !expected.includes(value) && !actual.includes(value));
  const detail = rest.map((value) => `${wordsOf(value.name)} ${value.text}`).join(", ");
  const told = ({ name: label, text }: { name: string; text: string }): string => {
    const bound = wordsOf(label).replace(/^expected ?/, "");
    return bound === "" ? text : `${bound} ${text}`;
  };
  return new WhitePayError({
    code: "refused",
    message: `the contract refused ${what}: ${wordsOf(name)}${detail === "" ? "" : ` (${detail})`}${known === undefined ? "" : `; rule ${known.rule}`}`,
    ...(expected.length === 0 ? {} : { expected: expected.map(told).join(", ") }),
    ...(actual.length === 0 ? {} : { actual: actual.map(({ text }) => text).join(", ") }),
    hint: known?.hint ?? "docs/protocol.md explains the rules",
    cause: error,
  });
}
