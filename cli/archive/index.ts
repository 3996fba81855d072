/** `whitepay archive …`: manifests of archives, their editions and signatures, and how their copies stand (R46). */
import type { Command } from "commander";
import { parseBytes } from "../../client/units.ts";
import { addressOption, jsonFlag } from "../console/options.ts";
import { usageError } from "../console/exit.ts";
import type { ImportOptions } from "./import.ts";
import { register as registerPlan } from "./plan.ts";
import { register as registerStatus } from "./status.ts";
import type { VerifyOptions } from "./verify.ts";

const manifestOption = ["--manifest <file>", "archive.json of the archive"] as const;

function maxBytes(text: string): number {
  const bytes = parseBytes(text);
  if (bytes < 1n || bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw usageError("--max-bytes is not valid", { expected: "1 byte to 2^53 − 1 bytes, for example 100GB" });
  }
  return Number(bytes);
}

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
    .option("--max-bytes <size>", "most bytes of a file behind a URL, for example 100GB", maxBytes)
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

export function register(program: Command): void {
  const archive = program
    .command("archive")
    .description("manifests of archives: import, verify and plan them, and show what is proven");
  registerImport(archive);
  registerVerify(archive);
  registerStatus(archive);
  registerPlan(archive);
}
