/** A revert in words: which rule, expected and actual. */
import type { Interface } from "ethers";
import { RpcError } from "../../../daemon/chain/endpoint.ts";

/** `name` undefined: nothing says that the contract refused it, or with which of its errors. */
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
