/** The transcript of Ethereum's KZG ceremony: everybody who took part, and the powers that came out. */
import { counted } from "../../protocol/counted.ts";
import { addProblems, contributionTitle, newFindings } from "../findings.ts";
import type { Findings } from "../findings.ts";
import type { CeremonyReport, CeremonySource, ContributionReport } from "../report.ts";
import { readJson } from "./json.ts";
import type { Field } from "./json.ts";
import { pointG1 } from "./points.ts";
import { checkPowers, readPowers } from "./powers.ts";
import { inspectSetup } from "./setup.ts";
import { accountSigned, contributionDigest, identityPoint } from "./signatures.ts";
import { ceremonySizes, transcriptOf } from "./transcript.ts";
import type { SetSize, Transcript } from "./transcript.ts";
import { batchContributions, checkWitness } from "./witness.ts";
import type { LinkChecks } from "./witness.ts";

export type KzgOptions = {
  /** Sizes of the four sets; those of Ethereum's ceremony unless given. */
  readonly sizes?: readonly SetSize[];
  readonly onPoints?: (done: number, total: number) => void | Promise<void>;
  readonly onContribution?: (done: number, total: number) => void | Promise<void>;
};

const expectedOf: Readonly<Record<string, string>> = {
  ratio: "tau in each set to be the one before times the secret of the participant's key",
  blsSignatures: "the participant's keys to have signed the identity",
  ecdsaSignature: "the participant's account to have signed the keys",
};

/** The checks of one participant over all sets. */
function checksOf(
  { sets, ids, accountSignatures }: Transcript,
  index: number,
  links: readonly LinkChecks[],
): Record<string, boolean> {
  const checks: Record<string, boolean> = { ratio: links.every(({ ratio }) => ratio) };
  const signatures = links.flatMap(({ signature }) => signature ?? []);
  if (signatures.length > 0) checks["blsSignatures"] = signatures.every(Boolean);
  const signature = (accountSignatures[index] as Field).text();
  if (signature === "") return checks;
  const keys = sets.map(({ size, keys: list }) => ({
    numG1Powers: size.g1,
    numG2Powers: size.g2,
    potPubkey: (list[index] as Field).text(),
  }));
  checks["ecdsaSignature"] = accountSigned(ids[index] as string, contributionDigest(keys), signature);
  return checks;
}

async function checkContributions(
  transcript: Transcript,
  findings: Findings,
  { onContribution }: KzgOptions,
): Promise<ContributionReport[]> {
  const { sets, ids } = transcript;
  const out: ContributionReport[] = [];
  for (let from = 1; from < ids.length; from += batchContributions) {
    const to = Math.min(ids.length, from + batchContributions);
    const messages = ids.slice(from, to).map(identityPoint);
    const batch = sets.map((set) => checkWitness(set, from, to, messages));
    for (let index = from; index < to; index++) {
      const links = batch.map((list) => list[index - from] as LinkChecks);
      const checks = checksOf(transcript, index, links);
      const name = ids[index] === "" ? undefined : ids[index];
      const ok = addProblems(findings, contributionTitle(index, name), checks, expectedOf);
      // No hash is published in this ceremony: participants look for their identity.
      out.push({ index, name, hash: undefined, ok, checks });
    }
    await onContribution?.(to - 1, ids.length - 1);
  }
  return out;
}

/** The powers, and whether they are those of the last contribution. */
async function checkSets({ sets }: Transcript, findings: Findings, { onPoints }: KzgOptions): Promise<void> {
  const total = sets.reduce((sum, { size }) => sum + size.g1, 0);
  let before = 0;
  for (const { size, g1Powers, g2Powers, products } of sets) {
    const start = before;
    const powers = await readPowers(g1Powers, g2Powers, (done) => onPoints?.(start + done, total));
    before += size.g1;
    const name = `the ${size.g1} powers`;
    const isLast = powers.g1[1]?.equals(pointG1(products.at(-1) as Field)) === true;
    const checks = [
      ...checkPowers(powers, name),
      [`tau of ${name} is that of the last contribution`, isLast] as const,
    ];
    for (const [sentence, holds] of checks) {
      findings.checked.push(sentence);
      if (!holds) findings.problems.push(`expected that ${sentence}, actual: it is not so`);
    }
  }
}

function addLimits(contributions: readonly ContributionReport[], { checked, notChecked }: Findings): void {
  const count = (check: string): number => contributions.filter(({ checks }) => check in checks).length;
  const [bls, ecdsa] = [count("blsSignatures"), count("ecdsaSignature")];
  const all = contributions.length;
  checked.push(
    `${counted(all, "contribution")}: the ratio of each to the one before`,
    `signatures of identities by the secrets of ${counted(bls, "participant")}`,
    `signatures of keys by the accounts of ${counted(ecdsa, "participant")}`,
  );
  if (all > ecdsa)
    notChecked.push(
      `who made ${counted(all - ecdsa, "contribution")} without an account's signature: the sequencer says so alone`,
    );
  if (all > bls)
    notChecked.push(
      `whether ${counted(all - bls, "participant")} knew the secrets: nothing was signed with them`,
    );
}

/**
 * Reads and verifies a transcript with all its points, or the small `trusted_setup.json` that was made from it.
 * @throws CeremonyFileError if the file is not what the ceremony's schema demands
 */
export async function inspectKzg(source: CeremonySource, options: KzgOptions = {}): Promise<CeremonyReport> {
  const root = await readJson(source);
  if (root.has("g1_lagrange")) return inspectSetup(root, options);
  const transcript = transcriptOf(root, options.sizes ?? ceremonySizes);
  const findings = newFindings();
  const contributions = await checkContributions(transcript, findings, options);
  await checkSets(transcript, findings, options);
  addLimits(contributions, findings);
  return {
    kind: "kzg-ceremony",
    curve: "bls12-381",
    power: undefined,
    contributions,
    beacon: undefined,
    ...findings,
    ok: findings.problems.length === 0,
  };
}
