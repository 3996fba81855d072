/** The text of a revert: the rule, the expected and the actual value. */
import type { Interface } from "ethers";
import { RpcError } from "../../../daemon/chain/endpoint.ts";

/** `name` undefined: the error is not a known custom error of the contract. */
export type Revert = { readonly name: string | undefined; readonly text: string };

export function revertText(abi: Interface, error: unknown): Revert {
  const data = error instanceof RpcError ? error.revert : undefined;
  const parsed = data === undefined ? null : abi.parseError(data);
  if (parsed === null) return { name: undefined, text: (error as Error).message ?? String(error) };
  const values = parsed.fragment.inputs.map((input, i) => `${input.name} ${String(parsed.args[i])}`);
  const words = parsed.name
    .replace(/^.*_/, "")
    .replace(/([A-Z])/g, " $1")
    .trim()
    .toLowerCase();
  return {
    name: parsed.name,
    text: `the contract refused it: ${words}${values.length > 0 ? ` (${values.join(", ")})` : ""}`,
  };
}
