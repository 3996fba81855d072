/** `whitepay archive …`: manifests of archives, their editions and signatures, and how their copies stand (R46). */
import type { Command } from "commander";
import { maxPriority } from "../../archive/schema.ts";
import { addressOption, bytesOption, integerOption, jsonFlag } from "../console/options.ts";
import type { AttestOptions } from "./attest.ts";
import type { AddOptions } from "./editions.ts";
import type { DescribeOptions } from "./describe.ts";
import type { ImportOptions } from "./import.ts";
import { register as registerPage } from "./page.ts";
import { register as registerPlan } from "./plan.ts";
import { register as registerStatus } from "./status.ts";
import type { SignOptions } from "./sign.ts";
import type { VerifyOptions } from "./verify.ts";

const manifestOption = ["--manifest <file>", "archive.json of the archive"] as const;

/** Options of the commands that hash files. */
function hashing(command: Command): Command {
  return command
    .requiredOption("--out <file>", "archive.json to write; it must not exist")
    .option(
      "--lists <paths...>",
      "files and folders with published hash lists that are not part of the archive",
    )
    .option(
      "--url-base <url>",
      "URL below which the files of the folders can be read by their names, as a source",
    )
    .option(
      "--max-bytes <size>",
      "most bytes of a file behind a URL, for example 100GB",
      bytesOption("--max-bytes"),
    )
    .option(...jsonFlag);
}

function registerImport(archive: Command): void {
  const command = archive
    .command("import")
    .description("hash files in one pass, compare them with published hash lists, and write edition 1")
    .argument(
      "<places...>",
      "folders, files and URLs; NAME=PLACE names a file or the part of the names before a folder's",
    )
    .option("--title <text>", "title of the archive (default: name of the first place)")
    .option("--description <text>", "description")
    .option("--curator <name>", "name of the curator (default: unnamed)")
    .option(
      "--curator-address <address>",
      "account of the curator, which signs with EIP-712",
      addressOption("--curator-address"),
    )
    .option("--collection <name>", "name of the collection that the files are in (default: files)")
    .option("--licence <text>", "licence of the files (default: not stated)");
  hashing(command).action(async (places: string[], options: ImportOptions) =>
    (await import("./import.ts")).importArchive(places, options),
  );
}

function registerVerify(archive: Command): void {
  archive
    .command("verify")
    .description("hash the files of a folder, and say which of a manifest are whole, missing or wrong")
    .argument("<folder>", "folder that holds the files under their names")
    .requiredOption(...manifestOption)
    .option(...jsonFlag)
    .action(async (folder: string, options: VerifyOptions) =>
      (await import("./verify.ts")).verifyArchive(folder, options),
    );
}

function registerEditions(archive: Command): void {
  const add = archive
    .command("add")
    .description("make the next edition: with more files, or without some, each with its reason")
    .argument("[places...]", "folders, files and URLs, as for import")
    .requiredOption(...manifestOption)
    .option("--collection <name>", "collection of the new files (default: the first one)")
    .option("--licence <text>", "licence of a new collection (default: not stated)")
    .option("--drop <names...>", "files that the edition leaves out")
    .option("--replace", "accept other bytes under the name of a file; its old root is listed as dropped")
    .option("--reason <text>", "reason for what is dropped or replaced");
  hashing(add).action(async (places: string[], options: AddOptions) =>
    (await import("./editions.ts")).addToArchive(places, options),
  );
  archive
    .command("describe")
    .description("make the next edition: with other priorities, derivations, licences or sources of files")
    .argument("<manifest>", "archive.json")
    .requiredOption("--files <patterns...>", 'names of files, with * for any characters: "challenge_*"')
    .option(
      "--priority <n>",
      "0 to 100; files with a higher one are stored first",
      integerOption("--priority", { max: maxPriority }),
    )
    .option(
      "--derived-from <name>",
      "the files can be computed from this one; {n} and {n-1} stand for a file's number and the one before: response_{n-1}",
    )
    .option("--by <text>", "how they are computed")
    .option("--not-derived", "the files cannot be computed from others")
    .option("--licence <text>", "licence of the files, instead of their collection's")
    .option("--source <urls...>", "URLs at which the file can be read, beside those it has")
    .requiredOption("--out <file>", "archive.json to write; it must not exist")
    .option(...jsonFlag)
    .action(async (path: string, options: DescribeOptions) =>
      (await import("./describe.ts")).describeArchive(path, options),
    );
  archive
    .command("diff")
    .description("compare an edition with the one before it, or check a chain of editions")
    .argument(
      "<manifests...>",
      "archive.json of the edition before and of the next one; more of them for a chain",
    )
    .option(...jsonFlag)
    .action(async (paths: string[], options: { json?: true }) =>
      (await import("./editions.ts")).diffArchives(paths, options),
    );
}

function registerSignatures(archive: Command): void {
  archive
    .command("sign")
    .description("add the curator's signature to an archive, or write the bytes that ssh-keygen and gpg sign")
    .argument("<manifest>", "archive.json")
    .option("--key <file>", "sign with this Ethereum JSON keystore (EIP-712)")
    .option("--password-file <file>", "file with the password of the key")
    .option("--ssh <file>", "add a signature made by ssh-keygen -Y sign -n whitepay-archive")
    .option("--openpgp <file>", "add a detached, armored OpenPGP signature")
    .option("--bytes <file>", "write the canonical bytes, and do not sign")
    .option(...jsonFlag)
    .action(async (path: string, options: SignOptions) =>
      (await import("./sign.ts")).signArchive(path, options),
    );
  archive
    .command("attest")
    .description("make the next edition: with a statement about a file or the archive, and its signature")
    .argument("<manifest>", "archive.json")
    .requiredOption("--about <name>", 'name of the file, or "manifest"')
    .requiredOption("--statement <file>", "text of the statement")
    .option("--by <name>", "who makes the statement; the address of the account if it signed with EIP-712")
    .option("--key <file>", "sign with this Ethereum JSON keystore (EIP-712)")
    .option("--password-file <file>", "file with the password of the key")
    .option(
      "--signature <file>",
      "a signature of the statement: by ssh-keygen, or OpenPGP, detached and armored",
    )
    .requiredOption("--out <file>", "archive.json to write; it must not exist")
    .option(...jsonFlag)
    .action(async (path: string, options: AttestOptions) =>
      (await import("./attest.ts")).attestArchive(path, options),
    );
  archive
    .command("show")
    .description("show what an archive holds, and check its signatures and attestations")
    .argument("<manifest>", "archive.json")
    .option(
      "--signer <ids...>",
      "known signers: addresses, fingerprints of SSH keys (SHA256:…) or of OpenPGP keys",
    )
    .option(...jsonFlag)
    .action(async (path: string, options: { signer?: string[]; json?: true }) =>
      (await import("./sign.ts")).showArchive(path, options),
    );
}

export function register(program: Command): void {
  const archive = program
    .command("archive")
    .description("manifests of archives: import, verify and plan them, and show what is proven");
  registerImport(archive);
  registerVerify(archive);
  registerEditions(archive);
  registerSignatures(archive);
  registerStatus(archive);
  registerPlan(archive);
  registerPage(archive);
}
