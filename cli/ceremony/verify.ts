/** `whitepay ceremony verify MANIFEST`: the whole ceremony from its manifest: log, signatures, contributions, attestations, beacon. */
import { filesOf } from "../../archive/manifest.ts";
import type { Archive } from "../../archive/schema.ts";
import { newFindings } from "../../ceremony/findings.ts";
import type { Findings } from "../../ceremony/findings.ts";
import type { Depth } from "../../ceremony/powers-of-tau/chain.ts";
import { openPowersOfTau } from "../../ceremony/powers-of-tau/open.ts";
import type { Accumulator } from "../../ceremony/powers-of-tau/point-reader.ts";
import { CeremonyFileError } from "../../ceremony/report.ts";
import type { CeremonyReport, CeremonySource } from "../../ceremony/report.ts";
import { decodeDefinition } from "../../ceremony/running/definition.ts";
import type { Entry } from "../../ceremony/running/entries.ts";
import { replay } from "../../ceremony/running/log.ts";
import type { CeremonyState } from "../../ceremony/running/queue.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { awsNitroRoot } from "../attestations/nitro.ts";
import { exitCodes } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { stepBars } from "../inspect/ceremony.ts";
import { learnedPorts } from "./committee.ts";
import { ceremonyTools, responseName } from "./files.ts";
import { definitionFile, parseEntries } from "./folder.ts";
import { isLogPart } from "./manifest.ts";
import { folderSources, urlSources } from "./sources.ts";
import type { ManifestSources } from "./sources.ts";
import {
  checkArchive,
  checkBeacon,
  checkBytes,
  checkChain,
  checkDocuments,
  checkNames,
  checkSettled,
} from "./verify-checks.ts";
import type { Files } from "./verify-checks.ts";

export type VerifyOptions = {
  readonly from?: string;
  readonly rpc?: readonly string[];
  readonly depth: Depth;
  readonly nitroRoot?: Hex;
  readonly mine?: string;
  readonly json?: true;
};

type Verified = {
  readonly state: CeremonyState;
  readonly report: CeremonyReport | undefined;
  readonly entries: number;
};

type Read = {
  readonly state: CeremonyState;
  readonly entries: number;
  /** Everything that was read so far. */
  readonly opened: CeremonySource[];
};

/** Reads definition and log, and replays it; undefined if it does not hold. */
async function readLog(
  files: Files,
  sources: ManifestSources,
  rpc: readonly string[],
  { problems, checked }: Findings,
): Promise<Read | undefined> {
  const parts = [...files.values()].filter(({ name }) => isLogPart(name));
  parts.sort((a, b) => (a.name < b.name ? -1 : 1));
  const definitionEntry = files.get(definitionFile);
  if (definitionEntry === undefined || parts.length === 0) {
    problems.push(`expected ${definitionFile} and the parts of the log in the manifest, actual none`);
    return undefined;
  }
  const source = await sources.open(definitionEntry);
  const opened: CeremonySource[] = [source];
  const definition = decodeDefinition(await source.read(0, source.size));
  if (!definition.ok) {
    problems.push(`${definitionFile}: ${definition.detail}`);
    return undefined;
  }
  const entries: Entry[] = [];
  for (const part of parts) {
    const own = await sources.open(part);
    opened.push(own);
    entries.push(...parseEntries(new TextDecoder().decode(await own.read(0, own.size)), part.name));
  }
  const ports = await learnedPorts(definition.value, entries, rpc);
  const log = replay(definition.value, entries, ports);
  if (!log.ok) {
    problems.push(`log: ${log.detail}`);
    return undefined;
  }
  const length = counted(entries.length, "entry", "entries");
  checked.push(`the log of ${length}: a chain of hashes, each slot and contribution in its order`);
  return { state: log.value.state, entries: entries.length, opened };
}

async function openResponses(
  { state, opened }: Read,
  files: Files,
  sources: ManifestSources,
): Promise<Accumulator[]> {
  const responses: Accumulator[] = [];
  for (const { index } of [...state.contributions, ...(state.beacon ? [state.beacon] : [])]) {
    const file = files.get(responseName(index));
    // Its absence is a problem that `checkNames` states.
    if (file === undefined) continue;
    const response = await sources.open(file);
    opened.push(response);
    responses.push(...(await openPowersOfTau(response)));
  }
  return responses;
}

async function verifyAll(
  archive: Archive,
  sources: ManifestSources,
  options: VerifyOptions,
  findings: Findings,
): Promise<Verified | undefined> {
  const { depth, rpc = [], nitroRoot = awsNitroRoot } = options;
  const files: Files = new Map(filesOf(archive.manifest).map((file) => [file.name, file]));
  const read = await readLog(files, sources, rpc, findings);
  if (read === undefined) return undefined;
  const { state, entries, opened } = read;
  checkNames(state, files, findings);
  const responses = await openResponses(read, files, sources);
  if (depth === "keys") findings.notChecked.push("the files' bytes against the manifest");
  else await checkBytes(opened, files, findings);
  const bars = stepBars();
  try {
    const tools = ceremonyTools((step) => bars.show(step));
    const report = await checkChain(state, responses, { depth, tools }, findings);
    await checkBeacon(state, rpc, findings);
    checkDocuments(state, nitroRoot, findings);
    checkSettled(state, findings);
    await checkArchive(archive, state, findings);
    return { state, report, entries };
  } finally {
    bars.stop();
  }
}

export async function verifyCeremonyArchive(path: string, options: VerifyOptions): Promise<void> {
  const archive = await readManifestFile(path);
  const sources = options.from === undefined ? urlSources() : folderSources(options.from);
  const findings = newFindings();
  let verified: Verified | undefined;
  try {
    verified = await verifyAll(archive, sources, options, findings);
  } catch (error) {
    if (!(error instanceof CeremonyFileError)) throw error;
    findings.problems.push(error.message);
  } finally {
    await sources.close();
  }
  const document = documentOf(archive, verified, findings, options.mine);
  if (options.json) printJson(document);
  else printDocument(document);
  if (!document.ok) process.exitCode = exitCodes.failed;
}

type Document = ReturnType<typeof documentOf>;

function documentOf(
  { manifest }: Archive,
  verified: Verified | undefined,
  findings: Findings,
  mine: string | undefined,
) {
  const { state, report } = verified ?? {};
  const contributions = (state?.contributions ?? []).map(({ index, participant, response, settled }, i) => ({
    index,
    participant,
    name: state?.people.get(participant)?.name ?? "",
    blake2b: response.blake2b,
    checks: report?.contributions[i]?.checks ?? {},
    settled,
  }));
  const found = mine === undefined ? undefined : contributions.find((one) => sameHash(one.blake2b, mine));
  const beacon = state?.beacon;
  const last = beacon ?? state?.contributions.at(-1);
  return {
    kind: "ceremony" as const,
    ceremony: state?.ceremony ?? null,
    title: manifest.title,
    edition: manifest.edition,
    phase: state?.phase ?? null,
    entries: verified?.entries ?? 0,
    contributions,
    lost: state?.lost.length ?? 0,
    refused: (state?.refused ?? []).map(({ participant, index, failed, reason }) => ({
      participant,
      index,
      failed,
      reason,
    })),
    beacon: beacon ? { index: beacon.index, value: beacon.value } : null,
    final: last ? { file: responseName(last.index), ...last.response } : null,
    ...(mine === undefined ? {} : { mine: { hash: mine, index: found?.index ?? null } }),
    checked: findings.checked,
    notChecked: findings.notChecked,
    problems: findings.problems,
    ok:
      findings.problems.length === 0 && verified !== undefined && (mine === undefined || found !== undefined),
  };
}

function sameHash(hash: string, text: string): boolean {
  return text.replaceAll(/\s/g, "").replace(/^0x/i, "").toLowerCase() === hash.slice(2);
}

function printDocument(document: Document): void {
  printLine(`ceremony   ${document.ceremony ?? "unknown"}, ${document.title}, edition ${document.edition}`);
  for (const { index, participant, name, blake2b, checks } of document.contributions) {
    const failed = Object.entries(checks).flatMap(([check, holds]) => (holds ? [] : [check]));
    printLine(
      `${String(index).padEnd(10)} ${participant} ${name}: ${failed.length === 0 ? "ok" : `FAILED: ${failed.join(", ")}`}`,
    );
    printLine(`           ${blake2b}`);
  }
  for (const { index, participant, failed } of document.refused)
    printLine(`refused    ${index}: ${participant}: ${failed.join(", ")}`);
  if (document.beacon) printLine(`beacon     ${document.beacon.index}: ${document.beacon.value}`);
  if (document.final) printLine(`final      ${document.final.file} ${document.final.blake2b}`);
  for (const sentence of document.checked) printLine(`checked    ${sentence}`);
  for (const sentence of document.notChecked) printLine(`unchecked  ${sentence}`);
  for (const sentence of document.problems) printLine(`WRONG      ${sentence}`);
  if (document.mine)
    printLine(
      document.mine.index === null
        ? "your contribution is NOT in it"
        : `your contribution is number ${document.mine.index}`,
    );
  printLine(document.ok ? "all that was checked holds" : "the ceremony is NOT right");
}
