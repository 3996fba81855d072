/** `whitepay archive describe`: makes the next edition, which says something else about files whose bytes stay as they are. */
import { describeFiles } from "../../archive/describing.ts";
import type { Description } from "../../archive/describing.ts";
import { diffEditions } from "../../archive/editions.ts";
import { isSourceUrl } from "../../archive/schema.ts";
import type { FileSource } from "../../archive/schema.ts";
import { usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";
import { mustNotExist } from "../console/output-file.ts";
import { printJson, printLine } from "../console/output.ts";
import { printSummary, rootOf, saveArchive, summaryOf } from "./archive-file.ts";
import { now } from "./import.ts";
import { someNames } from "../inspect/ceremony-choice.ts";
import { readManifestFile } from "./manifest-file.ts";

export type DescribeOptions = {
  readonly files: readonly string[];
  readonly priority?: number;
  readonly derivedFrom?: string;
  readonly by?: string;
  readonly notDerived?: true;
  readonly licence?: string;
  readonly source?: readonly string[];
  readonly out: string;
  readonly json?: true;
};

function sourceOf(url: string): FileSource {
  if (!isSourceUrl(url))
    throw usageError("--source is not valid", {
      expected: "http or https URLs without name and password",
      actual: quote(url),
    });
  return { url };
}

function derivation({ derivedFrom, by, notDerived }: DescribeOptions): Pick<Description, "derivedFrom"> {
  if (derivedFrom !== undefined && notDerived)
    throw usageError("expected --derived-from or --not-derived", { actual: "both" });
  if (notDerived) return { derivedFrom: null };
  if (derivedFrom === undefined) return {};
  if (by === undefined)
    throw usageError("--by is missing", { expected: "how the file is computed from the other" });
  return { derivedFrom: { file: derivedFrom, by } };
}

function descriptionOf(options: DescribeOptions): Description {
  const { files, priority, licence, source } = options;
  if (source !== undefined && files.length !== 1)
    throw usageError("--source is of one file", {
      expected: "one name in --files",
      actual: `${files.length}`,
    });
  const change = {
    ...(priority === undefined ? {} : { priority }),
    ...(licence === undefined ? {} : { licence }),
    ...(source === undefined ? {} : { sources: source.map(sourceOf) }),
    ...derivation(options),
  };
  if (Object.keys(change).length === 0)
    throw usageError("there is nothing to change", {
      expected: "--priority, --derived-from, --not-derived, --licence or --source",
    });
  return { files, ...change };
}

/** @throws CliError exit 2 if a pattern fits no file, or the edition would break a rule of manifests */
export async function describeArchive(path: string, options: DescribeOptions): Promise<void> {
  const change = descriptionOf(options);
  await mustNotExist(options.out, "an edition never replaces the file of another one");
  const { manifest: before } = await readManifestFile(path);
  const { collections, chosen, idle, notDerived } = describeFiles(before, change);
  if (idle.length > 0)
    throw usageError("no file of the manifest has this name", { actual: idle.map(quote).join(", ") });
  if (change.sources !== undefined && chosen.length !== 1)
    throw usageError("--source is of one file", {
      expected: "a name of one file",
      actual: someNames(chosen),
    });
  const manifest = {
    ...before,
    edition: before.edition + 1,
    previous: rootOf(before),
    created: now(),
    collections,
    dropped: [],
  };
  const { changed, faults } = diffEditions(before, manifest);
  if (changed.length === 0)
    throw usageError("the files have this description already", {
      actual: someNames(chosen),
      ...(notDerived.length > 0 && {
        hint: `${someNames(notDerived)}: the file is not in the manifest, from which they would be computed`,
      }),
    });
  await saveArchive(options.out, { manifest, signatures: [] });
  if (options.json) return printJson({ ...summaryOf(manifest), changed, notDerived, faults });
  for (const { name, fields } of changed) printLine(`changed   ${name} (${fields.join(", ")})`);
  for (const name of notDerived)
    printLine(`as before ${name}: the file from which it would be computed is not in the manifest`);
  printSummary(manifest);
  printLine(`written   ${options.out}`);
}
