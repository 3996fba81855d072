/** `.ptau` files of snarkjs: who contributed to Powers of Tau, and whether the file is what they made. */
import { blake2b } from "@noble/hashes/blake2.js";
import { findBeacon, withOrigin } from "../beacon/beacon-report.ts";
import type { BeaconFinding, BeaconOptions } from "../beacon/beacon-report.ts";
import { initialPowers } from "../contribution.ts";
import { curves } from "../curves.ts";
import type { Curve } from "../curves.ts";
import { counted } from "../../protocol/counted.ts";
import { addProblems, contributionTitle, newFindings } from "../findings.ts";
import type { Findings } from "../findings.ts";
import type { Tools } from "../powers-of-tau/point-stream.ts";
import { CeremonyFileError } from "../report.ts";
import type { BeaconReport, CeremonyReport, CeremonySource, ContributionReport } from "../report.ts";
import { curveOfPrime } from "../section-reader.ts";
import { readSections, sectionOf, u32At } from "../sections.ts";
import type { Section } from "../sections.ts";
import { equalBytes, toHex } from "../../storage/core/bytes.ts";
import { checkContribution, isKeyOfSeed } from "./chain.ts";
import type { Predecessor } from "./chain.ts";
import { hashBytes, maxSectionBytes, readContributions } from "./contributions.ts";
import type { PtauContribution } from "./contributions.ts";
import { firstChallengeHash, maxHashedPower } from "./first-challenge.ts";
import {
  checkAllPoints,
  checkFirstPoints,
  checkLagrangeSections,
  pointSections,
  sectionsOfPoints,
} from "./points.ts";

export type PtauOptions = BeaconOptions & {
  /** Read every point, too: the whole file, and some milliseconds a point. */
  readonly allPoints?: boolean;
  /** BLAKE2b of the ceremony's first challenge, for a ceremony whose first challenge is too large to compute. */
  readonly firstChallenge?: Uint8Array;
  readonly onContribution?: (done: number, total: number) => void | Promise<void>;
  /** For all points. */
  readonly tools?: Tools;
};

/** In this thread. */
const plainTools: Tools = { createHash: () => blake2b.create({ dkLen: hashBytes }) };

const format = { magic: "ptau", maxVersion: 1, ids: [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15] } as const;
const contributionsId = 7;
/** The greatest power for which the scalar fields of both curves have roots of unity. */
const maxPower = 32;

type Header = { readonly curve: Curve; readonly power: number; readonly ceremonyPower: number };

/** The base field's prime, whose size it begins with, then the file's and the ceremony's power. */
async function readHeader(source: CeremonySource, sections: ReadonlyMap<number, Section>): Promise<Header> {
  const { start, bytes } = sectionOf(source, sections, 1);
  const refuse = (what: string, expected: string, actual: string): CeremonyFileError =>
    new CeremonyFileError(`${source.name}: section 1: ${what}`, { expected, actual });
  const sizes = Object.values(curves).map(({ fieldBytes }) => 4 + fieldBytes + 8);
  if (!sizes.includes(bytes)) throw refuse("size", `${sizes.join(" or ")} bytes`, `${bytes}`);
  const head = await source.read(start, bytes);
  const prime = head.subarray(4, -8);
  const curve = curveOfPrime(prime);
  if (!curve || u32At(head, 0) !== curve.fieldBytes)
    throw refuse(
      "prime of the base field",
      "that of BN254 or BLS12-381",
      `${toHex(prime)}, the lowest byte first`,
    );
  const [power, ceremonyPower] = [u32At(head, bytes - 8), u32At(head, bytes - 4)];
  if (ceremonyPower < 1 || ceremonyPower > maxPower)
    throw refuse("power of the ceremony", `1 to ${maxPower}`, `${ceremonyPower}`);
  if (power < 1 || power > ceremonyPower) throw refuse("power", `1 to ${ceremonyPower}`, `${power}`);
  return { curve, power, ceremonyPower };
}

type Chain = { readonly contributions: ContributionReport[]; readonly beacon: BeaconReport | undefined };

async function beaconOf(
  curve: Curve,
  challenge: Uint8Array | undefined,
  contribution: PtauContribution,
  options: BeaconOptions,
): Promise<BeaconFinding | undefined> {
  if (!contribution.beacon) return undefined;
  const compare =
    challenge === undefined
      ? "the hash of its challenge is not known"
      : (seed: Uint8Array) => isKeyOfSeed(curve, challenge, contribution, seed);
  return findBeacon(contribution.beacon, compare, options);
}

async function checkChain(
  { curve, ceremonyPower }: Header,
  list: readonly PtauContribution[],
  options: PtauOptions,
  findings: Findings,
): Promise<Chain> {
  const { notChecked } = findings;
  const first = options.firstChallenge ?? firstChallengeHash(curve, ceremonyPower);
  if (first === undefined)
    notChecked.push(
      `the first contributor's key and its powers in G1: they need the hash of the first challenge, which is computed up to 2^${maxHashedPower} powers`,
    );
  let before: Predecessor = { powers: initialPowers(curve), challenge: first };
  const contributions: ContributionReport[] = [];
  let last: BeaconReport | undefined;
  for (const [i, contribution] of list.entries()) {
    const checks = checkContribution(curve, ceremonyPower, before, contribution);
    const { name, responseHash, nextChallenge } = contribution;
    const beacon = await beaconOf(curve, before.challenge, contribution, options);
    const title = contributionTitle(i + 1, name);
    if (beacon?.isKey !== undefined) checks["beaconKey"] = beacon.isKey;
    else if (beacon) notChecked.push(`the beacon of ${title}: ${beacon.report.detail}`);
    last = beacon?.report ?? last;
    const ok = addProblems(findings, title, checks, expectedOf);
    contributions.push({ index: i + 1, name, hash: toHex(responseHash), ok, checks });
    before = { powers: contribution, challenge: nextChallenge };
    await options.onContribution?.(i + 1, list.length);
  }
  return { contributions, beacon: last };
}

/** What each check expects. */
const expectedOf: Readonly<Record<string, string>> = {
  keyTau: "a proof of the secret tau for this challenge",
  keyAlpha: "a proof of the secret alpha for this challenge",
  keyBeta: "a proof of the secret beta for this challenge",
  tauG1: "tau in G1 to be the one before times the contributor's secret",
  tauG2: "tau in G2 to be the one before times the contributor's secret",
  alphaG1: "alpha in G1 to be the one before times the contributor's secret",
  betaG1: "beta in G1 to be the one before times the contributor's secret",
  betaG2: "beta in G2 to be the one before times the contributor's secret",
  hashState:
    "the stored state of the response's hash to have the ceremony's length and to end with beta in G2",
  beaconKey: "the key that the beacon's value gives",
};

const unknownChallenge = (hash: Uint8Array): boolean => hash.every((byte) => byte === 0xff);

/** What the points show beyond the chain. */
async function checkPoints(
  source: CeremonySource,
  sections: ReadonlyMap<number, Section>,
  { curve, power, ceremonyPower }: Header,
  last: PtauContribution,
  { allPoints = false, tools = plainTools }: PtauOptions,
  { checked, notChecked, problems }: Findings,
): Promise<void> {
  const add = (checks: ReadonlyMap<string, boolean>): void => {
    for (const [sentence, holds] of checks) {
      checked.push(sentence);
      if (!holds) problems.push(`points: expected that ${sentence}, actual: it is not so`);
    }
  };
  if (!pointSections.some((id) => sections.has(id))) {
    notChecked.push(
      "the powers: the file has no points, so only the chain of keys is shown, not the binding of all points",
    );
    return;
  }
  const points = sectionsOfPoints(source, sections, curve, power);
  add(await checkFirstPoints(curve, source, points, last));
  if (!allPoints) {
    notChecked.push("the other points: only the first of each section were read");
    return;
  }
  const { checks, challenge } = await checkAllPoints(curve, source, points, last, tools);
  add(checks);
  if (power < ceremonyPower)
    notChecked.push(
      `the hash over all points: the file has 2^${power} of the ceremony's 2^${ceremonyPower} powers, so the points are bound by their ratios alone`,
    );
  else if (!unknownChallenge(last.nextChallenge))
    add(
      new Map([
        [
          "all points have the hash that the last contribution states",
          equalBytes(challenge, last.nextChallenge),
        ],
      ]),
    );
}

function addLimits(list: readonly PtauContribution[], hasLagrange: boolean, { notChecked }: Findings): void {
  const last = list.at(-1) as PtauContribution;
  notChecked.push(
    "the hashes of the responses before the last: the file has the state of each hash, not the points; compare them with the published ones",
    "the contributors' names: no hash binds them",
  );
  if (unknownChallenge(last.nextChallenge))
    notChecked.push("the hash of the next challenge: the file does not have it");
  if (hasLagrange)
    notChecked.push("the points prepared for phase 2 (sections 12 to 15): only their sizes were compared");
}

/**
 * Reads header, contributions and first points, and with `allPoints` everything.
 * @throws CeremonyFileError if the file is not what its format demands
 */
export async function inspectPtau(
  source: CeremonySource,
  options: PtauOptions = {},
): Promise<CeremonyReport> {
  const sections = await readSections(source, format);
  const header = await readHeader(source, sections);
  const { curve, power, ceremonyPower } = header;
  const { start, bytes } = sectionOf(source, sections, contributionsId);
  if (bytes > maxSectionBytes(curve))
    throw new CeremonyFileError(`${source.name}: size of section ${contributionsId}`, {
      expected: `at most ${maxSectionBytes(curve)} bytes`,
      actual: `${bytes}`,
    });
  const list = readContributions(curve, await source.read(start, bytes), source.name);
  const last = list.at(-1);
  if (!last)
    throw new CeremonyFileError(`${source.name}: contributions`, {
      expected: "at least one",
      actual: "none: everybody knows the secrets of this file",
    });
  const hasLagrange = checkLagrangeSections(source, sections, curve, power);
  const findings = newFindings();
  findings.checked.push("sizes and order of all sections");
  const chain = await checkChain(header, list, options, findings);
  findings.checked.push(
    `${counted(list.length, "contribution")}: proofs of the secrets, and the ratio of each to the one before`,
  );
  await checkPoints(source, sections, header, last, options, findings);
  addLimits(list, hasLagrange, findings);
  const beacon = withOrigin(chain.beacon, options, findings);
  if (power < ceremonyPower) findings.checked.push(`2^${power} of the ceremony's 2^${ceremonyPower} powers`);
  return {
    kind: "ptau",
    curve: curve.name,
    power,
    contributions: chain.contributions,
    beacon,
    ...findings,
    ok: findings.problems.length === 0,
  };
}
