/**
 * `npm run release -- VERSION [--dry-run]`: builds the packages, tests them as they are packed, writes the changelog, commits and tags.
 * It publishes nothing and pushes nothing. A dry run changes nothing but build/.
 */
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { printLine } from "../../cli/console/output.ts";
import { projectRoot } from "../paths.ts";
import { runTool } from "../tools.ts";
import { buildFolder, buildPackages } from "./build.ts";
import type { Built } from "./build.ts";
import { Repository } from "./repository.ts";

/** Runs test/package, also its long tests, on the tarballs of the release. @throws if a test fails */
async function testPackages(folder: string): Promise<void> {
  const code = await runTool({ packageName: "vitest", command: "vitest" }, ["run", "test/package"], {
    ...process.env,
    WHITEPAY_PACKAGES: folder,
    WHITEPAY_LONG: "1",
  });
  if (code !== 0) throw new Error(`the tests of the packages: expected exit code 0, actual ${code}`);
}

async function buildAndTest(version: string): Promise<Built[]> {
  const built = await buildPackages(version);
  await testPackages(buildFolder);
  return built;
}

async function release(version: string, dryRun: boolean): Promise<void> {
  const repository = new Repository(projectRoot);
  await repository.assertReady(version);
  const otherBuild = process.env["WHITEPAY_ARTIFACTS"];
  if (!dryRun && otherBuild !== undefined) {
    throw new Error(
      `WHITEPAY_ARTIFACTS: expected no other build of the contracts, actual ${otherBuild}; unset it`,
    );
  }
  const before = await repository.head();
  if (!dryRun) await repository.commitRelease(version, new Date().toISOString().slice(0, 10));
  let built: Built[];
  try {
    built = await buildAndTest(version);
    if (!dryRun) await repository.tag(version);
  } catch (error) {
    if (!dryRun) await repository.backTo(before);
    throw error;
  }
  for (const { name, tarball } of built) printLine(`${name}  build/${basename(tarball)}`);
  if (dryRun) return printLine(`dry run: the packages of ${version} hold; nothing was committed or tagged`);
  printLine(`committed and tagged v${version}; nothing was pushed or published`);
  printLine(`next: git push --follow-tags, then npm publish each tarball`);
}

const usage = "usage: npm run release -- VERSION [--dry-run]";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { "dry-run": { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const [version, ...rest] = positionals;
  if (version === undefined || rest.length > 0) throw new Error(usage);
  await release(version, values["dry-run"]);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
