/** Checks the signatures of an archive: who signed its canonical bytes. */
import { canonicalBytes, manifestRoot } from "../../archive/manifest.ts";
import type { Archive, ManifestSignature } from "../../archive/schema.ts";
import { manifestSigner, sshNamespace } from "../../archive/signing.ts";
import { verifyOpenPgp } from "./openpgp.ts";
import { verifySsh } from "./ssh-signature.ts";

export type SignatureVerdict = {
  readonly kind: ManifestSignature["kind"];
  /** `foreign`: by another key than the known ones; `repeated`: of a signer that is counted already. */
  readonly state: "valid" | "wrong" | "foreign" | "repeated" | "not checked";
  /** Address, fingerprint of an SSH key (SHA256:…), or fingerprint of an OpenPGP key. */
  readonly signer?: string;
  readonly reason?: string;
};

const kindOfSigner = (signer: string): ManifestSignature["kind"] =>
  /^0x/i.test(signer) ? "eip712" : signer.startsWith("SHA256:") ? "ssh" : "openpgp";

/** Fingerprints of SSH keys are base64: their case counts. */
const sameForm = (signer: string): string => (signer.startsWith("SHA256:") ? signer : signer.toLowerCase());

/** @param signers known to the reader, beside the address that the manifest names */
export async function checkSignatures(
  { manifest, signatures }: Archive,
  signers: readonly string[] = [],
): Promise<SignatureVerdict[]> {
  const bytes = canonicalBytes(manifest);
  const named = { root: manifestRoot(bytes), previous: manifest.previous, edition: manifest.edition };
  const { address } = manifest.curator;
  const known = [...(address === undefined ? [] : [address]), ...signers].map(sameForm);
  const verdicts: SignatureVerdict[] = [];
  const seen = new Set<string>();
  for (const { kind, signature } of signatures) {
    const own =
      kind === "eip712"
        ? recovered(manifestSigner(named, signature))
        : kind === "ssh"
          ? fromSsh(signature, bytes)
          : await verifyOpenPgp(signature, bytes);
    const { signer } = own as { readonly signer?: string };
    if (own.state !== "valid" || signer === undefined) verdicts.push({ kind, ...own });
    else if (seen.has(signer))
      verdicts.push({ kind, state: "repeated", signer, reason: "this signer signed above" });
    else {
      seen.add(signer);
      verdicts.push({ kind, signer, ...standing(kind, signer, known) });
    }
  }
  return verdicts;
}

type Own = Omit<SignatureVerdict, "kind">;

function recovered(signer: string | undefined): Own {
  return signer === undefined
    ? { state: "wrong", reason: "it is no signature of an account" }
    : { state: "valid", signer };
}

function fromSsh(signature: string, bytes: Uint8Array): Own {
  const result = verifySsh(signature, bytes, sshNamespace);
  return result.ok ? { state: "valid", signer: result.value } : { state: "wrong", reason: result.detail };
}

function standing(kind: ManifestSignature["kind"], signer: string, known: readonly string[]): Own {
  if (known.includes(sameForm(signer))) return { state: "valid" };
  const alike = known.filter((one) => kindOfSigner(one) === kind);
  if (alike.length > 0) return { state: "foreign", reason: `expected ${alike.join(" or ")}` };
  if (kind !== "eip712") return { state: "valid" };
  // A signature of other bytes gives an address, too, though nobody's.
  return { state: "not checked", reason: "the manifest names no curator's address: name it with --signer" };
}

export const isBad = ({ state }: SignatureVerdict): boolean => state !== "valid" && state !== "not checked";

export function verdictLine({ kind, state, signer, reason }: SignatureVerdict): string {
  return `signature ${kind}, ${state}${signer === undefined ? "" : `: ${signer}`}${reason === undefined ? "" : ` (${reason})`}`;
}
