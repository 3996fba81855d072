/** `whitepay archive diff` and `add`: editions of an archive. Nothing is ever dropped silently. */
import { chainFaults, diffEditions } from "../../archive/editions.ts";
import type { EditionDiff } from "../../archive/editions.ts";
import { filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile, DroppedFile, Manifest } from "../../archive/schema.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { mustNotExist } from "../console/output-file.ts";
import { printJson, printLine } from "../console/output.ts";
import { printSummary, rootOf, saveArchive, summaryOf } from "./archive-file.ts";
import { entryOf, hashInputs } from "./hash-inputs.ts";
import { checkUrlBase, journalOf, now } from "./import.ts";
import type { HashOptions } from "./import.ts";
import { inputsOf } from "./inputs.ts";
import { HashJournal } from "./journal.ts";
import { readManifestFile } from "./manifest-file.ts";
import { compareWithLists, printVerdict, refuseWrong } from "./published.ts";
import { usualLimits } from "./url-stream.ts";

export type AddOptions = HashOptions & {
  readonly manifest: string;
  readonly collection?: string;
  readonly licence?: string;
  readonly drop?: readonly string[];
  readonly replace?: true;
  readonly reason?: string;
};

function refuseFaults(faults: readonly string[]): void {
  const [first] = faults;
  if (first === undefined) return;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  throw new CliError({ code: exitCodes.failed, message: `not an edition that follows: ${first}${more}` });
}

function printDiff(diff: EditionDiff): void {
  for (const { name, root } of diff.added) printLine(`added     ${name} ${root}`);
  for (const { name, root, reason } of diff.dropped) printLine(`dropped   ${name} ${root}: ${reason}`);
  for (const { name, fields } of diff.changed) printLine(`changed   ${name} (${fields.join(", ")})`);
  for (const { about, by } of diff.attestationsAdded) printLine(`attested  ${about} by ${by}`);
  for (const { about, by } of diff.attestationsRemoved)
    printLine(`removed   attestation about ${about} by ${by}`);
  for (const fault of diff.faults) printLine(`fault     ${fault}`);
}

/** Compares the first edition with the next one, or a whole chain of them. @throws CliError exit 1 if one does not follow */
export async function diffArchives(
  paths: readonly string[],
  options: { readonly json?: true },
): Promise<void> {
  const editions: Manifest[] = [];
  for (const path of paths) editions.push((await readManifestFile(path)).manifest);
  const [before, after] = editions;
  if (before === undefined || after === undefined) throw usageError("expected two editions or more");
  if (editions.length > 2) {
    const faults = chainFaults(editions);
    if (options.json) printJson({ ok: faults.length === 0, faults });
    else if (faults.length === 0) printLine("the editions form one chain");
    else for (const fault of faults) printLine(`fault     ${fault}`);
    return refuseFaults(faults);
  }
  const diff = diffEditions(before, after);
  if (options.json) printJson({ ok: diff.faults.length === 0, ...diff });
  else printDiff(diff);
  refuseFaults(diff.faults);
}

type Change = { readonly added: readonly ArchiveFile[]; readonly dropped: readonly DroppedFile[] };

function reasonOf(options: AddOptions, what: string): string {
  if (options.reason !== undefined) return options.reason;
  throw usageError(`${what} needs a reason`, {
    hint: "give --reason TEXT: the new edition says it to everybody",
  });
}

/** The files that leave the edition before: those of --drop, and with --replace those whose bytes are others. */
function changeOf(before: Manifest, files: readonly ArchiveFile[], options: AddOptions): Change {
  const known = new Map(filesOf(before).map((file) => [file.name, file]));
  const dropped: DroppedFile[] = (options.drop ?? []).map((name) => {
    const { root } = known.get(name) ?? {};
    if (root === undefined) throw usageError(`--drop: ${JSON.stringify(name)} is not in the manifest`);
    return { name, root, reason: reasonOf(options, "--drop") };
  });
  const added: ArchiveFile[] = [];
  for (const file of files) {
    const old = known.get(file.name);
    if (old === undefined) added.push(file);
    else if (old.root === file.root) added.push({ ...old, sources: mergedSources(old, file) });
    else if (options.replace !== true) {
      throw new CliError({
        code: exitCodes.failed,
        message: `${file.name} has other bytes than in the edition before`,
        expected: old.root,
        actual: file.root,
        hint: "nothing is dropped silently: give --replace with --reason TEXT, or another name (NAME=PLACE)",
      });
    } else {
      dropped.push({ name: file.name, root: old.root, reason: reasonOf(options, "--replace") });
      added.push(file);
    }
  }
  return { added, dropped };
}

function mergedSources(old: ArchiveFile, file: ArchiveFile): ArchiveFile["sources"] {
  const known = new Set(old.sources.map((source) => JSON.stringify(source)));
  return [...old.sources, ...file.sources.filter((source) => !known.has(JSON.stringify(source)))];
}

function nextEdition(
  before: Manifest,
  { added, dropped }: Change,
  { collection, licence }: AddOptions,
): Manifest {
  const gone = new Set(dropped.map(({ name }) => name));
  const updated = new Map(added.map((file) => [file.name, file]));
  const collections = before.collections.map((one) => ({
    ...one,
    files: one.files.flatMap((file) => {
      const now = updated.get(file.name);
      if (now !== undefined && now.root === file.root) updated.delete(file.name);
      else if (gone.has(file.name)) return [];
      return now?.root === file.root ? [now] : [file];
    }),
  }));
  const name = collection ?? before.collections[0]?.name ?? "files";
  const fresh = [...updated.values()];
  const at = collections.findIndex((one) => one.name === name);
  const target = collections[at];
  if (target !== undefined) collections[at] = { ...target, files: [...target.files, ...fresh] };
  else collections.push({ name, title: name, licence: licence ?? "not stated", files: fresh });
  return {
    ...before,
    edition: before.edition + 1,
    previous: rootOf(before),
    created: now(),
    collections,
    dropped: [...dropped],
    attestations: before.attestations.filter(
      ({ about }) =>
        about === "manifest" ||
        gone.has(about) ||
        collections.some(({ files }) => files.some((file) => file.name === about)),
    ),
  };
}

export async function addToArchive(places: readonly string[], options: AddOptions): Promise<void> {
  const { out } = options;
  checkUrlBase(options.urlBase);
  await mustNotExist(out, "an edition never replaces the file of another one");
  const { manifest: before } = await readManifestFile(options.manifest);
  if (places.length === 0 && options.drop === undefined)
    throw usageError("there is nothing to change", { expected: "files to add, or --drop" });
  const inputs = places.length === 0 ? [] : await inputsOf(places, [out, journalOf(out), options.manifest]);
  const journal = await HashJournal.open(journalOf(out));
  try {
    const { files, resumed } = await hashInputs(inputs, journal, {
      ...usualLimits,
      maxBytes: options.maxBytes,
    });
    const verdict = await compareWithLists(files, options.lists ?? []);
    refuseWrong(verdict);
    const change = changeOf(
      before,
      files.map((file) => entryOf(file, options.urlBase)),
      options,
    );
    const manifest = nextEdition(before, change, options);
    const diff = diffEditions(before, manifest);
    refuseFaults(diff.faults);
    await saveArchive(out, { manifest, signatures: [] });
    await journal.remove();
    if (options.json) return printJson({ ...summaryOf(manifest), resumed, lists: verdict, diff });
    printDiff(diff);
    printSummary(manifest);
    printVerdict(verdict);
    printLine(`written   ${out}`);
  } finally {
    await journal.close();
  }
}
