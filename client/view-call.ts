/** Calls one view of a contract at a given block. */
import type { Interface, Provider, Result } from "ethers";
import { missingContract } from "./missing-contract.ts";
import { knownRefusal } from "./refusals.ts";

export type BlockTag = number | "latest";

export type ViewCall = {
  /** "group", "committee" or another kind of contract, for errors. */
  readonly what: string;
  readonly abi: Interface;
  readonly address: string;
  readonly name: string;
  readonly args?: readonly unknown[];
  readonly block?: BlockTag;
};

/** @throws WhitePayError `input` if there is no contract at the address, `refused` with the contract's own error */
export async function callView(provider: Provider, call: ViewCall): Promise<Result> {
  const { what, abi, address, name, args = [], block = "latest" } = call;
  const data = abi.encodeFunctionData(name, args);
  let answer: string;
  try {
    answer = await provider.call({ to: address, data, blockTag: block });
  } catch (error) {
    throw knownRefusal(abi, `to read ${name} of ${what} ${address}`, error) ?? error;
  }
  if (answer === "0x") throw missingContract(what, address);
  return abi.decodeFunctionResult(name, answer);
}
