/** What was made of a group file, beside it, so that nothing is made or paid twice and pieces keep their names. */
import { join, parse } from "node:path";
import { z } from "zod";
import { wholeNumber } from "../../console/json-input.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";

export const createdGroup = z.strictObject({
  chainId: wholeNumber(1),
  /** Not known while the transaction is in no block. */
  group: address.optional(),
  transaction: z.string(),
  funded: z.boolean(),
  /** Token units that are put in when it is made. */
  deposit: z.string().regex(/^\d{1,40}$/),
  /** The chain knows pieces by their roots; the names are the payer's own. */
  pieces: z.array(z.strictObject({ root: z.string(), size: wholeNumber(1), name: z.string() })),
});
export type CreatedGroup = z.output<typeof createdGroup> & { readonly group: string };
export type SentGroup = z.output<typeof createdGroup>;

/** `group.yaml` → `group.created.json`. */
export function createdPath(groupFile: string): string {
  const { dir, name } = parse(groupFile);
  return join(dir, `${name}.created.json`);
}
