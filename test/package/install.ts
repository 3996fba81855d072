/** Installs a tarball into an empty project: its files from the tarball, its dependencies as links into this repository. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { buildPackage, currentVersion, type PackageKind } from "../../scripts/release/build.ts";
import {
  clientPackage,
  commandPackage,
  contractsPackage,
  tarballName,
} from "../../scripts/release/packages.ts";
import { projectRoot } from "../../scripts/paths.ts";

export const run = promisify(execFile);

export type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly engines?: { readonly node: string };
  readonly gitHead?: string;
};

export type Installed = {
  /** The project that the package is installed into. */
  readonly project: string;
  /** The package's own folder there. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Paths in the tarball, from the package's root. */
  readonly files: readonly string[];
};

const names = {
  client: clientPackage.name,
  command: commandPackage.name,
  contracts: contractsPackage.name,
} as const satisfies Record<PackageKind, string>;

/** The release names the folder of its own tarballs: then these are tested, and nothing is built. */
const releaseFolder = process.env["WHITEPAY_PACKAGES"];

async function tarball(kind: PackageKind, folder: string): Promise<string> {
  if (releaseFolder === undefined) {
    return (await buildPackage(kind, await currentVersion(), join(folder, "tarballs"))).tarball;
  }
  const pattern = tarballName(names[kind], "[0-9]*");
  const [name, ...others] = globSync(pattern, { cwd: releaseFolder });
  if (name === undefined || others.length > 0) {
    throw new Error(
      `${releaseFolder}: expected one file ${pattern}, actual ${name === undefined ? 0 : others.length + 1}`,
    );
  }
  return join(releaseFolder, name);
}

/** Whether a version is in a range: exact, or `^` with a least version of the same major. */
function satisfies(version: string, range: string): boolean {
  const numbers = (text: string): number[] => text.split(".").map(Number);
  if (!range.startsWith("^")) return version === range.replace(/^npm:.*@/, "");
  const [wanted, actual] = [numbers(range.slice(1)), numbers(version)];
  if (wanted[0] !== actual[0]) return false;
  const at = wanted.findIndex((each, index) => each !== actual[index]);
  return at === -1 || (actual[at] as number) > (wanted[at] as number);
}

/** Links a dependency, if this repository has it in a version that the package accepts. */
async function link(project: string, name: string, range: string): Promise<void> {
  const source = join(projectRoot, "node_modules", name);
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as Manifest;
  if (!satisfies(version, range)) {
    throw new Error(`${name}: expected a version in ${range}, actual ${version} in node_modules`);
  }
  const place = join(project, "node_modules", name);
  await mkdir(dirname(place), { recursive: true });
  if (!existsSync(place)) await symlink(source, place);
}

/** @param folder a temporary folder of the test; several packages may share its project */
export async function install(kind: PackageKind, folder: string): Promise<Installed> {
  const file = await tarball(kind, folder);
  const project = join(folder, "project");
  const place = join(project, "node_modules", names[kind]);
  await mkdir(place, { recursive: true });
  await run("tar", ["--extract", "--gzip", "--file", file, "--directory", place, "--strip-components=1"]);
  await writeFile(join(project, "package.json"), '{ "type": "module" }');
  const { stdout } = await run("tar", ["--list", "--gzip", "--file", file]);
  const files = stdout
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""))
    .sort();
  const manifest = JSON.parse(await readFile(join(place, "package.json"), "utf8")) as Manifest;
  for (const [name, range] of Object.entries(manifest.dependencies)) await link(project, name, range);
  return { project, folder: place, manifest, files };
}

export type Node = { readonly path: string; readonly version: string };

/** Every Node of the PATH but the repository's own, in the order of the PATH. */
export function otherNodes(): Node[] {
  const own = join(projectRoot, "node_modules");
  const paths = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "node"))
    .filter((path) => !path.startsWith(own) && existsSync(path));
  return [...new Set(paths)].map((path) => ({ path, version: versionOf(path) }));
}

function versionOf(path: string): string {
  return execFileSync(path, ["--version"], { encoding: "utf8" }).trim().slice(1);
}

export const ownNode: Node = { path: process.execPath, version: process.versions.node };

/** The manifest of this repository, with the versions that everything is tested with. */
export const rootManifest = JSON.parse(
  readFileSync(join(projectRoot, "package.json"), "utf8"),
) as Manifest & {
  readonly private: boolean;
};
