/**
 * Entries of a ceremony's log. Participants and keepers sign statements; the organiser signs entries, each of which names the one before.
 * So the organiser alone orders the log, and can neither invent nor change what the others said.
 */
import { z } from "zod";
import { canonicalText } from "../../archive/canonical.ts";
import { attestationDigest } from "../../archive/attesting.ts";
import { hexOf, isLine, line } from "../../archive/schema.ts";
import { typedDigest } from "../../protocol/certificate.ts";
import { digestSigner } from "../../protocol/codec/receipt.ts";
import { fromHex, keccakText, keccakWords, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { mostParticipants } from "./definition.ts";

/** A document of an enclave has less: certificates of five levels, and the measurements. */
export const maxDocumentBytes = 12_288;
const maxReasonChars = 1_000;
/** The largest body is a response's statement with its document in base64. */
export const maxEntryBytes = 32_768;
/** A chain of drand has its hash as its name. */
const maxRound = Number.MAX_SAFE_INTEGER;

const root = hexOf(32);
const address = hexOf(20);
const ecdsa = hexOf(65);
const index = z
  .int()
  .min(1)
  .max(mostParticipants + 1)
  .describe("of the contribution, from 1");
const time = z.int().min(0);
const checkName = z.string().regex(/^\w{1,40}$/, "expected the name of a check");

export const fileHashesSchema = z.strictObject({
  bytes: z.int().min(1),
  blake2b: hexOf(64),
  sha256: root,
  root: root.describe("of the file as a piece (R10)"),
});
export type FileHashes = z.output<typeof fileHashesSchema>;

const document = z.strictObject({
  kind: z.enum(["nitro"]),
  data: z
    .base64()
    .min(1)
    .max(4 * Math.ceil(maxDocumentBytes / 3)),
});

export const joinSchema = z.strictObject({
  type: z.literal("join"),
  participant: address,
  name: line.describe("under which the participant wants to be known"),
  turn: z
    .int()
    .min(0)
    .describe("how often the participant joined before: an old statement cannot be used again"),
  seen: root.describe("hash of the last entry that the participant saw"),
  signature: ecdsa,
});
export const submittedSchema = z.strictObject({
  type: z.literal("submitted"),
  index,
  participant: address,
  challenge: root.describe("root of the challenge that the response answers"),
  response: fileHashesSchema,
  document: document.optional().describe("of the enclave that made the response"),
  seen: root,
  signature: ecdsa,
});
export const attestedSchema = z.strictObject({
  type: z.literal("attested"),
  index,
  version: z.int().min(0).describe("of the committee's members"),
  member: z.int().min(0).describe("index of the keeper in that version"),
  signature: hexOf(48).describe("BLS signature of R48's digest: a point of G1, compressed"),
});

const beaconSource = z.discriminatedUnion("source", [
  z.strictObject({ source: z.literal("drand"), chain: root, round: z.int().min(1).max(maxRound) }),
  z.strictObject({
    source: z.literal("block"),
    chainId: z.int().min(1),
    number: z.int().min(0),
    head: z.int().min(0).describe("the chain's head at the announcement"),
  }),
]);
export type BeaconSource = z.output<typeof beaconSource>;

const drandRound = z.strictObject({
  round: z.int().min(1).max(maxRound),
  signature: z.union([hexOf(48), hexOf(96)]),
  previousSignature: z.union([hexOf(32), hexOf(96)]).optional(),
});

export const bodySchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("opened"), challenge: fileHashesSchema }),
  joinSchema,
  z.strictObject({ type: z.literal("slot"), participant: address, index }),
  z.strictObject({ type: z.literal("lost"), participant: address, index }),
  submittedSchema,
  z.strictObject({
    type: z.literal("accepted"),
    index,
    checks: z.record(checkName, z.literal(true)),
    challenge: fileHashesSchema.describe("the next challenge, derived from the response"),
  }),
  z.strictObject({
    type: z.literal("refused"),
    index,
    failed: z.array(checkName).max(32).describe("names of the checks that do not hold"),
    reason: z.string().min(1).max(maxReasonChars).refine(isLine, "expected text without control characters"),
  }),
  attestedSchema,
  z.strictObject({
    type: z.literal("announced"),
    beacon: beaconSource,
    exponent: z.int().min(0).max(24).describe("the value is hashed 2^exponent times"),
  }),
  z.strictObject({
    type: z.literal("beacon"),
    value: root,
    round: drandRound.optional().describe("with a beacon of drand: its signature proves the value"),
    index,
    response: fileHashesSchema,
    checks: z.record(checkName, z.literal(true)),
  }),
  z.strictObject({ type: z.literal("closed") }),
]);

export const entrySchema = z.strictObject({
  number: z.int().min(0),
  previous: root.describe("hash of the entry before; of the first one the ceremony's id"),
  time_s: time.describe("seconds since 1970, by the organiser's clock"),
  body: bodySchema,
  signature: ecdsa.describe("by the organiser"),
});

export type EntryBody = z.output<typeof bodySchema>;
export type Entry = z.output<typeof entrySchema>;
export type JoinStatement = z.output<typeof joinSchema>;
export type ResponseStatement = z.output<typeof submittedSchema>;
/** As `verifyContribution` of the client takes it. */
export type ContributionAttestation = Pick<
  z.output<typeof attestedSchema>,
  "version" | "member" | "signature"
>;
export type AttestedStatement = z.output<typeof attestedSchema>;

const domain = keccakWords(
  keccakText("EIP712Domain(string name,string version)"),
  keccakText("WhitePay ceremony"),
  keccakText("1"),
);
const entryType = keccakText(
  "Entry(bytes32 ceremony,uint64 number,bytes32 previous,uint64 time,bytes32 body)",
);
const joinType = keccakText(
  "Join(bytes32 ceremony,address participant,string name,uint64 turn,bytes32 seen)",
);

/** What the organiser signs; it is also the entry's hash, which the next entry names. */
export function entryHash(ceremony: Hex, { number, previous, time_s, body }: Omit<Entry, "signature">): Hex {
  const struct = keccakWords(entryType, ceremony, number, previous, time_s, keccakText(canonicalText(body)));
  return typedDigest(domain, struct);
}

/** What a participant signs to join the queue. */
export function joinDigest(
  ceremony: Hex,
  { participant, name, turn, seen }: Omit<JoinStatement, "signature">,
): Hex {
  return typedDigest(domain, keccakWords(joinType, ceremony, participant, keccakText(name), turn, seen));
}

/** What a participant says about its response; the archive's manifest has it as an attestation about the file. */
export function responseText(ceremony: Hex, statement: Omit<ResponseStatement, "signature">): string {
  const { type: _, index: own, participant, challenge, response, document: attached, seen } = statement;
  return canonicalText({ ceremony, index: own, participant, challenge, response, document: attached, seen });
}

/** What a participant signs with a response: an attestation of the archive about the file with this root. */
export function responseDigest(ceremony: Hex, statement: Omit<ResponseStatement, "signature">): Hex {
  return toHex(attestationDigest(statement.response.root, responseText(ceremony, statement)));
}

/** Whether `address` signed the digest. */
export function isSignedBy(digest: Hex, signature: Hex, signer: Hex): boolean {
  return digestSigner(fromHex(digest), fromHex(signature)) === signer;
}
