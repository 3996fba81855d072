/** Checks the attestations of a manifest: who signed each statement, and whether it names the file's hash. */
import { attestationNamespaces, attestationSigner, namesHash } from "../../archive/attesting.ts";
import { filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile, Attestation, Manifest } from "../../archive/schema.ts";
import type { Hex } from "../../protocol/hash.ts";
import { verifyOpenPgp } from "./openpgp.ts";
import { verifySsh } from "./ssh-signature.ts";

export type AttestationVerdict = {
  readonly about: string;
  readonly by: string;
  readonly kind: "eip712" | "ssh" | "openpgp" | "none";
  readonly state: "valid" | "wrong" | "not checked" | "not signed";
  /** Address, fingerprint of an SSH key (SHA256:…), or fingerprint of an OpenPGP key. */
  readonly signer?: string;
  readonly reason?: string;
};

type Own = Pick<AttestationVerdict, "kind" | "state" | "signer" | "reason">;

const isAccount = (text: string): boolean => /^0x[0-9a-f]{40}$/i.test(text);
/** The whole text is one clear-signed message: text beside it would not be signed. */
const clearSigned =
  /^-----BEGIN PGP SIGNED MESSAGE-----\n(?:(?!-----BEGIN PGP SIGN)[^])*-----BEGIN PGP SIGNATURE-----\n(?:(?!-----)[^])*-----END PGP SIGNATURE-----\n?$/;

function fromAccount(by: string, signer: Hex | undefined): Own {
  const kind = "eip712";
  if (signer === undefined) return { kind, state: "wrong", reason: "it is no signature of an account" };
  // A signature of another statement gives an address, too, though nobody's.
  if (!isAccount(by))
    return { kind, state: "not checked", signer, reason: "`by` is not the address of an account" };
  return by.toLowerCase() === signer
    ? { kind, state: "valid", signer }
    : { kind, state: "wrong", signer, reason: `expected a signature of ${by} for these bytes` };
}

function fromSsh(signature: string, statement: Uint8Array): Own {
  const results = attestationNamespaces.map((namespace) => verifySsh(signature, statement, namespace));
  for (const result of results) if (result.ok) return { kind: "ssh", state: "valid", signer: result.value };
  // The last one that is not about the namespace says most.
  const faults = results.flatMap((result) => (result.ok ? [] : [result]));
  const reason = (faults.find(({ code }) => code !== "namespace") ?? faults[0])?.detail ?? "";
  return { kind: "ssh", state: "wrong", reason };
}

async function signatureOf({ by, statement, signature }: Attestation, root: Hex | undefined): Promise<Own> {
  if (signature === undefined) {
    if (!clearSigned.test(statement)) return { kind: "none", state: "not signed" };
    return { kind: "openpgp", ...(await verifyOpenPgp(statement, undefined)) };
  }
  const bytes = new TextEncoder().encode(statement);
  if (/^0x[0-9a-f]{130}$/i.test(signature))
    return fromAccount(by, attestationSigner(root, statement, signature.toLowerCase() as Hex));
  if (signature.startsWith("-----BEGIN SSH SIGNATURE-----")) return fromSsh(signature, bytes);
  if (signature.startsWith("-----BEGIN PGP SIGNATURE-----"))
    return { kind: "openpgp", ...(await verifyOpenPgp(signature, bytes)) };
  return { kind: "none", state: "not checked", reason: "the form of its signature is unknown" };
}

/** Accounts sign the file's root; other signatures are of the statement alone, which has to name the file. */
function bound(own: Own, statement: string, file: ArchiveFile | undefined): Own {
  if (own.state !== "valid" || own.kind === "eip712" || file === undefined) return own;
  if (namesHash(statement, file)) return own;
  return {
    ...own,
    state: "not checked",
    reason: "the statement has none of the file's hashes: it may be about another file",
  };
}

/** The verdict on one attestation; `files` are those of its manifest, by name. */
export async function checkAttestation(
  attestation: Attestation,
  files: ReadonlyMap<string, ArchiveFile>,
): Promise<AttestationVerdict> {
  const { about, by, statement } = attestation;
  const file = files.get(about);
  // A file that was dropped keeps its attestations for one edition.
  const own =
    file === undefined && about !== "manifest"
      ? ({ kind: "none", state: "not checked", reason: "the file is not in this edition" } as const)
      : bound(await signatureOf(attestation, file?.root), statement, file);
  return { about, by, ...own };
}

export async function checkAttestations(manifest: Manifest): Promise<AttestationVerdict[]> {
  const files = new Map(filesOf(manifest).map((file) => [file.name, file]));
  const verdicts: AttestationVerdict[] = [];
  for (const attestation of manifest.attestations) verdicts.push(await checkAttestation(attestation, files));
  return verdicts;
}

export function attestationLine({ about, by, kind, state, signer, reason }: AttestationVerdict): string {
  const signed = kind === "none" ? state : `${kind}, ${state}`;
  const why = reason === undefined ? "" : ` (${reason})`;
  return `attested  ${about} by ${by}: ${signed}${signer === undefined ? "" : `: ${signer}`}${why}`;
}
