/** A revert in words: which rule, expected and actual. */
import type { Interface } from "ethers";

export type Revert = { readonly name: string | undefined; readonly text: string };

/** The revert data inside whatever the JSON-RPC library throws. */
function revertData(error: unknown): string | undefined {
  const candidates = [
    (error as { data?: unknown }).data,
    (error as { error?: { data?: unknown } }).error?.data,
    (error as { info?: { error?: { data?: unknown } } }).info?.error?.data,
  ];
  for (const candidate of candidates) {
    const inner = (candidate as { data?: unknown } | undefined)?.data ?? candidate;
    if (typeof inner === "string" && /^0x([0-9a-f]{2}){4,}$/i.test(inner)) return inner;
  }
  return undefined;
}

export function revertText(abi: Interface, error: unknown): Revert {
  const data = revertData(error);
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
