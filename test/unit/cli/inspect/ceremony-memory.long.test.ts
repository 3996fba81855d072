/**
 * Memory of `inspect ceremony` for a response of 1.6 GB, beside one of a few kilobytes. The large file has right witnesses and zeros (holes) for
 * all other points: hashing does not look at points.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeSparse } from "../../../support/archive/sparse-bytes.ts";
import { makeWitnessChain } from "../../../support/ceremony/witness-chain.ts";
import { runCli } from "../../../support/cli.ts";
import { temporaryFolder } from "../../../support/files.ts";

/** The response of the first contribution. */
async function responseFile(folder: string, power: number): Promise<{ path: string; size: number }> {
  const chain = await makeWitnessChain("bn254", {
    power,
    contributions: 1,
    // The head is made up: as its challenge is not given, it is taken as it is.
    hashOf: async () => new Uint8Array(64).fill(7),
  });
  const response = chain.find(({ kind }) => kind === "response");
  if (response === undefined) throw new Error("the chain has no response");
  const path = join(folder, `response-${power}`);
  await writeSparse(path, response);
  return { path, size: response.size };
}

it("does not grow with the file", { timeout: 600_000 }, async () => {
  const folder = await temporaryFolder();
  const hook = join(folder, "hook.mjs");
  await writeFile(
    hook,
    `import { writeFileSync } from "node:fs";
     process.on("exit", () => writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS)));`,
  );
  const peak_MB = async (path: string, depth: string): Promise<number> => {
    const peak = join(folder, `peak-${depth}`);
    const env = { NODE_OPTIONS: `--import=${hook}`, PEAK_FILE: peak };
    const { code, stdout } = await runCli(["inspect", "ceremony", path, "--depth", depth, "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    expect(code).toBe(0);
    return (Number(await readFile(peak, "utf8")) * 1024) / 1e6;
  };
  const [small, large] = [await responseFile(folder, 4), await responseFile(folder, 23)];
  expect(large.size).toBeGreaterThan(1.6e9);
  for (const depth of ["keys", "hashes"]) {
    const [ofSmall, ofLarge] = [await peak_MB(small.path, depth), await peak_MB(large.path, depth)];
    console.info(
      `--depth ${depth}: ${ofLarge.toFixed(0)} MB for a file of ${(large.size / 1e9).toFixed(2)} GB, ` +
        `${ofSmall.toFixed(0)} MB for one of ${small.size} bytes: ${(ofLarge / ofSmall).toFixed(2)} times`,
    );
    // Buffers of 4 MB wait for the collector, so the peak is above that of a small file, but far below the large one.
    expect(ofLarge).toBeLessThan(2 * ofSmall);
  }
});
