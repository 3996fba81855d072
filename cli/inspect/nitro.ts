/** `whitepay inspect nitro DOCUMENT`: verifies the attestation of an AWS Nitro enclave about a file that it made. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { Hex } from "../../protocol/hash.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { awsNitroRoot, verifyNitro } from "../attestations/nitro.ts";
import type { NitroVerdict } from "../attestations/nitro.ts";
import { maxDocumentBytes, NitroDocumentError } from "../attestations/nitro-document.ts";
import { exitCodes, usageError } from "../console/exit.ts";
import { hexOption, jsonFlag, quote } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";

type Options = {
  readonly output: string;
  readonly root: Hex;
  readonly register: ReadonlyMap<number, Hex>;
  readonly json?: true;
};

/** Base64 has 4 characters for 3 bytes; line ends are permitted. */
const maxTextBytes = 2 * maxDocumentBytes;

function addRegister(text: string, before: ReadonlyMap<number, Hex>): Map<number, Hex> {
  const [, index, value] = /^([0-9]{1,2})=(?:0x)?([0-9a-f]{96})$/i.exec(text) ?? [];
  if (index === undefined || value === undefined || Number(index) > 31)
    throw usageError("--register is not valid", {
      expected: "<index>=<96 hex digits>, the index from 0 to 31",
      actual: quote(text),
    });
  return new Map<number, Hex>([...before, [Number(index), `0x${value.toLowerCase()}`]]);
}

export function register(inspect: Command): void {
  inspect
    .command("nitro")
    .description("verify the attestation document of an AWS Nitro enclave about a file that it made")
    .argument("<document>", "the COSE_Sign1 document, as bytes or in base64")
    .requiredOption("--output <file>", "the file; its BLAKE2b-512 must be the document's nonce")
    .option(
      "--register <index=value>",
      "expected value of a register (PCR), for example 0=…, the enclave's image; repeatable",
      addRegister,
      new Map<number, Hex>(),
    )
    .option(
      "--root <sha256>",
      "SHA-256 of the root certificate, if it is not that of AWS",
      hexOption("--root", 32),
      awsNitroRoot,
    )
    .option(...jsonFlag)
    .action((document: string, options: Options) => inspectNitro(document, options));
}

function unreadable(path: string, expected: string, error: unknown): Error {
  return usageError(`${path} cannot be read`, { expected, actual: whyNot(error) });
}

/** Bytes as they are, or base64 text. */
async function documentOf(path: string): Promise<Uint8Array> {
  const refuse = (error: unknown) => unreadable(path, "an attestation document", error);
  const found = await stat(path).catch((error: unknown) => {
    throw refuse(error);
  });
  if (found.size > maxTextBytes)
    throw usageError(`${path} is too large`, {
      expected: `at most ${maxTextBytes} bytes`,
      actual: `${found.size}`,
    });
  const bytes = await readFile(path).catch((error: unknown) => {
    throw refuse(error);
  });
  const text = bytes.toString("latin1").replaceAll(/\s/g, "");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : bytes;
}

async function blake2bOf(path: string): Promise<Uint8Array> {
  const hash = createHash("blake2b512");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    throw unreadable(path, "the file that the enclave made", error);
  }
  return hash.digest();
}

/** @throws CliError exit 2 for a document that is not of its form */
async function inspectNitro(path: string, { output, root, register: pcrs, json }: Options): Promise<void> {
  const document = await documentOf(path);
  const expected = { root: root.toLowerCase() as Hex, output: await blake2bOf(output), pcrs };
  let verdict: NitroVerdict;
  try {
    verdict = verifyNitro(document, expected);
  } catch (error) {
    if (!(error instanceof NitroDocumentError)) throw error;
    throw usageError(`${path} is no attestation document of an enclave: ${error.message}`);
  }
  if (json) printJson(verdict);
  else printVerdict(verdict);
  if (!verdict.ok) process.exitCode = exitCodes.failed;
}

function printVerdict({ moduleId, timestamp_ms, pcrs, problems, notChecked, ok }: NitroVerdict): void {
  printLine(`enclave ${quote(moduleId)}, ${new Date(timestamp_ms).toISOString()}`);
  for (const { index, value } of pcrs) printLine(`register ${index}  ${value}`);
  for (const sentence of notChecked) printLine(`not checked: ${sentence}`);
  for (const sentence of problems) printLine(`does NOT hold: ${sentence}`);
  printLine(ok ? "all that was checked holds" : "the attestation is NOT right");
}
