/** Compares hashed files with the hash lists among them, and with those that the user names. */
import { basename } from "node:path";
import { compareLists, isListName, maxListBytes, publishedHashes } from "../../archive/hash-lists.ts";
import type { ListVerdict, PublishedHash } from "../../archive/hash-lists.ts";
import { counted } from "../../protocol/counted.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { printLine } from "../console/output.ts";
import { readBounded } from "./archive-file.ts";
import type { HashedInput } from "./hash-inputs.ts";
import { inputsOf } from "./inputs.ts";

type List = { readonly name: string; readonly hashes: readonly PublishedHash[] };

async function readList(path: string, name: string): Promise<List> {
  const text = new TextDecoder("utf-8").decode(await readBounded(path, maxListBytes));
  return { name, hashes: publishedHashes(basename(name), text) };
}

/** @param extra files and folders with lists that are not part of the archive */
export async function compareWithLists(
  files: readonly HashedInput[],
  extra: readonly string[],
): Promise<ListVerdict> {
  const lists: List[] = [];
  for (const { input } of files) {
    if (input.kind === "file" && input.bytes <= maxListBytes && isListName(input.name)) {
      lists.push(await readList(input.path, input.name));
    }
  }
  for (const place of extra) {
    for (const input of await inputsOf([place], [])) {
      if (input.kind === "file") lists.push(await readList(input.path, input.name));
    }
  }
  return compareLists(
    files.map(({ input, hashes }) => ({ name: input.name, blake2b: hashes.blake2b, sha256: hashes.sha256 })),
    lists,
  );
}

const maxShown = 20;

/** For people. */
export function printVerdict({ confirmed, missing }: ListVerdict): void {
  if (confirmed.length + missing.length === 0) return;
  printLine(
    `lists     ${counted(confirmed.length, "published hash", "published hashes")} confirmed, ${missing.length} without a file`,
  );
  for (const { list, file, digest } of missing.slice(0, maxShown)) {
    printLine(`  no file has ${digest.slice(0, 18)}… of ${list}${file === undefined ? "" : ` (${file})`}`);
  }
}

/** @throws CliError exit 1 if a list names a file with another hash */
export function refuseWrong({ wrong }: ListVerdict): void {
  const [first] = wrong;
  if (first === undefined) return;
  const more = wrong.length > 1 ? `; ${wrong.length - 1} more` : "";
  throw new CliError({
    code: exitCodes.failed,
    message: `${first.file} has another ${first.algorithm} than ${first.list} publishes${more}`,
    expected: first.expected,
    actual: first.actual,
    hint: "get the file again, or correct the list; the hashes so far are kept for the next run",
  });
}
