/** The form of `archive.json`, version 1: one definition for the types, for input, and for the JSON Schema. */
import { z } from "zod";
import type { Hex } from "../protocol/hash.ts";
import { maxNameBytes, nameFault } from "./names.ts";

export const manifestFormat = "whitepay-archive/1";

export const maxFiles = 100_000;
export const maxCollections = 1_000;
export const maxAttestations = 10_000;
export const maxSources = 16;
export const maxSignatures = 16;
/**
 * Most bytes of a manifest: 1,024 for each of the most files. Keys, hashes and numbers of a file take 363 of them; 661 are left for its name,
 * sources and the rest. A smaller archive may use more for each file.
 */
export const maxManifestBytes = maxFiles * 1024;
/** A signature by RSA with 16,384 bits, or an OpenPGP one with its notations, takes less. */
const maxSignatureChars = 65_536;
const maxStatementChars = 65_536;
const maxTextChars = 10_000;
const maxWordChars = 200;
const maxUrlChars = 2_048;
/** Most canonical bytes of one file: four for each character of its URLs, and as much again for all else. */
export const maxFileTextBytes = 2 * 4 * maxSources * maxUrlChars;
export const maxPriority = 100;

/** Whether a text is one line that a terminal can show. */
export const isLine = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);
const isText = (text: string): boolean => text.isWellFormed() && !/[^\P{Cc}\n\t]/u.test(text);

export const line = z
  .string()
  .min(1)
  .max(maxWordChars)
  .refine(isLine, "expected text without control characters");
const text = (most: number) =>
  z.string().max(most).refine(isText, "expected text without control characters but line ends and tabs");

/** Hex in lower case, with 0x. */
export const hexOf = (bytes: number) =>
  z
    .string()
    .regex(
      new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`),
      `expected 0x and ${2 * bytes} hex digits in lower case`,
    ) as unknown as z.ZodType<Hex, string>;

/** The root of a piece (R10). */
const root = hexOf(32);

const name = z
  .string()
  .min(1)
  .max(maxNameBytes)
  .superRefine((text, context) => {
    const fault = nameFault(text);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });

/** An http or https URL without name and password. */
export function isSourceUrl(text: string): boolean {
  if (!text.isWellFormed() || /[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "" && hash === "";
}

const source = z
  .union([
    z.strictObject({
      url: z
        .string()
        .max(maxUrlChars)
        .regex(/^https?:\/\//, "expected an http or https URL")
        .refine(isSourceUrl, "expected a URL without spaces, name, password and fragment"),
    }),
    z.strictObject({ manifest: root.describe("root of another manifest"), name }),
    z.strictObject({
      torrent: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "expected an info-hash in lower-case hex"),
      path: name,
    }),
  ])
  .meta({ id: "source" });

export const fileSchema = z
  .strictObject({
    name,
    bytes: z.int().min(1).describe("size; a piece has at least one byte"),
    blake2b: hexOf(64).describe("BLAKE2b-512 of the bytes"),
    sha256: hexOf(32).describe("SHA-256 of the bytes"),
    root: root.describe("root of the piece (R10)"),
    sources: z.array(source).max(maxSources),
    derivedFrom: z
      .strictObject({ file: name, by: line })
      .optional()
      .describe("the file can be computed from another one of the archive; its priority is 0"),
    priority: z.int().min(0).max(maxPriority).describe("files with a higher priority are stored first"),
    licence: line.optional().describe("instead of the collection's"),
  })
  .meta({ id: "file" });

const collection = z
  .strictObject({
    name: line,
    title: line,
    licence: line,
    files: z.array(fileSchema).max(maxFiles),
  })
  .meta({ id: "collection" });

const attestation = z
  .strictObject({
    about: z.string().min(1).max(maxNameBytes).describe('name of a file, or "manifest"'),
    by: line,
    statement: text(maxStatementChars),
    signature: text(maxSignatureChars).optional(),
  })
  .meta({ id: "attestation" });

const dropped = z.strictObject({ name, root, reason: line }).meta({ id: "dropped" });

export const manifestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  title: line,
  description: text(maxTextChars),
  edition: z.int().min(1),
  previous: root.nullable().describe("root of the edition before; null in edition 1"),
  created: z.iso.datetime({ precision: 0, error: "expected a time such as 2026-01-31T12:00:00Z" }),
  curator: z.strictObject({ name: line, address: hexOf(20).optional() }),
  collections: z.array(collection).max(maxCollections),
  attestations: z.array(attestation).max(maxAttestations),
  dropped: z
    .array(dropped)
    .max(maxFiles)
    .describe("every file of the edition before that is not in this one, with its reason"),
});

const armored = text(maxSignatureChars).min(1);

export const signatureSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("eip712"), signature: hexOf(65) }),
  z.strictObject({ kind: z.literal("ssh"), signature: armored }),
  z.strictObject({ kind: z.literal("openpgp"), signature: armored }),
]);

export const archiveSchema = z.strictObject({
  manifest: manifestSchema,
  signatures: z.array(signatureSchema).max(maxSignatures),
});

export type ArchiveFile = z.output<typeof fileSchema>;
export type FileSource = z.output<typeof source>;
export type Collection = z.output<typeof collection>;
export type Attestation = z.output<typeof attestation>;
export type DroppedFile = z.output<typeof dropped>;
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestSignature = z.output<typeof signatureSchema>;
/** The contents of `archive.json`. */
export type Archive = z.output<typeof archiveSchema>;
