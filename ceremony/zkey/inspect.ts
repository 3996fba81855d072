/** `.zkey` files of snarkjs: who contributed to phase 2 of a circuit. */
import { findBeacon, withOrigin } from "../beacon/beacon-report.ts";
import type { BeaconOptions } from "../beacon/beacon-report.ts";
import type { PointG1 } from "../curves.ts";
import { counted } from "../../protocol/counted.ts";
import { addProblems, contributionTitle, newFindings } from "../findings.ts";
import type { Findings } from "../findings.ts";
import { pairFromSeed } from "../key-proof.ts";
import { CeremonyFileError } from "../report.ts";
import type { BeaconReport, CeremonyReport, CeremonySource, ContributionReport } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { sectionOf } from "../sections.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { Phase2Chain, contributionHash, maxSectionBytes, readPhase2 } from "./contributions.ts";
import type { Phase2 } from "./contributions.ts";
import { readZkey } from "./header.ts";
import type { ZkeyHeader } from "./header.ts";

export type ZkeyOptions = BeaconOptions & {
  readonly onContribution?: (done: number, total: number) => void | Promise<void>;
};

const contributionsId = 10;

const expectedOf: Readonly<Record<string, string>> = {
  transcript: "the hash of the circuit, all keys before and its own pair",
  keyDelta: "a proof of the secret for this transcript",
  delta: "delta to be the one before times the contributor's secret",
  beaconKey: "the key that the beacon's value gives",
};

type Chain = { readonly contributions: ContributionReport[]; readonly beacon: BeaconReport | undefined };

async function checkChain(
  { curve }: ZkeyHeader,
  { circuitHash, contributions: list }: Phase2,
  options: ZkeyOptions,
  findings: Findings,
): Promise<Chain> {
  const chain = new Phase2Chain(curve, circuitHash);
  const contributions: ContributionReport[] = [];
  let last: BeaconReport | undefined;
  for (const [i, contribution] of list.entries()) {
    const { name, beacon, s, sx } = contribution;
    const checks = chain.next(contribution);
    const title = contributionTitle(i + 1, name);
    if (beacon) {
      const compare = (seed: Uint8Array): boolean => {
        const pair = pairFromSeed(curve, seed);
        return pair.s.equals(s) && pair.sx.equals(sx);
      };
      const { report, isKey } = await findBeacon(beacon, compare, options);
      if (isKey === undefined) findings.notChecked.push(`the beacon of ${title}: ${report.detail}`);
      else checks["beaconKey"] = isKey;
      last = report;
    }
    const ok = addProblems(findings, title, checks, expectedOf);
    const hash = toHex(contributionHash(curve, contribution));
    contributions.push({ index: i + 1, name, hash, ok, checks });
    await options.onContribution?.(i + 1, list.length);
  }
  return { contributions, beacon: last };
}

/** The key's delta is that of the last contribution, in both groups. */
function checkDelta(
  { curve, delta1, delta2 }: ZkeyHeader,
  last: PointG1,
  { checked, problems }: Findings,
): void {
  const checks = [
    ["delta in G1 is that of the last contribution", delta1.equals(last)],
    ["delta in G2 is the same as in G1", sameRatio(curve, [curve.G1.base, delta1], [curve.G2.base, delta2])],
  ] as const;
  for (const [sentence, holds] of checks) {
    checked.push(sentence);
    if (!holds) problems.push(`expected that ${sentence}, actual: it is another`);
  }
}

/**
 * Reads head and contributions; of the points of the circuit only the sizes.
 * @throws CeremonyFileError if the file is not what its format demands
 */
export async function inspectZkey(
  source: CeremonySource,
  options: ZkeyOptions = {},
): Promise<CeremonyReport> {
  const { sections, header } = await readZkey(source);
  const { curve, domainSize } = header;
  const { start, bytes } = sectionOf(source, sections, contributionsId);
  if (bytes > maxSectionBytes(curve))
    throw new CeremonyFileError(`${source.name}: size of section ${contributionsId}`, {
      expected: `at most ${maxSectionBytes(curve)} bytes`,
      actual: `${bytes}`,
    });
  const phase2 = readPhase2(curve, await source.read(start, bytes), source.name);
  const last = phase2.contributions.at(-1);
  if (!last)
    throw new CeremonyFileError(`${source.name}: contributions`, {
      expected: "at least one",
      actual: "none: everybody knows the secret of this key",
    });
  const findings = newFindings();
  const chain = await checkChain(header, phase2, options, findings);
  findings.checked.push(
    "sizes and order of all sections",
    `${counted(phase2.contributions.length, "contribution")}: hashes, proofs of the secret, and the ratio of each delta to the one before`,
  );
  checkDelta(header, last.deltaAfter, findings);
  findings.notChecked.push(
    `that the key is that of a circuit: the hash ${toHex(phase2.circuitHash)} and the points of the key need the circuit and the file of phase 1`,
    "that the sections 8 and 9 were divided by delta: this needs the key before the first contribution",
    "the contributors' names: no hash binds them",
  );
  const beacon = withOrigin(chain.beacon, options, findings);
  return {
    kind: "zkey",
    curve: curve.name,
    power: Math.log2(domainSize),
    contributions: chain.contributions,
    beacon,
    ...findings,
    ok: findings.problems.length === 0,
  };
}
