/** SSH signatures of files (SSHSIG, `ssh-keygen -Y sign`), read and verified without ssh-keygen. */
import { createHash, createPublicKey, verify } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";
import { ByteReader, ByteWriter, concatBytes, decode } from "../../storage/core/bytes.ts";
import { reject, accept } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";

const armor = /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)\r?\n-----END SSH SIGNATURE-----\s*$/;
const magic = new TextEncoder().encode("SSHSIG");
const maxBytes = 65_536;
/** ssh-keygen makes no shorter ones; longer ones cost a verifier seconds. */
const rsaBits = { least: 2_048, most: 16_384 };
const curves: Readonly<
  Record<string, { readonly crv: string; readonly bytes: number; readonly hash: string }>
> = {
  "ecdsa-sha2-nistp256": { crv: "P-256", bytes: 32, hash: "sha256" },
  "ecdsa-sha2-nistp384": { crv: "P-384", bytes: 48, hash: "sha384" },
  "ecdsa-sha2-nistp521": { crv: "P-521", bytes: 66, hash: "sha512" },
};

type Parts = {
  readonly publicKey: Uint8Array;
  readonly namespace: string;
  readonly reserved: Uint8Array;
  readonly hash: string;
  readonly signature: Uint8Array;
};

const field = (reader: ByteReader, what: string): Uint8Array =>
  reader.bytes(reader.u32(`length of ${what}`), what);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const lengthThen = (bytes: Uint8Array): Uint8Array =>
  new ByteWriter().u32(bytes.length).bytes(bytes).finish();

function partsOf(armored: string): Result<Parts> {
  const body = armor.exec(armored)?.[1];
  if (body === undefined)
    return reject("armor", "expected the lines BEGIN and END SSH SIGNATURE with base64 between them");
  return decode(new Uint8Array(Buffer.from(body, "base64")), maxBytes, (reader) => {
    if (text(reader.bytes(magic.length, "preamble")) !== "SSHSIG")
      reader.fail("version", "expected the preamble SSHSIG");
    const version = reader.u32("version");
    if (version !== 1) reader.fail("version", `expected version 1, actual ${version}`);
    return {
      publicKey: field(reader, "public key"),
      namespace: text(field(reader, "namespace")),
      reserved: field(reader, "reserved field"),
      hash: text(field(reader, "hash algorithm")),
      signature: field(reader, "signature"),
    };
  });
}

/** A positive SSH number without its sign byte. Only the shortest form is accepted, so that a key has one fingerprint. */
function numberOf(reader: ByteReader, what: string): Uint8Array {
  const bytes = field(reader, what);
  const [first = 0x80, second = 0] = bytes;
  const isShortest = first === 0 ? second >= 0x80 : first < 0x80;
  if (!isShortest) reader.fail("range", `expected a positive number in its shortest form: ${what}`);
  return first === 0 ? bytes.subarray(1) : bytes;
}

type Verifier = (
  signed: Uint8Array,
  signature: { readonly kind: string; readonly bytes: Uint8Array },
) => boolean;

const keyOf = (jwk: JsonWebKey): KeyObject => createPublicKey({ key: jwk, format: "jwk" });

function ecdsaVerifier(kind: string, reader: ByteReader): Verifier {
  const { crv, bytes, hash } = curves[kind] as (typeof curves)[string];
  const curve = text(field(reader, "curve"));
  if (!kind.endsWith(`-${curve}`)) reader.fail("range", `expected the curve of ${kind}`);
  const point = field(reader, "point");
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) reader.fail("range", `expected a point of ${crv}`);
  const [x, y] = [base64url(point.subarray(1, 1 + bytes)), base64url(point.subarray(1 + bytes))];
  const key = keyOf({ kty: "EC", crv, x, y });
  return (signed, signature) => {
    const numbers = decode(signature.bytes, maxBytes, (inner) => [
      numberOf(inner, "r"),
      numberOf(inner, "s"),
    ]);
    if (signature.kind !== kind || !numbers.ok || numbers.value.some(({ length }) => length > bytes))
      return false;
    const padded = numbers.value.map((one) => concatBytes(new Uint8Array(bytes - one.length), one));
    return verify(hash, signed, { key, dsaEncoding: "ieee-p1363" }, concatBytes(...padded));
  };
}

function rsaVerifier(reader: ByteReader): Verifier {
  const e = numberOf(reader, "exponent");
  const n = numberOf(reader, "modulus");
  const bits = 8 * n.length;
  if (bits < rsaBits.least || bits > rsaBits.most || e.length > 4) {
    reader.fail("range", `expected an RSA key of ${rsaBits.least} to ${rsaBits.most} bits, actual ${bits}`);
  }
  const key = keyOf({ kty: "RSA", e: base64url(e), n: base64url(n) });
  const hashes = new Map([
    ["rsa-sha2-256", "sha256"],
    ["rsa-sha2-512", "sha512"],
  ]);
  return (signed, { kind, bytes }) => {
    const hash = hashes.get(kind);
    return hash !== undefined && verify(hash, signed, key, bytes);
  };
}

function verifierOf(publicKey: Uint8Array): Result<Verifier> {
  return decode(publicKey, maxBytes, (reader): Verifier => {
    const kind = text(field(reader, "kind of key"));
    if (kind === "ssh-ed25519") {
      const key = keyOf({ kty: "OKP", crv: "Ed25519", x: base64url(field(reader, "key")) });
      return (signed, signature) => signature.kind === kind && verify(null, signed, key, signature.bytes);
    }
    if (Object.hasOwn(curves, kind)) return ecdsaVerifier(kind, reader);
    if (kind === "ssh-rsa") return rsaVerifier(reader);
    return reader.fail("range", `keys of the kind ${JSON.stringify(kind.slice(0, 60))} are not verified`);
  });
}

/**
 * Verifies an armored signature of `message`.
 * @returns the fingerprint of the signing key (`SHA256:…`, as ssh-keygen prints it), or why the signature is wrong
 */
export function verifySsh(armored: string, message: Uint8Array, namespace: string): Result<string> {
  const parts = partsOf(armored);
  if (!parts.ok) return parts;
  const { publicKey, hash, reserved } = parts.value;
  if (parts.value.namespace !== namespace) {
    const actual = JSON.stringify(parts.value.namespace.slice(0, 60));
    return reject("namespace", `expected the namespace "${namespace}" (ssh-keygen -n), actual ${actual}`);
  }
  if (hash !== "sha256" && hash !== "sha512") return reject("hash", "expected the hash sha256 or sha512");
  const digest = createHash(hash).update(message).digest();
  const fields = [Buffer.from(namespace), reserved, Buffer.from(hash), digest].map(lengthThen);
  const signed = concatBytes(magic, ...fields);
  const signature = decode(parts.value.signature, maxBytes, (reader) => ({
    kind: text(field(reader, "kind of signature")),
    bytes: field(reader, "signature"),
  }));
  if (!signature.ok) return signature;
  try {
    const verifier = verifierOf(publicKey);
    if (!verifier.ok) return verifier;
    if (!verifier.value(signed, signature.value))
      return reject("signature", "it does not fit these bytes and this key");
  } catch (error) {
    // OpenSSL refuses the key: a point off its curve, for example.
    return reject("key", `the key cannot be used: ${(error as Error).message}`);
  }
  const fingerprint = createHash("sha256").update(publicKey).digest("base64").replace(/=+$/, "");
  return accept(`SHA256:${fingerprint}`);
}
