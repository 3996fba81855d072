/** Schema of an Ethereum address in settings and files. */
import { z } from "zod";
import type { Hex } from "../../protocol/hash.ts";
import { checksumFault } from "./checksum.ts";

/** Accepts any case; mixed case must have the right checksum, which detects typing errors. Returns the text unchanged. */
export const addressText = z
  .string("expected an address in quotes: 0x and 40 hex digits")
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address: 0x and 40 hex digits")
  .superRefine((text, context) => {
    const right = checksumFault(text);
    if (right !== undefined)
      context.addIssue({ code: "custom", message: `wrong checksum: expected ${right}, actual ${text}` });
  });

/** The same in lower case. */
export const address = addressText.transform((text) => text.toLowerCase() as Hex);
