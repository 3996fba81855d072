/**
 * Measures how fast all points of a Powers of Tau challenge are checked on all cores, how the time grows with the number of powers, and
 * what the checks of one contribution cost.
 * The files are made in memory first.
 *
 *   node scripts/bench/ceremony.ts [--curve bn254] [--powers 8,10,12] [--threads 2] [--json]
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkKey, checkRatios, initialPowers } from "../../ceremony/contribution.ts";
import { curves } from "../../ceremony/curves.ts";
import type { Curve, CurveName } from "../../ceremony/curves.ts";
import { keyFromSeed, proofPoints } from "../../ceremony/key-proof.ts";
import { headBytes, layoutOf } from "../../ceremony/powers-of-tau/layout.ts";
import type { SectionName } from "../../ceremony/powers-of-tau/layout.ts";
import { verifyCeremony } from "../../ceremony/readers.ts";
import { pointThreads } from "../../cli/inspect/ceremony-threads.ts";

export type CeremonyFigures = {
  readonly power: number;
  readonly points: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly pointsPerSecond: number;
};

const secrets = { tau: 1_234_567_890_123n, alpha: 3n, beta: 5n };

/** A challenge with these secrets, without a contribution before it. */
function makeChallenge(curve: Curve, power: number): Uint8Array {
  const layout = layoutOf("challenge", curve.name, power);
  const out = new Uint8Array(layout.size);
  // Not the head of a first challenge, whose points are generators.
  out.fill(1, 0, headBytes);
  const first: Readonly<Record<SectionName, bigint>> = {
    tauG1: 1n,
    tauG2: 1n,
    alphaTauG1: secrets.alpha,
    betaTauG1: secrets.beta,
    betaG2: secrets.beta,
  };
  for (const { name, group, points, start, pointBytes } of layout.sections) {
    let scalar = first[name as SectionName];
    for (let i = 0; i < points; i++) {
      const bytes =
        group === "G1"
          ? curve.G1.encode(curve.G1.base.multiplyUnsafe(scalar), "uncompressed")
          : curve.G2.encode(curve.G2.base.multiplyUnsafe(scalar), "uncompressed");
      out.set(bytes, start + i * pointBytes);
      scalar = (scalar * secrets.tau) % curve.order;
    }
  }
  return out;
}

/** @param threads cores to use. @throws Error if the ceremony that was made does not hold */
export async function measureCeremony(
  name: CurveName,
  power: number,
  threads: number,
): Promise<CeremonyFigures> {
  const bytes = makeChallenge(curves[name], power);
  const read = async (start: number, count: number): Promise<Uint8Array> =>
    Uint8Array.from(bytes.subarray(start, start + count));
  const source = { name: `challenge of 2^${power}`, size: bytes.length, read };
  const tools = { createHash: () => createHash("blake2b512"), workers: pointThreads(threads) };
  const cpu = process.cpuUsage();
  const started_ms = performance.now();
  const report = await verifyCeremony([source], { depth: "points", tools });
  const seconds = (performance.now() - started_ms) / 1000;
  const used = process.cpuUsage(cpu);
  if (!report.ok) throw new Error(`the measured ceremony does not hold: ${report.problems.join("; ")}`);
  const points = layoutOf("challenge", name, power).sections.reduce((sum, own) => sum + own.points, 0);
  return {
    power,
    points,
    bytes: bytes.length,
    seconds,
    cpuSeconds: (used.user + used.system) / 1e6,
    pointsPerSecond: points / seconds,
  };
}

const rounds = 10;

/** Milliseconds of CPU time for the eight same-ratio checks of one contribution, with the points that its key draws. */
export function measureContribution(name: CurveName): number {
  const curve = curves[name];
  const challenge = new Uint8Array(64).fill(7);
  const key = keyFromSeed(curve, challenge, new Uint8Array(32).fill(9));
  const powers = initialPowers(curve);
  const cpu = process.cpuUsage();
  for (let i = 0; i < rounds; i++) {
    const proofs = proofPoints(curve, challenge, key);
    if (!checkKey(curve, key, proofs).keyBeta) throw new Error("the measured key does not hold");
    checkRatios(curve, key, proofs, { before: powers, after: powers });
  }
  const used = process.cpuUsage(cpu);
  return (used.user + used.system) / 1000 / rounds;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      curve: { type: "string", default: "bn254" },
      powers: { type: "string", default: "8,10,12" },
      threads: { type: "string", default: String(availableParallelism()) },
      json: { type: "boolean", default: false },
    },
  });
  const name = (["bn254", "bls12-381"] as const).find((own) => own === values.curve);
  if (name === undefined) throw new Error(`--curve: expected bn254 or bls12-381, actual ${values.curve}`);
  const contribution_ms = measureContribution(name);
  const figures: CeremonyFigures[] = [];
  for (const power of values.powers.split(",").map(Number))
    figures.push(await measureCeremony(name, power, Number(values.threads)));
  if (values.json) {
    console.log(JSON.stringify({ contribution_ms, figures }));
    return;
  }
  console.log(`the eight checks of one contribution with ${name}: ${contribution_ms.toFixed(0)} ms of CPU`);
  console.log(`all points of a challenge of ${name}, ${values.threads} threads`);
  for (const [i, { power, points, seconds, cpuSeconds, pointsPerSecond }] of figures.entries()) {
    const before = figures[i - 1];
    const growth = before
      ? `, ${(cpuSeconds / before.cpuSeconds).toFixed(2)} times the CPU time for ${(points / before.points).toFixed(2)} times the points`
      : "";
    console.log(
      `2^${power}: ${points} points in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU), ${Math.round(pointsPerSecond)} points/s, ${Math.round(points / cpuSeconds)} a second of CPU${growth}`,
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
