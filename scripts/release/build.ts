/** Builds the three packages into build/: a staged folder and a tarball of each. `npm run build` calls it. */
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { readSystemCode } from "../../cli/deploy/system.ts";
import { compileContracts } from "../contracts/compile.ts";
import { dashboardFolders, projectRoot } from "../paths.ts";
import { stageContracts } from "./contracts.ts";
import { emit } from "./emit.ts";
import {
  clientManifest,
  commandManifest,
  contractsManifest,
  dependenciesOf,
  readManifest,
} from "./manifests.ts";
import { clientPackage, commandPackage, contractsPackage, tarballName, commandFile } from "./packages.ts";
import type { CodePackage } from "./packages.ts";
import { reachOf } from "./reach.ts";
import { shrinkwrapOf } from "./shrinkwrap.ts";
import type { LockFile } from "./shrinkwrap.ts";

const run = promisify(execFile);

/** The folder that git ignores; the release and the container file look there. */
export const buildFolder = join(projectRoot, "build");

export type Built = { readonly name: string; readonly tarball: string };

const names = { client: clientPackage.name, command: commandPackage.name, contracts: contractsPackage.name };
export type PackageKind = keyof typeof names;
const packageKinds = Object.keys(names) as PackageKind[];

const builtName = (entry: string): string => entry.replace(/\.ts$/, ".js");

/** Copies what the entries of the package reach; returns the packages that those files import. */
async function stageModules(emitted: string, staged: string, what: CodePackage): Promise<string[]> {
  const entries = what.entries.map(builtName);
  const scripts = await reachOf(emitted, entries);
  const declarations = what.declarations
    ? await reachOf(
        emitted,
        entries.map((entry) => entry.replace(/\.js$/, ".d.ts")),
      )
    : { files: [], packages: [] };
  for (const file of [...scripts.files, ...declarations.files]) {
    await cp(join(emitted, file), join(staged, file));
  }
  return [...new Set([...scripts.packages, ...declarations.packages])];
}

async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

async function stageClient(work: string, staged: string, version: string): Promise<void> {
  const emitted = join(work, "emitted-client");
  const { entries } = clientPackage;
  await emit({ config: "tsconfig.json", entries, folder: emitted, declarations: true });
  const needed = await stageModules(emitted, staged, clientPackage);
  const dependencies = dependenciesOf(await readManifest(clientPackage.manifest), clientPackage, needed);
  await writeJson(join(staged, "package.json"), await clientManifest(version, dependencies));
  await cp(join(projectRoot, "docs/library.md"), join(staged, "README.md"));
}

async function stageCommand(work: string, staged: string, version: string): Promise<void> {
  const emitted = join(work, "emitted-command");
  const entries = [...commandPackage.entries, ...workerModules()];
  await emit({ config: "tsconfig.json", entries, folder: emitted, declarations: false });
  const needed = await stageModules(emitted, staged, { ...commandPackage, entries });
  for (const folder of dashboardFolders) await stageDashboard(work, staged, folder);
  await stageDeployment(staged);
  for (const file of assetsOf(commandPackage)) await cp(join(projectRoot, file), join(staged, file));
  await chmod(join(staged, commandFile), 0o755);
  const dependencies = dependenciesOf(await readManifest(commandPackage.manifest), commandPackage, needed);
  const manifest = await commandManifest(version, dependencies);
  await writeJson(join(staged, "package.json"), manifest);
  const lock = JSON.parse(await readFile(join(projectRoot, "package-lock.json"), "utf8")) as LockFile;
  await writeJson(join(staged, "npm-shrinkwrap.json"), shrinkwrapOf(lock, manifest));
  await cp(join(projectRoot, "README.md"), join(staged, "README.md"));
}

/** Modules that run as worker threads: they are started by URL, with the extension of the file that starts them. */
function workerModules(): string[] {
  const started = /new URL\(`(\.[^`$]*)\$\{extname\(import\.meta\.filename\)\}`, import\.meta\.url\)/g;
  return globSync("{cli,daemon,keeper,provider,sim,storage}/**/*.ts", { cwd: projectRoot }).flatMap((file) =>
    [...readFileSync(join(projectRoot, file), "utf8").matchAll(started)].map(([, path = ""]) =>
      posix.join(posix.dirname(file), `${path}.ts`),
    ),
  );
}

async function stageDashboard(work: string, staged: string, folder: string): Promise<void> {
  const emitted = join(work, "emitted", folder);
  // A page may have workers, which it starts by URL.
  const entries = globSync(`${folder}/{app,worker,*-worker}.ts`, { cwd: projectRoot });
  await emit({ config: `${folder}/tsconfig.json`, entries, folder: emitted, declarations: false });
  const { files } = await reachOf(emitted, entries.map(builtName));
  for (const file of files) await cp(join(emitted, file), join(staged, file));
}

/** What `whitepay deploy` needs: the compiled contracts, and the compiler's input of each for source verification. */
async function stageDeployment(staged: string): Promise<void> {
  await compileContracts();
  const { deployer, parts, folder } = await readSystemCode(
    process.env["WHITEPAY_ARTIFACTS"] ?? join(projectRoot, "artifacts"),
  );
  for (const { name, buildInfoId } of [deployer, ...Object.values(parts)]) {
    for (const file of [`contracts/${name}.sol/${name}.json`, `build-info/${buildInfoId}.json`]) {
      await cp(join(folder, file), join(staged, "artifacts", file));
    }
  }
}

/** @throws if a pattern finds no file */
function assetsOf({ name, assets }: CodePackage): string[] {
  return assets.flatMap((pattern) => {
    const files = globSync(pattern, { cwd: projectRoot });
    if (files.length === 0) throw new Error(`${name}: expected files at ${pattern}, actual none`);
    return files.sort();
  });
}

async function stageContractsPackage(staged: string, version: string): Promise<void> {
  await stageContracts(staged);
  await writeJson(join(staged, "package.json"), await contractsManifest(version));
}

/**
 * Builds one package.
 * @param folder where the tarball goes
 */
export async function buildPackage(kind: PackageKind, version: string, folder: string): Promise<Built> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, ".work-"));
  try {
    const staged = join(work, "package");
    await mkdir(staged);
    if (kind === "client") await stageClient(work, staged, version);
    else if (kind === "command") await stageCommand(work, staged, version);
    else await stageContractsPackage(staged, version);
    await cp(join(projectRoot, "LICENSE"), join(staged, "LICENSE"));
    for (const old of globSync(tarballName(names[kind], "[0-9]*"), { cwd: folder }))
      await rm(join(folder, old));
    const args = ["pack", staged, "--pack-destination", folder, "--ignore-scripts", "--silent"];
    await run("npm", args, { cwd: work });
    return { name: names[kind], tarball: join(folder, tarballName(names[kind], version)) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function currentVersion(): Promise<string> {
  return (await readManifest("package.json")).version;
}

/** One after the other, so that the compilers do not share the cores. */
export async function buildPackages(version: string, folder = buildFolder): Promise<Built[]> {
  const built: Built[] = [];
  for (const kind of packageKinds) built.push(await buildPackage(kind, version, folder));
  return built;
}
