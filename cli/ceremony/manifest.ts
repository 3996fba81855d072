/** The ceremony's transcript as an archive: an edition of its manifest from the first minute, and after each contribution. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalText } from "../../archive/canonical.ts";
import { filesOf } from "../../archive/manifest.ts";
import { manifestFormat } from "../../archive/schema.ts";
import type { Archive, ArchiveFile, Attestation, Manifest } from "../../archive/schema.ts";
import { manifestDigest } from "../../archive/signing.ts";
import type { Contribution } from "../../ceremony/running/queue.ts";
import { responseText } from "../../ceremony/running/entries.ts";
import type { FileHashes } from "../../ceremony/running/entries.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { rootOf, saveArchive } from "../archive/archive-file.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { now } from "../archive/import.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { exists } from "../console/output-file.ts";
import { challengeName, responseName } from "./files.ts";
import { definitionFile } from "./folder.ts";
import type { CeremonyFolder, EntrySigner } from "./folder.ts";

const urlFile = "url.txt";
export const logName = (edition: number): string => `log_${String(edition).padStart(4, "0")}.json`;
export const isLogPart = (name: string): boolean => /^log_\d{4,}\.json$/.test(name);

/** Remembers where the files can be read, for the manifest's sources. */
export async function saveUrl(folder: string, url: string): Promise<void> {
  await writeFileAtomic(join(folder, urlFile), url.endsWith("/") ? url : `${url}/`);
}

async function urlOf(folder: string): Promise<string | undefined> {
  return readFile(join(folder, urlFile), "utf8").catch(() => undefined);
}

type NewFile = Pick<ArchiveFile, "name" | "derivedFrom" | "priority"> & { readonly hashes: FileHashes };

/** All files that the log names, but the parts of the log. */
function filesOfLog({ state, log }: CeremonyFolder): NewFile[] {
  const [first] = log.entries;
  if (first?.body.type !== "opened") return [];
  const derived = (index: number, hashes: FileHashes, from: string): NewFile => ({
    name: challengeName(index),
    hashes,
    priority: 0,
    derivedFrom: { file: from, by: "whitepay ceremony verify" },
  });
  const files: NewFile[] = [derived(1, first.body.challenge, definitionFile)];
  for (const { body } of log.entries) {
    if (body.type !== "accepted") continue;
    const response = state.contributions[body.index - 1]?.response;
    if (response) files.push({ name: responseName(body.index), hashes: response, priority: 100 });
    files.push(derived(body.index + 1, body.challenge, responseName(body.index)));
  }
  const { beacon } = state;
  if (beacon) files.push({ name: responseName(beacon.index), hashes: beacon.response, priority: 100 });
  return files;
}

/** A participant's statement about its contribution: `archive show` checks it. */
function attestationOf(ceremony: Hex, { index, participant, statement }: Contribution): Attestation {
  const { signature } = statement;
  return {
    about: responseName(index),
    by: participant,
    statement: responseText(ceremony, statement),
    signature,
  };
}

function firstEdition({ state: { definition, ceremony } }: CeremonyFolder): Manifest {
  return {
    format: manifestFormat,
    title: definition.title,
    description: `Transcript of a Powers of Tau ceremony, ${definition.curve}, 2^${definition.power} powers. ceremony.json defines it; its root ${ceremony} is the ceremony's id. The parts of the log follow each other.`,
    edition: 1,
    previous: null,
    created: now(),
    curator: { name: "organiser of the ceremony", address: definition.organiser },
    collections: [{ name: "ceremony", title: definition.title, licence: "not stated", files: [] }],
    attestations: [],
    dropped: [],
  };
}

/** The number of log entries that the editions so far hold. */
async function entriesIn(folder: CeremonyFolder, manifest: Manifest | undefined): Promise<number> {
  const parts = manifest ? filesOf(manifest).filter(({ name }) => isLogPart(name)) : [];
  let entries = 0;
  for (const { name } of parts) entries += (await readFile(folder.file(name), "utf8")).split("\n").length - 1;
  return entries;
}

/**
 * Writes the next edition, signed by the organiser, if the log has more than the last one.
 * @returns the edition's manifest
 */
export async function writeEdition(folder: CeremonyFolder, signer: EntrySigner): Promise<Manifest> {
  const latest = join(folder.path, "archive.json");
  const before = (await exists(latest)) ? (await readManifestFile(latest)).manifest : undefined;
  const known = await entriesIn(folder, before);
  const fresh = folder.log.entries.slice(known);
  if (before !== undefined && fresh.length === 0) return before;
  const base = await urlOf(folder.path);
  const entryOf = ({ name, hashes, ...rest }: NewFile): ArchiveFile => ({
    name,
    ...hashes,
    sources: base === undefined ? [] : [{ url: new URL(`files/${name}`, base).href }],
    ...rest,
  });
  const edition = (before?.edition ?? 0) + 1;
  const part = logName(edition);
  await writeFileAtomic(folder.file(part), fresh.map((entry) => `${canonicalText(entry)}\n`).join(""));
  const definition = {
    name: definitionFile,
    hashes: await hashFileOnce(join(folder.path, definitionFile)),
    priority: 100,
  };
  const logPart = { name: part, hashes: await hashFileOnce(folder.file(part)), priority: 100 };
  const start = before ?? firstEdition(folder);
  const names = new Set(filesOf(start).map(({ name }) => name));
  const added = [definition, ...filesOfLog(folder), logPart].filter(({ name }) => !names.has(name));
  const manifest: Manifest = {
    ...start,
    edition,
    previous: before === undefined ? null : rootOf(before),
    created: now(),
    collections: start.collections.map((one, i) =>
      i === 0 ? { ...one, files: [...one.files, ...added.map(entryOf)] } : one,
    ),
    attestations: folder.state.contributions.map((one) => attestationOf(folder.state.ceremony, one)),
  };
  const digest = toHex(manifestDigest({ root: rootOf(manifest), previous: manifest.previous, edition }));
  const archive: Archive = { manifest, signatures: [{ kind: "eip712", signature: signer.sign(digest) }] };
  await saveArchive(
    join(folder.path, "editions", `archive_${String(edition).padStart(4, "0")}.json`),
    archive,
  );
  await saveArchive(latest, archive);
  return manifest;
}
