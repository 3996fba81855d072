/** The file that `share` writes and `fetch --share` reads: what a reader needs to know, and the payer's permission. */
import { z } from "zod";
import { decodePermission } from "../../protocol/codec/piece-http.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import { readJsonInput } from "../console/json-input.ts";
import { usageError } from "../console/exit.ts";

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`), `expected 0x and ${2 * bytes} lower-case hex digits`)
    .transform((text) => text as Hex);

const copy = z.strictObject({
  /** Operator. */
  provider: z.string(),
  peerId: z.string().min(1),
  addrs: z.array(z.string()),
  /** Where the provider serves the piece over HTTP; undefined: nowhere. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  root: hex(32),
  bytes: z.int().positive(),
  permission: z.string(),
});

const schema = z.strictObject({
  chainId: z.int().positive(),
  group: hex(20),
  name: z.string(),
  sequence: z.int().min(1),
  /** Peer id of the reader, or "anybody". */
  with: z.string().min(1),
  /** Last block. */
  until: z.int().nonnegative(),
  /** Undefined: no limit. */
  bytesPerDay: z.int().positive().optional(),
  copies: z.array(copy).min(1).max(256),
});

export type ShareFile = z.output<typeof schema>;
export type SharedCopy = ShareFile["copies"][number];

export function readShareFile(file: string): Promise<ShareFile> {
  return readJsonInput(file, schema);
}

/** @throws CliError exit 2 if the text is no permission */
export function permissionOf({ permission }: SharedCopy): GroupDomain & Permission {
  const decoded = decodePermission(permission);
  if (decoded.ok) return decoded.value;
  throw usageError("the permission in the file is not valid", { actual: decoded.detail });
}
