/** Ceremonies that snarkjs makes. It runs as a process of its own in a scratch folder: it is GPL-3.0, and no code of ours imports it. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../../../scripts/paths.ts";
import type { CurveName } from "../../../ceremony/curves.ts";

const script = join(projectRoot, "node_modules/snarkjs/build/cli.cjs");
const run = promisify(execFile);

/** A command of snarkjs in the folder. */
export async function snarkjs(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [script, ...args], { cwd: folder });
  return stdout;
}

export type SnarkjsChain = { readonly folder: string; remove(): Promise<void> };

/** Makes challenge_0001, response_0001, pot_0001.ptau, challenge_0002 and so on; one more challenge than contributions. */
export async function snarkjsChain(
  curve: CurveName,
  { power, contributions }: { readonly power: number; readonly contributions: number },
): Promise<SnarkjsChain> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-ceremony-"));
  const name = curve === "bn254" ? "bn128" : curve;
  const of = (i: number): string => String(i).padStart(4, "0");
  await snarkjs(folder, "powersoftau", "new", name, String(power), "pot_0000.ptau");
  for (let i = 1; i <= contributions; i++) {
    const [challenge, response] = [`challenge_${of(i)}`, `response_${of(i)}`];
    await snarkjs(folder, "powersoftau", "export", "challenge", `pot_${of(i - 1)}.ptau`, challenge);
    await snarkjs(
      folder,
      "powersoftau",
      "challenge",
      "contribute",
      name,
      challenge,
      response,
      `-e=text ${i}`,
    );
    const files = [`pot_${of(i - 1)}.ptau`, response, `pot_${of(i)}.ptau`];
    await snarkjs(folder, "powersoftau", "import", "response", ...files, `-n=contributor ${i}`);
  }
  const last = `challenge_${of(contributions + 1)}`;
  await snarkjs(folder, "powersoftau", "export", "challenge", `pot_${of(contributions)}.ptau`, last);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
