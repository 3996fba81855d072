/** The form of an attestation document of an AWS Nitro enclave: COSE_Sign1 (RFC 9052) around a CBOR map (RFC 8949). */
import { decode } from "cborg";
import { z } from "zod";

/** Most bytes: the Nitro Secure Module answers in a buffer of this size. */
export const maxDocumentBytes = 12_288;
/** ES384 (RFC 9053). */
const es384 = -35;
const algorithmLabel = 1;
const coseSign1Tag = 18;
/** r and s of ECDSA on P-384. */
const signatureBytes = 96;

/** The document is not of its form. */
export class NitroDocumentError extends Error {
  override readonly name = "NitroDocumentError";
}

const bytesOf = (min: number, max: number) =>
  z
    .custom<Uint8Array>((value) => value instanceof Uint8Array, `expected a byte string`)
    .refine(({ length }) => length >= min && length <= max, `expected ${min} to ${max} bytes`);

const optional = (max: number) => bytesOf(0, max).nullish();

/** Limits of the fields: those of the Nitro Enclaves guide. */
const payloadSchema = z.object({
  module_id: z.string().min(1),
  /** Milliseconds since 1970; the last is that of ECMAScript's time. */
  timestamp: z.int().min(1).max(8.64e15),
  digest: z.literal("SHA384"),
  pcrs: z
    .map(z.int().min(0).max(31), bytesOf(32, 64))
    .refine(({ size }) => size > 0 && size <= 32, "expected 1 to 32"),
  certificate: bytesOf(1, 1024),
  cabundle: z.array(bytesOf(1, 1024)).min(1),
  public_key: optional(1024),
  user_data: optional(512),
  nonce: optional(512),
});

export type NitroPayload = z.output<typeof payloadSchema>;

export type NitroDocument = {
  /** The bytes that the signature is over, with the protected header. */
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  /** r ‖ s, 48 bytes each. */
  readonly signature: Uint8Array;
  readonly fields: NitroPayload;
};

function decoded(what: string, bytes: Uint8Array): unknown {
  try {
    return decode(bytes, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      tags: { [coseSign1Tag]: (content) => content() },
    });
  } catch (error) {
    throw new NitroDocumentError(`${what}: expected CBOR, actual: ${(error as Error).message}`);
  }
}

function refuse(what: string, expected: string, actual: string): never {
  throw new NitroDocumentError(`${what}: expected ${expected}, actual ${actual}`);
}

function byteString(what: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return refuse(what, "a byte string", typeof value);
}

/** The map's entries with a text as key. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (!(value instanceof Map)) return refuse("payload", "a map", typeof value);
  return Object.fromEntries(
    [...value].filter((entry): entry is [string, unknown] => typeof entry[0] === "string"),
  );
}

/** @throws NitroDocumentError if the bytes are not of the form */
export function readNitroDocument(bytes: Uint8Array): NitroDocument {
  if (bytes.length > maxDocumentBytes)
    return refuse("document", `at most ${maxDocumentBytes} bytes`, `${bytes.length}`);
  const parts = decoded("document", bytes);
  if (!Array.isArray(parts) || parts.length !== 4)
    return refuse(
      "document",
      "COSE_Sign1, a list of 4 items",
      Array.isArray(parts) ? `${parts.length}` : "no list",
    );
  const [protectedHeader, payload, signature] = [
    byteString("protected header", parts[0]),
    byteString("payload", parts[2]),
    byteString("signature", parts[3]),
  ];
  const header = decoded("protected header", protectedHeader);
  const algorithm: unknown = header instanceof Map ? header.get(algorithmLabel) : undefined;
  if (algorithm !== es384) return refuse("algorithm", `ES384 (${es384})`, String(algorithm));
  if (signature.length !== signatureBytes)
    return refuse("signature", `${signatureBytes} bytes`, `${signature.length}`);
  const fields = payloadSchema.safeParse(fieldsOf(decoded("payload", payload)));
  if (!fields.success) {
    const issue = fields.error.issues[0];
    throw new NitroDocumentError(`payload: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  return { protectedHeader, payload, signature, fields: fields.data };
}
