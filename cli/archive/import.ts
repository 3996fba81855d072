/** `whitepay archive import DIR|URL…`: hashes files in one pass, compares them with published lists, and writes edition 1. */
import { basename, resolve } from "node:path";
import { isSourceUrl, manifestFormat } from "../../archive/schema.ts";
import type { Manifest } from "../../archive/schema.ts";
import { counted } from "../../protocol/counted.ts";
import { usageError } from "../console/exit.ts";
import { mustNotExist } from "../console/output-file.ts";
import { printJson, printLine } from "../console/output.ts";
import { printSummary, saveArchive, summaryOf } from "./archive-file.ts";
import { entryOf, hashInputs } from "./hash-inputs.ts";
import { inputsOf } from "./inputs.ts";
import { HashJournal } from "./journal.ts";
import { compareWithLists, printVerdict, refuseWrong } from "./published.ts";
import { usualLimits } from "./url-stream.ts";

export type HashOptions = {
  readonly out: string;
  readonly maxBytes?: number;
  readonly urlBase?: string;
  readonly lists?: readonly string[];
  readonly json?: true;
};

export type ImportOptions = HashOptions & {
  readonly title?: string;
  readonly description?: string;
  readonly curator?: string;
  readonly curatorAddress?: string;
  readonly collection?: string;
  readonly licence?: string;
};

/** Keeps the hashes of an interrupted run beside the file that is written at the end. */
export const journalOf = (out: string): string => `${out}.partial`;

/** The time of a manifest, to the second. */
export const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

export function checkUrlBase(base: string | undefined): void {
  if (base === undefined || isSourceUrl(base)) return;
  throw usageError("--url-base is not valid", { expected: "an http or https URL", actual: base });
}

export async function importArchive(places: readonly string[], options: ImportOptions): Promise<void> {
  const { out } = options;
  checkUrlBase(options.urlBase);
  await mustNotExist(out, "whitepay archive add makes a new edition of an archive");
  const inputs = await inputsOf(places, [out, journalOf(out)]);
  const journal = await HashJournal.open(journalOf(out));
  try {
    const { files, resumed } = await hashInputs(inputs, journal, {
      ...usualLimits,
      maxBytes: options.maxBytes,
    });
    const verdict = await compareWithLists(files, options.lists ?? []);
    refuseWrong(verdict);
    const manifest = manifestOf(
      files.map((file) => entryOf(file, options.urlBase)),
      places[0] ?? "",
      options,
    );
    await saveArchive(out, { manifest, signatures: [] });
    await journal.remove();
    if (options.json) return printJson({ ...summaryOf(manifest), resumed, lists: verdict });
    printSummary(manifest);
    if (resumed > 0) printLine(`resumed   ${counted(resumed, "file")} of an earlier run`);
    printVerdict(verdict);
    printLine(`written   ${out}`);
  } finally {
    await journal.close();
  }
}

function manifestOf(
  files: Manifest["collections"][number]["files"],
  place: string,
  { title, description, curator, curatorAddress, collection, licence }: ImportOptions,
): Manifest {
  const name = collection ?? "files";
  const address = curatorAddress?.toLowerCase() as `0x${string}` | undefined;
  return {
    format: manifestFormat,
    title: title ?? (basename(resolve(place)) || "archive"),
    description: description ?? "",
    edition: 1,
    previous: null,
    created: now(),
    curator: { name: curator ?? "unnamed", ...(address === undefined ? {} : { address }) },
    collections: [{ name, title: name, licence: licence ?? "not stated", files }],
    attestations: [],
    dropped: [],
  };
}
