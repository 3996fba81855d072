/** The definition of a ceremony that is run: fixed before its first contribution. Its piece root (R10) names the ceremony. */
import { z } from "zod";
import { canonicalText } from "../../archive/canonical.ts";
import { hexOf, line } from "../../archive/schema.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { pieceRoot } from "../../storage/core/merkle.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { layoutOf, maxPower } from "../powers-of-tau/layout.ts";

export const definitionFormat = "whitepay-ceremony/1";

/** Each has at most one contribution, and a file of its own in the archive. */
export const mostParticipants = 1_000;
const maxSlotsOfOne = 10;
const daySeconds = 86_400;
/** Attestations of one contribution: two versions of a committee of 124 members (R2), since one may succeed the other meanwhile. */
export const maxAttestations = 248;
const maxArguments = 64;
const maxArgumentChars = 1_000;
/** Roots of unity of order 2^28 exist in BN254's scalar field, and no larger ones. */
const maxPowerBn254 = 28;
/** Addresses take 45 bytes each; title and command are bounded by their schemas. */
export const maxDefinitionBytes = 262_144;

const address = hexOf(20);
const placeholders = ["{challenge}", "{response}"] as const;

const committee = z.strictObject({ chainId: z.int().min(1), address });

export const definitionSchema = z
  .strictObject({
    format: z.literal(definitionFormat),
    title: line,
    kind: z.literal("powers-of-tau"),
    curve: z.enum(["bn254", "bls12-381"]),
    power: z.int().min(1).max(maxPower).describe("the files have 2^power powers of τ in G2"),
    depth: z
      .enum(["hashes", "points"])
      .describe(
        "points: all points of each response are checked; hashes: they are not, which saves days with 2^28",
      ),
    organiser: address.describe("signs the entries of the log"),
    slot_s: z
      .int()
      .min(1)
      .max(30 * daySeconds)
      .describe("time from a slot's start to its whole response"),
    participants: z
      .union([z.literal("open"), z.array(address).min(1).max(mostParticipants)])
      .describe("open: everybody, in the order of joining; or the addresses that may join"),
    maxParticipants: z.int().min(1).max(mostParticipants),
    maxSlots: z.int().min(1).max(maxSlotsOfOne).describe("slots of one participant: it may lose all but one"),
    committee: committee.optional().describe("its keepers attest contributions (R48)"),
    command: z
      .array(z.string().min(1).max(maxArgumentChars))
      .min(1)
      .max(maxArguments)
      .refine(
        (words) => placeholders.every((own) => words.filter((word) => word === own).length === 1),
        "expected {challenge} and {response} once each, as arguments of their own",
      )
      .describe("program and arguments that make a response; it is started without a shell"),
  })
  .refine(
    ({ curve, power }) => curve !== "bn254" || power <= maxPowerBn254,
    `expected a power of at most ${maxPowerBn254} with bn254`,
  );

export type Definition = z.output<typeof definitionSchema>;

/** The bytes of `ceremony.json`: JSON with sorted keys, without white space (RFC 8785). */
export function definitionBytes(definition: Definition): Uint8Array {
  return new TextEncoder().encode(canonicalText(definition));
}

/** The ceremony's name in statements and attestations: the piece root of its definition. */
export function ceremonyId(definition: Definition): Hex {
  return toHex(pieceRoot(definitionBytes(definition)));
}

/** Checks a parsed JSON value; never throws. */
export function readDefinition(value: unknown): Result<Definition, "form"> {
  const result = definitionSchema.safeParse(value);
  if (result.success) return accept(result.data);
  const [issue] = result.error.issues;
  const place = issue?.path.join(".") ?? "";
  return reject("form", `${place === "" ? "" : `${place}: `}${issue?.message ?? "not valid"}`);
}

/** Reads the bytes of `ceremony.json`: every other form of the same definition is refused, since its root would be another. */
export function decodeDefinition(
  bytes: Uint8Array,
): Result<Definition, "too-large" | "syntax" | "form" | "not-canonical"> {
  if (bytes.length > maxDefinitionBytes)
    return reject("too-large", `expected at most ${maxDefinitionBytes} bytes, actual ${bytes.length}`);
  let value: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return reject("syntax", "expected JSON in UTF-8, actual other bytes");
  }
  const read = readDefinition(value);
  if (!read.ok) return read;
  return canonicalText(read.value) === text
    ? read
    : reject("not-canonical", "expected sorted keys and no white space");
}

/** Exact sizes of the ceremony's files, in bytes. */
export function fileSizes({ curve, power }: Pick<Definition, "curve" | "power">): {
  readonly challenge: number;
  readonly response: number;
} {
  return {
    challenge: layoutOf("challenge", curve, power).size,
    response: layoutOf("response", curve, power).size,
  };
}

/** The most entries of the log: all that participants and keepers can cause, and three by the organiser. */
export function maxEntries({ maxParticipants, maxSlots, committee: keepers }: Definition): number {
  // A slot has join, start, and either its loss, or response and verdict.
  return 3 + maxParticipants * (4 * maxSlots + (keepers === undefined ? 0 : maxAttestations));
}
