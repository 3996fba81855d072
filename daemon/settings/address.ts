/** An Ethereum address as settings and files give it. */
import { z } from "zod";
import type { Hex } from "../../protocol/hash.ts";

/** Accepts any case; yields lower case. */
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address: 0x and 40 hex digits")
  .transform((text) => text.toLowerCase() as Hex);
