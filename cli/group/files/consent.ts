/** A provider's consent as a file: the output of `whitepay provider consent`. */
import { z } from "zod";
import type { DataConsent } from "../../../client/provider-plans.ts";
import { amount, readJsonInput, wholeNumber } from "../../console/json-input.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";

const schema = z.strictObject({
  operator: address,
  group: address,
  committee: address,
  listRoot: z.string().regex(/^0x[0-9a-f]{64}$/, "expected a list root: 0x and 64 hex digits"),
  bytes: amount,
  price: amount,
  receiptKey: address,
  sequence: wholeNumber(1),
  deadline: wholeNumber(1),
  // An operator that is a contract may have signatures of any length (ERC-1271).
  signature: z.string().regex(/^0x([0-9a-fA-F]{2}){1,4096}$/, "expected a signature: 0x and hex digits"),
});

/** @throws CliError exit 2 with the file and the place in it */
export function readConsent(file: string): Promise<DataConsent> {
  return readJsonInput(file, schema);
}
