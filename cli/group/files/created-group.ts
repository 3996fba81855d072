/** The result of `group create`, stored beside the group file: prevents a second creation or deposit, and keeps file names. */
import { join, parse } from "node:path";
import { z } from "zod";
import { wholeNumber } from "../../console/json-input.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";

export const createdGroup = z.strictObject({
  chainId: wholeNumber(1),
  /** Of a private committee that was formed before its group. */
  committee: address.optional(),
  /** Unknown until its transaction is in a block. */
  group: address.optional(),
  /** Transaction that makes the group, or before it the committee. */
  transaction: z.string(),
  funded: z.boolean(),
  /** Token units deposited at creation. */
  deposit: z.string().regex(/^\d{1,40}$/),
  /** The chain stores roots only; names are local to the payer. */
  pieces: z.array(z.strictObject({ root: z.string(), size: wholeNumber(1), name: z.string() })),
});
export type SentGroup = z.output<typeof createdGroup>;
export type CreatedGroup = SentGroup & { readonly group: string };

/** `group.yaml` → `group.created.json`. */
export function createdPath(groupFile: string): string {
  const { dir, name } = parse(groupFile);
  return join(dir, `${name}.created.json`);
}
