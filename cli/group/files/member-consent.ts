/** A keeper's signed consent to a version of a committee as a file: the output of `whitepay committee accept --sign`. */
import { z } from "zod";
import type { MemberConsent } from "../../../client/member-consents.ts";
import { readJsonInput, wholeNumber } from "../../console/json-input.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";

const schema = z.strictObject({
  committee: address,
  version: wholeNumber(1),
  operator: address,
  deadline: wholeNumber(1),
  // An operator that is a contract may have signatures of any length (ERC-1271).
  signature: z.string().regex(/^0x([0-9a-fA-F]{2}){1,4096}$/, "expected a signature: 0x and hex digits"),
});

/** @throws CliError exit 2 with the file and the place in it */
export function readMemberConsent(file: string): Promise<MemberConsent> {
  return readJsonInput(file, schema);
}
