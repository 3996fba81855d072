/**
 * R37: the consents of this keeper, and which of them its daemon sent. An event shows the operator only, and daemon and operator use one
 * account. So the daemon adds a mark behind the arguments of its call, which the contract ignores: every machine with this key tells the
 * two apart from the chain alone.
 */
import { id } from "ethers";
import type { Ask } from "../../../daemon/chain/calls.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { OwnConsent } from "../../../protocol/succession.ts";
import { committeeAbi } from "./abi.ts";
import type { ChainEvent } from "./logs.ts";

export type OwnConsentAt = OwnConsent & { readonly block: number; readonly tx: Hex };

/** 24 bytes; the number of replaced members follows in 8 bytes. */
const mark = id("WhitePay: a keeper's daemon consents (R37)").slice(2, 2 + 48);

/** Calldata of a consent that the daemon sends by itself. */
export function markedConsent(version: number, replaced: number): string {
  return `${committeeAbi.encodeFunctionData("consent", [version])}${mark}${replaced.toString(16).padStart(16, "0")}`;
}

type Sent = { readonly from: string; readonly input: string };

/** Reads who sent the consent of a `MemberConsented` event. */
export async function ownConsentOf(
  ask: Ask,
  operator: Hex,
  { args, block, tx }: ChainEvent,
): Promise<OwnConsentAt> {
  const version = Number(args["version"]);
  return { ...(await senderOf(ask, operator, version, tx)), block, tx };
}

/** The same consent; read again if no endpoint had its transaction. */
export async function readAgain(ask: Ask, operator: Hex, one: OwnConsentAt): Promise<OwnConsentAt> {
  if (one.by !== "unknown") return one;
  const { version, block, tx } = one;
  return { ...(await senderOf(ask, operator, version, tx)), block, tx };
}

async function senderOf(ask: Ask, operator: Hex, version: number, tx: Hex): Promise<OwnConsent> {
  const sent = (await ask("eth_getTransactionByHash", [tx])) as Sent | null;
  if (sent === null) return { version, by: "unknown" };
  const { from, input } = sent;
  // Another account can only hand in what the operator signed.
  if (from.toLowerCase() !== operator) return { version, by: "operator" };
  const call = committeeAbi.encodeFunctionData("consent", [version]) + mark;
  if (!input.toLowerCase().startsWith(call)) return { version, by: "operator" };
  const replaced = Number.parseInt(input.slice(call.length), 16);
  return Number.isSafeInteger(replaced) && replaced > 0
    ? { version, by: "daemon", replaced }
    : { version, by: "unknown" };
}

/** Endpoints add fields of their own to a transaction; these decide whether two answers are equal. */
export function transactionKey(answer: unknown): string {
  if (answer === null) return "null";
  const { from, input } = answer as Sent;
  return `${from.toLowerCase()} ${input.toLowerCase()}`;
}
