/** `whitepay archive sign` and `show`: adds signatures to an archive, and checks those that it has. */
import { Wallet } from "ethers";
import { canonicalBytes, maxArchiveBytes } from "../../archive/manifest.ts";
import type { Archive, ManifestSignature } from "../../archive/schema.ts";
import { maxSignatures } from "../../archive/schema.ts";
import { zeroHash, type Hex } from "../../protocol/hash.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { openAccount } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { printSummary, readBounded, rootOf, saveArchive, summaryOf } from "./archive-file.ts";
import { attestationLine, checkAttestations } from "./attestations.ts";
import { readManifestFile } from "./manifest-file.ts";
import { checkSignatures, isBad, verdictLine } from "./signatures.ts";
import type { SignatureVerdict } from "./signatures.ts";

export type SignOptions = {
  readonly key?: string;
  readonly passwordFile?: string;
  readonly ssh?: string;
  readonly openpgp?: string;
  readonly bytes?: string;
  readonly json?: true;
};

const typedDomain = { name: "WhitePay archive", version: "1" };
const types = {
  Manifest: [
    { name: "root", type: "bytes32" },
    { name: "previous", type: "bytes32" },
    { name: "edition", type: "uint64" },
  ],
};

/** Most bytes of a signature file; the schema has the limit of its characters. */
const maxSignatureBytes = Math.min(65_536, maxArchiveBytes);

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await readBounded(path, maxSignatureBytes)).replaceAll("\r\n", "\n");
}

async function newSignature(
  { manifest }: Archive,
  options: SignOptions,
): Promise<{ readonly signature: ManifestSignature; readonly signer: readonly string[] }> {
  if (options.ssh !== undefined)
    return { signature: { kind: "ssh", signature: await textOf(options.ssh) }, signer: [] };
  if (options.openpgp !== undefined) {
    return { signature: { kind: "openpgp", signature: await textOf(options.openpgp) }, signer: [] };
  }
  const wallet = new Wallet(await openAccount(options.key ?? "", options.passwordFile));
  const { previous, edition } = manifest;
  const value = { root: rootOf(manifest), previous: previous ?? zeroHash, edition };
  const signature = (await wallet.signTypedData(typedDomain, types, value)) as Hex;
  return {
    signature: { kind: "eip712", signature },
    signer: manifest.curator.address === undefined ? [wallet.address] : [],
  };
}

/** Writes the canonical bytes, which `ssh-keygen` and `gpg` sign, and which are stored as a piece. */
async function writeBytes(path: string, archive: Archive): Promise<void> {
  try {
    await writeFileAtomic(path, canonicalBytes(archive.manifest));
  } catch (error) {
    throw usageError(`${path} cannot be written: ${whyNot(error)}`);
  }
}

export async function signArchive(path: string, options: SignOptions): Promise<void> {
  const ways = [options.key, options.ssh, options.openpgp, options.bytes].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw usageError("expected one way to sign", {
      expected: "--key, --ssh, --openpgp or --bytes",
      actual: `${ways.length} of them`,
    });
  }
  const archive = await readManifestFile(path);
  if (options.bytes !== undefined) {
    await writeBytes(options.bytes, archive);
    if (options.json) printJson({ root: rootOf(archive.manifest), bytes: options.bytes });
    else printLine(`written   ${options.bytes}`);
    return;
  }
  if (archive.signatures.length >= maxSignatures) {
    throw usageError(`${path} has the most signatures already`, { expected: `at most ${maxSignatures}` });
  }
  const { signature, signer } = await newSignature(archive, options);
  const signed = { ...archive, signatures: [...archive.signatures, signature] };
  const verdict = (await checkSignatures(signed, signer)).at(-1) as SignatureVerdict;
  if (isBad(verdict)) {
    throw new CliError({
      code: exitCodes.failed,
      message: `the signature is ${verdict.state}${verdict.reason === undefined ? "" : `: ${verdict.reason}`}`,
      ...(verdict.signer === undefined ? {} : { actual: `signed by ${verdict.signer}` }),
      hint: "nothing was written",
    });
  }
  await saveArchive(path, signed);
  if (options.json) printJson({ root: rootOf(archive.manifest), signature: verdict });
  else printLine(verdictLine(verdict));
}

/** @throws CliError exit 1 if a signature is wrong, foreign or repeated, or one of an attestation is wrong */
export async function showArchive(
  path: string,
  options: { readonly signer?: readonly string[]; readonly json?: true },
): Promise<void> {
  const archive = await readManifestFile(path);
  const verdicts = await checkSignatures(archive, options.signer);
  const attestations = await checkAttestations(archive.manifest);
  if (options.json) printJson({ ...summaryOf(archive.manifest), signatures: verdicts, attestations });
  else {
    printSummary(archive.manifest);
    for (const verdict of verdicts) printLine(verdictLine(verdict));
    if (verdicts.length === 0) printLine("signature none");
    for (const verdict of attestations) printLine(attestationLine(verdict));
  }
  const bad = verdicts.filter(isBad);
  const wrong = attestations.filter(({ state }) => state === "wrong");
  if (bad.length === 0 && wrong.length === 0) return;
  throw new CliError({
    code: exitCodes.failed,
    message: "a signature does not hold",
    expected: "valid signatures of the curator, each once, and valid ones of the attestations",
    actual: [
      ...bad.map(({ kind, state }) => `${kind}: ${state}`),
      ...wrong.map(({ about, by }) => `attestation about ${about} by ${by}: wrong`),
    ].join(", "),
  });
}
