/** A keeper's acceptance of a seat as a file: the output of `whitepay keeper accept --sign`. */
import { z } from "zod";
import type { SeatConsent } from "../../../client/seats.ts";
import { readJsonInput, wholeNumber } from "../../console/json-input.ts";
import { addressText as address } from "../../../daemon/settings/address.ts";

const schema = z.strictObject({
  group: address,
  committee: wholeNumber(1),
  operator: address,
  signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/, "expected a signature: 0x and 130 hex digits"),
});

/** @throws CliError exit 2 with the file and the place in it */
export function readSeatConsent(file: string): Promise<SeatConsent> {
  return readJsonInput(file, schema);
}
