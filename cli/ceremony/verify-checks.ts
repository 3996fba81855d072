/** The parts of a whole ceremony's verification; each adds its sentences to the findings. */
import type { Archive, ArchiveFile } from "../../archive/schema.ts";
import { drandChain, drandTimeOf } from "../../ceremony/beacon/drand.ts";
import { curves } from "../../ceremony/curves.ts";
import type { Findings } from "../../ceremony/findings.ts";
import { verifyChain } from "../../ceremony/powers-of-tau/chain.ts";
import type { ChainOptions, Depth } from "../../ceremony/powers-of-tau/chain.ts";
import type { Accumulator } from "../../ceremony/powers-of-tau/point-reader.ts";
import { initialHash } from "../../ceremony/powers-of-tau/point-stream.ts";
import type { Tools } from "../../ceremony/powers-of-tau/point-stream.ts";
import type { CeremonyReport, CeremonySource } from "../../ceremony/report.ts";
import type { FileHashes } from "../../ceremony/running/entries.ts";
import type { CeremonyState } from "../../ceremony/running/queue.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { checkAttestations } from "../archive/attestations.ts";
import { checkSignatures } from "../archive/signatures.ts";
import { verifyNitro } from "../attestations/nitro.ts";
import { NitroDocumentError } from "../attestations/nitro-document.ts";
import { blockOf } from "./beacon.ts";
import { challengeName, responseName } from "./files.ts";
import { hashSource } from "./sources.ts";

export type Files = ReadonlyMap<string, ArchiveFile>;

/** Whether the bytes of each file are those of the manifest. */
export async function checkBytes(
  opened: readonly CeremonySource[],
  files: Files,
  { problems }: Findings,
): Promise<void> {
  for (const source of opened) {
    const expected = files.get(source.name);
    if (expected === undefined) continue;
    const actual = source.size === 0 ? undefined : await hashSource(source);
    const wrong = (["bytes", "blake2b", "sha256", "root"] as const).find(
      (name) => actual?.[name] !== expected[name],
    );
    if (wrong !== undefined)
      problems.push(
        `${source.name}: ${wrong}: expected ${expected[wrong]}, actual ${actual?.[wrong] ?? "no byte"}`,
      );
  }
}

function same(file: ArchiveFile | undefined, hashes: FileHashes): boolean {
  return file?.root === hashes.root && file.blake2b === hashes.blake2b && file.bytes === hashes.bytes;
}

/** The files that the log names must be those of the manifest. */
export function checkNames(state: CeremonyState, files: Files, { problems }: Findings): void {
  const named: (readonly [string, FileHashes])[] = state.contributions.flatMap(
    ({ index, challenge, response }) => [
      [challengeName(index), challenge] as const,
      [responseName(index), response] as const,
    ],
  );
  const { beacon } = state;
  if (beacon)
    named.push(
      [challengeName(beacon.index), beacon.challenge],
      [responseName(beacon.index), beacon.response],
    );
  for (const [name, hashes] of named)
    if (!same(files.get(name), hashes))
      problems.push(
        `${name}: expected the file of the log, ${hashes.root}, actual ${files.get(name)?.root ?? "none"}`,
      );
}

/** What the log's announcement answers, and `checkBeacon` says. */
const isOfBeacon = /^(a beacon:|the origin of the beacon's value)/;

/** The beacon from which the last response has to come. */
function beaconOf({ announced, beacon }: CeremonyState): ChainOptions["beacon"] {
  if (announced === undefined || beacon === undefined) return undefined;
  const { exponent } = announced;
  return { parameters: { value: fromHex(beacon.value), exponent }, maxBeaconExponent: exponent };
}

/** The chain of all responses, and that its hashes are those of the log. */
export async function checkChain(
  state: CeremonyState,
  responses: readonly Accumulator[],
  { depth, tools }: { readonly depth: Depth; readonly tools: Tools },
  findings: Findings,
): Promise<CeremonyReport | undefined> {
  if (responses.length === 0) return undefined;
  const beacon = beaconOf(state);
  const report = await verifyChain(responses, { depth, tools, ...(beacon && { beacon }) });
  findings.problems.push(...report.problems);
  findings.checked.push(...report.checked);
  findings.notChecked.push(...report.notChecked.filter((sentence) => !isOfBeacon.test(sentence)));
  if (report.contributions.at(-1)?.checks["beaconKey"] === true)
    findings.checked.push("the last contribution's key follows from the beacon's value, hashed as announced");
  const { definition } = state;
  findings.notChecked.push(
    "piece roots of challenges: their BLAKE2b hashes are computed, and participants and keepers compute the files",
  );
  if (report.curve !== definition.curve || report.power !== definition.power)
    findings.problems.push(
      `files: expected ${definition.curve} with 2^${definition.power} powers, actual ${report.curve} with 2^${report.power}`,
    );
  const expected = [
    ...state.contributions.map(({ response }) => response),
    ...(state.beacon ? [state.beacon.response] : []),
  ];
  for (const [i, { hash, index }] of report.contributions.entries())
    if (hash !== undefined && hash !== expected[i]?.blake2b)
      findings.problems.push(
        `contribution ${index}: expected the log's hash ${expected[i]?.blake2b}, actual ${hash}`,
      );
  const challenges = [...state.contributions, ...(state.beacon ? [state.beacon] : [])];
  for (const [i, { head, source }] of responses.entries()) {
    // The first response has no file before it: without this, it could continue any challenge.
    const hash = challenges[i]?.challenge.blake2b;
    const actual = head === undefined ? "none" : toHex(head);
    if (actual !== hash)
      findings.problems.push(
        `${source.name}: head: expected ${hash}, the challenge of the log, actual ${actual}`,
      );
  }
  const initial = toHex(initialHash({ curve: curves[definition.curve], power: definition.power }, tools));
  const first = state.contributions[0]?.challenge.blake2b;
  if (first !== undefined && first !== initial)
    findings.problems.push(`first challenge: expected ${initial}, actual ${first}`);
  return report;
}

/** Where the beacon's value came from, and when it was announced; `checkChain` compares its key. */
export async function checkBeacon(
  state: CeremonyState,
  rpc: readonly string[],
  findings: Findings,
): Promise<void> {
  const { announced, beacon } = state;
  if (beacon === undefined || announced === undefined) {
    findings.notChecked.push(
      announced ? "the beacon: it is announced and not applied" : "a beacon: none was announced",
    );
    return;
  }
  const { beacon: source, time_s } = announced;
  if (source.source === "drand") {
    const from_s = drandTimeOf(drandChain(source.chain), source.round);
    findings.checked.push(
      `the beacon is round ${source.round} of drand, signed by its chain, and the log announces it ${from_s - time_s} s before the round`,
    );
  } else await checkBlock(source, { value: beacon.value, time_s }, rpc, findings);
  findings.notChecked.push(
    "the time of the announcement by a clock that is not the organiser's: compare the chain's time of the edition that has it (R46)",
  );
}

async function checkBlock(
  source: Parameters<typeof blockOf>[0],
  { value, time_s }: { readonly value: Hex; readonly time_s: number },
  [rpc]: readonly string[],
  findings: Findings,
): Promise<void> {
  if (rpc === undefined) {
    findings.notChecked.push(
      `whether the beacon's value is the hash of block ${source.number}: no --rpc was given`,
    );
    return;
  }
  const block = await blockOf(source, rpc);
  if (block.hash !== value) findings.problems.push(`beacon: expected ${block.hash}, actual ${value}`);
  if (block.time_s <= time_s)
    findings.problems.push(`beacon: block ${source.number} is of ${block.time_s}, announced at ${time_s}`);
  findings.checked.push(
    `the beacon is the hash of block ${source.number}, which is later than its announcement`,
  );
}

/** Documents of enclaves that the participants attached. */
export function checkDocuments(state: CeremonyState, root: Hex, findings: Findings): void {
  for (const { index, response, statement } of state.contributions) {
    if (statement.document === undefined) continue;
    const title = `document of contribution ${index}`;
    const output = fromHex(response.blake2b);
    try {
      const bytes = Buffer.from(statement.document.data, "base64");
      const verdict = verifyNitro(bytes, { root, output, pcrs: new Map() });
      findings.problems.push(...verdict.problems.map((problem) => `${title}: ${problem}`));
      if (verdict.ok)
        findings.checked.push(`${title}: signed by the enclave ${verdict.moduleId} about this file`);
      findings.notChecked.push(...verdict.notChecked.map((sentence) => `${title}: ${sentence}`));
    } catch (error) {
      if (!(error instanceof NitroDocumentError)) throw error;
      findings.problems.push(`${title}: ${error.message}`);
    }
  }
}

/** Who signed the manifest and the statements in it. */
export async function checkArchive(
  archive: Archive,
  state: CeremonyState,
  findings: Findings,
): Promise<void> {
  const { organiser } = state.definition;
  const signatures = await checkSignatures(archive, [organiser]);
  if (!signatures.some((one) => one.state === "valid" && one.signer === organiser))
    findings.problems.push(`manifest: expected a signature by the organiser ${organiser}, actual none`);
  const verdicts = await checkAttestations(archive.manifest);
  for (const { index, participant } of state.contributions) {
    const about = responseName(index);
    const own = verdicts.find(
      (one) => one.about === about && one.signer === participant && one.state === "valid",
    );
    if (own === undefined)
      findings.problems.push(`${about}: expected the participant's attestation in the manifest, actual none`);
  }
  findings.checked.push(
    "the organiser's signatures of the manifest and of each entry of the log, and each participant's of its statement",
  );
}

export function checkSettled(
  { definition, contributions }: CeremonyState,
  { problems, checked, notChecked }: Findings,
): void {
  const { committee } = definition;
  if (committee === undefined) {
    notChecked.push("attestations by keepers: the ceremony names no committee");
    return;
  }
  for (const { index, settled } of contributions)
    if (!settled)
      problems.push(`contribution ${index}: expected attestations by a quorum of ${committee.address}`);
  checked.push(
    `attestations by a quorum of the committee ${committee.address} (R48), as the chain names its members`,
  );
}
