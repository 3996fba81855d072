/** What the public page of an archive is about, and where it reads: `settings.json` beside it. */
import { z } from "zod";

const hex = (bytes: number, what: string) =>
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `expected ${what}`) as unknown as z.ZodType<
    `0x${string}`,
    string
  >;
const address = hex(20, "an address");
const httpUrl = z.url({ protocol: /^https?$/ }).max(2_048);

export const maxReaders = 64;
export const maxGroups = 256;
export const maxLists = 16_384;

export const pageSettingsSchema = z.strictObject({
  version: z.literal(1),
  /** Endpoints of the chain, of which one must answer. */
  rpc: z.array(httpUrl).min(1).max(16),
  chainId: z.int().min(1),
  factory: address,
  lens: address,
  /** Root of the manifest: whatever is read under another root is refused. */
  manifest: hex(32, "the root of a manifest"),
  /** Where the manifest is, from the page; after these, the servers for readers are asked. */
  manifestUrls: z.array(z.string().min(1).max(2_048)).max(16),
  /** Providers' servers for readers: piece lists and files are read there. */
  readers: z.array(httpUrl).max(maxReaders),
  /** Roots of the piece lists in the folder `lists` beside the page. */
  lists: z.array(hex(32, "the root of a list")).max(maxLists),
  /** Null: the groups that announced the manifest or the edition before it. */
  groups: z.array(address).max(maxGroups).nullable(),
  /** Days to look back. */
  days: z.int().min(1).max(3_650),
  /** Alarm for files with fewer proven copies. */
  least: z.int().min(0).max(256),
});

export type PageSettings = z.output<typeof pageSettingsSchema>;
