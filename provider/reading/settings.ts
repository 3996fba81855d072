/** R44: the settings of the server for readers. */
import { z } from "zod";
import { maxUrlBytes } from "../../protocol/codec/store-response.ts";
import { pathOfPiece } from "../../protocol/codec/piece-http.ts";
import { zeroHash } from "../../protocol/hash.ts";
import { priceSchema } from "./paid/settings.ts";

const maxBase = maxUrlBytes - pathOfPiece(zeroHash).length;

export const readingSchema = z.strictObject({
  /** Where readers are served: an address of its own, at which nothing else answers. */
  host: z.string().min(1),
  port: z.int().min(0).max(65_535),
  /** Where readers reach it from outside, for example behind a proxy with TLS. Default: host and port. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(maxBase)
    .transform((url) => url.replace(/\/+$/, ""))
    .optional(),
  /** IP addresses of reverse proxies; the last address of X-Forwarded-For is the reader's. */
  proxies: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  /** Most bytes a second to all readers; one address gets half of it. Default: what takes a quarter of a core. */
  bytesPerSecond: z.int().min(65_536).optional(),
  /** Most bytes a day (UTC) to all readers. Default: no limit. */
  bytesPerDay: z.int().min(1).optional(),
  /** R47: what reading costs; needs `chain.vouchers`. Default: nothing. */
  price: priceSchema.optional(),
});
