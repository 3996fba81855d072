/** `whitepay archive attest`: makes the next edition, with one statement more about a file or the archive. */
import { Wallet } from "ethers";
import { attestationDigest } from "../../archive/attesting.ts";
import { diffEditions } from "../../archive/editions.ts";
import { filesOf } from "../../archive/manifest.ts";
import type { Attestation, Manifest } from "../../archive/schema.ts";
import type { Hex } from "../../protocol/hash.ts";
import { openAccount } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { mustNotExist } from "../console/output-file.ts";
import { printJson, printLine } from "../console/output.ts";
import { printSummary, readBounded, rootOf, saveArchive, summaryOf } from "./archive-file.ts";
import { attestationLine, checkAttestation } from "./attestations.ts";
import { now } from "./import.ts";
import { readManifestFile } from "./manifest-file.ts";

export type AttestOptions = {
  readonly about: string;
  readonly by?: string;
  readonly statement: string;
  readonly key?: string;
  readonly passwordFile?: string;
  readonly signature?: string;
  readonly out: string;
  readonly json?: true;
};

/** The schema has the limit of characters; one takes at most 4 bytes. */
const maxTextBytes = 4 * 65_536;

async function textOf(path: string): Promise<string> {
  const bytes = await readBounded(path, maxTextBytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw usageError(`${path} cannot be read`, { expected: "text in UTF-8", actual: "other bytes" });
  }
}

function rootAbout(manifest: Manifest, about: string): Hex | undefined {
  if (about === "manifest") return undefined;
  const file = filesOf(manifest).find(({ name }) => name === about);
  if (file !== undefined) return file.root;
  throw usageError(`--about: ${JSON.stringify(about)} is not in the manifest`, {
    expected: 'the name of a file, or "manifest"',
  });
}

async function attestationOf(manifest: Manifest, options: AttestOptions): Promise<Attestation> {
  const { about, by, key, signature } = options;
  const root = rootAbout(manifest, about);
  const statement = await textOf(options.statement);
  if (key !== undefined) {
    const wallet = new Wallet(await openAccount(key, options.passwordFile));
    const signed = wallet.signingKey.sign(attestationDigest(root, statement)).serialized;
    return { about, by: wallet.address, statement, signature: signed };
  }
  if (by === undefined)
    throw usageError("--by is missing", { expected: "who makes the statement, or --key to sign it" });
  if (signature === undefined) return { about, by, statement };
  return { about, by, statement, signature: (await textOf(signature)).replaceAll("\r\n", "\n").trim() };
}

/** @throws CliError exit 1 if the signature is wrong: nothing is written then */
export async function attestArchive(path: string, options: AttestOptions): Promise<void> {
  const { out, key, by, signature } = options;
  if (key !== undefined && (by !== undefined || signature !== undefined))
    throw usageError("--key signs by its account: expected neither --by nor --signature beside it");
  await mustNotExist(out, "an edition never replaces the file of another one");
  const { manifest: before } = await readManifestFile(path);
  const attestation = await attestationOf(before, options);
  const verdict = await checkAttestation(
    attestation,
    new Map(filesOf(before).map((file) => [file.name, file])),
  );
  if (verdict.state === "wrong") {
    throw new CliError({
      code: exitCodes.failed,
      message: "the signature does not hold",
      expected: `a signature of the bytes of ${options.statement}`,
      actual: verdict.reason ?? verdict.state,
      hint: "nothing was written",
    });
  }
  const manifest = {
    ...before,
    edition: before.edition + 1,
    previous: rootOf(before),
    created: now(),
    dropped: [],
    attestations: [...before.attestations, attestation],
  };
  await saveArchive(out, { manifest, signatures: [] });
  const diff = diffEditions(before, manifest);
  if (options.json) return printJson({ ...summaryOf(manifest), attestation: verdict, diff });
  printLine(attestationLine(verdict));
  printSummary(manifest);
  printLine(`written   ${out}`);
}
