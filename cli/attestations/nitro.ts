/**
 * Verifies an attestation document of an AWS Nitro enclave: signature, certificates up to a pinned root, the registers of the program
 * that ran, and the nonce, which is the hash of what the program made.
 */
import { createHash, verify, X509Certificate } from "node:crypto";
import { encode } from "cborg";
import { toHex } from "../../storage/core/bytes.ts";
import type { Hex } from "../../protocol/hash.ts";
import { readNitroDocument } from "./nitro-document.ts";
import type { NitroDocument } from "./nitro-document.ts";

/** SHA-256 of the root certificate of AWS Nitro Enclaves, as the guide of Nitro Enclaves publishes it. */
export const awsNitroRoot: Hex = "0x641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

export type NitroExpectation = {
  /** SHA-256 of the root certificate's DER bytes. */
  readonly root: Hex;
  /** BLAKE2b-512 of the file that the enclave made. */
  readonly output: Uint8Array;
  /** Registers by their index; those that are not named may have any value. */
  readonly pcrs: ReadonlyMap<number, Hex>;
};

export type NitroVerdict = {
  readonly moduleId: string;
  /** Milliseconds since 1970. */
  readonly timestamp_ms: number;
  readonly pcrs: readonly { readonly index: number; readonly value: Hex }[];
  readonly checks: Readonly<Record<"signature" | "certificates" | "root" | "registers" | "output", boolean>>;
  /** Sentences: each check that does not hold, with the expected and the actual value. */
  readonly problems: readonly string[];
  /** Sentences: each thing that the document does not show. */
  readonly notChecked: readonly string[];
  readonly ok: boolean;
};

const fingerprint = (certificate: X509Certificate): Hex =>
  toHex(createHash("sha256").update(certificate.raw).digest());

function certificateOf(der: Uint8Array, place: string): X509Certificate | string {
  try {
    return new X509Certificate(der);
  } catch {
    return `${place} is no X.509 certificate`;
  }
}

/** The root first, the enclave's certificate last; or why there is none. */
function chainOf({ fields }: NitroDocument): readonly X509Certificate[] | string {
  const chain: X509Certificate[] = [];
  for (const [i, der] of [...fields.cabundle, fields.certificate].entries()) {
    const certificate = certificateOf(
      der,
      i < fields.cabundle.length ? `certificate ${i + 1} of the bundle` : "the enclave's certificate",
    );
    if (typeof certificate === "string") return certificate;
    chain.push(certificate);
  }
  return chain;
}

/** What is wrong with one link; undefined if it holds. Path lengths are not evaluated: Node does not show them. */
function linkFault(own: X509Certificate, issuer: X509Certificate, isLast: boolean): string | undefined {
  if (!own.checkIssued(issuer) || !own.verify(issuer.publicKey)) return "is not signed by the one before it";
  if (own.ca === isLast) return isLast ? "may sign certificates" : "may not sign certificates";
  return undefined;
}

function chainFault(chain: readonly X509Certificate[], at_ms: number): string | undefined {
  for (const [i, certificate] of chain.entries()) {
    const name = `certificate ${i + 1} of ${chain.length}`;
    const [from, to] = [certificate.validFromDate, certificate.validToDate];
    if (at_ms < from.getTime() || at_ms > to.getTime())
      return `${name}: expected the document's time ${new Date(at_ms).toISOString()} between ${from.toISOString()} and ${to.toISOString()}`;
    const fault = linkFault(
      certificate,
      chain[Math.max(0, i - 1)] as X509Certificate,
      i === chain.length - 1,
    );
    if (fault !== undefined) return `${name} ${fault}`;
  }
  return undefined;
}

function isSigned({ protectedHeader, payload, signature }: NitroDocument, leaf: X509Certificate): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey;
  if (asymmetricKeyType !== "ec" || asymmetricKeyDetails?.namedCurve !== "secp384r1") return false;
  const signed = encode(["Signature1", protectedHeader, new Uint8Array(), payload]);
  return verify("sha384", signed, { key: leaf.publicKey, dsaEncoding: "ieee-p1363" }, signature);
}

/** An enclave in debug mode has zeros in place of its measurements: its memory can be read from outside. */
function registerFaults({ fields }: NitroDocument, expected: ReadonlyMap<number, Hex>): string[] {
  const faults = [...expected].flatMap(([index, value]) => {
    const found = fields.pcrs.get(index);
    const actual = found === undefined ? "none" : toHex(found);
    return actual === value ? [] : [`register ${index}: expected ${value}, actual ${actual}`];
  });
  const image = fields.pcrs.get(0);
  if (image === undefined) faults.push("register 0: expected the hash of the enclave's image, actual none");
  else if (image.every((byte) => byte === 0))
    faults.push(
      "register 0: expected the hash of the enclave's image, actual zeros: the enclave ran in debug mode",
    );
  return faults;
}

/** @throws NitroDocumentError if the bytes are not of the form */
export function verifyNitro(bytes: Uint8Array, { root, output, pcrs }: NitroExpectation): NitroVerdict {
  const document = readNitroDocument(bytes);
  const { fields } = document;
  const chain = chainOf(document);
  const broken = typeof chain === "string" ? chain : chainFault(chain, fields.timestamp);
  const [first, leaf] = typeof chain === "string" ? [] : [chain[0], chain.at(-1)];
  const actualRoot = first === undefined ? "none" : fingerprint(first);
  const signed = leaf !== undefined && isSigned(document, leaf);
  const registers = registerFaults(document, pcrs);
  const nonce = fields.nonce ? toHex(fields.nonce) : "none";
  const problems = [
    ...(broken === undefined ? [] : [broken]),
    ...(actualRoot === root ? [] : [`root certificate: expected SHA-256 ${root}, actual ${actualRoot}`]),
    ...(signed ? [] : ["the signature is not by the key of the enclave's certificate"]),
    ...registers,
    ...(nonce === toHex(output)
      ? []
      : [`nonce: expected the output's BLAKE2b-512 ${toHex(output)}, actual ${nonce}`]),
  ];
  return {
    moduleId: fields.module_id,
    timestamp_ms: fields.timestamp,
    pcrs: [...fields.pcrs].map(([index, value]) => ({ index, value: toHex(value) })),
    checks: {
      signature: signed,
      certificates: broken === undefined,
      root: actualRoot === root,
      registers: registers.length === 0,
      output: nonce === toHex(output),
    },
    problems,
    notChecked: [
      ...(pcrs.size > 0 ? [] : ["which program ran: no register was given to compare with"]),
      "whether a certificate was revoked",
    ],
    ok: problems.length === 0,
  };
}
