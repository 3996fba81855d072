/** package.json of each tarball, from the manifests in this repository. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../paths.ts";
import { clientPackage, commandFile, commandPackage, contractsPackage, engines } from "./packages.ts";
import type { CodePackage } from "./packages.ts";
import type { RootManifest } from "./shrinkwrap.ts";

type SourceManifest = RootManifest & { readonly description: string; readonly license: string };

export async function readManifest(path: string): Promise<SourceManifest> {
  return JSON.parse(await readFile(join(projectRoot, path), "utf8")) as SourceManifest;
}

/** The commit that is built; npm's own field for it. Undefined outside a git clone. */
async function gitHead(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: projectRoot });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/** @param needed packages that the built files import, of those that the manifest declares */
export function dependenciesOf(
  { dependencies }: RootManifest,
  { name, loadedByName }: CodePackage,
  needed: readonly string[],
): Record<string, string> {
  const names = [...needed, ...Object.keys(loadedByName)].sort();
  const missing = names.filter((each) => !Object.hasOwn(dependencies, each));
  if (missing.length > 0) {
    throw new Error(
      `${name} imports ${missing.join(", ")}: expected among the dependencies of its package.json, actual not`,
    );
  }
  return Object.fromEntries(names.map((each) => [each, dependencies[each] as string]));
}

/** Fields that all tarballs have in common. */
async function common(version: string): Promise<object> {
  const head = await gitHead();
  const { license } = await readManifest("package.json");
  return { version, license, type: "module", ...(head === undefined ? {} : { gitHead: head }) };
}

export async function clientManifest(version: string, dependencies: Record<string, string>): Promise<object> {
  const { name, description } = await readManifest(clientPackage.manifest);
  const exports = {
    ".": { types: "./client/index.d.ts", default: "./client/index.js" },
    "./package.json": "./package.json",
  };
  return {
    name,
    description,
    ...(await common(version)),
    types: "./client/index.d.ts",
    exports,
    sideEffects: false,
    dependencies,
    engines: { node: engines[name] },
  };
}

export async function commandManifest(
  version: string,
  dependencies: Record<string, string>,
): Promise<RootManifest> {
  const { name, description } = await readManifest(commandPackage.manifest);
  const rest = {
    description,
    ...(await common(version)),
    bin: { whitepay: commandFile },
    exports: { "./package.json": "./package.json" },
    engines: { node: engines[name] },
  };
  return { name, version, ...rest, dependencies };
}

export async function contractsManifest(version: string): Promise<object> {
  const { dependencies } = await readManifest("package.json");
  const library = "@openzeppelin/contracts";
  return {
    name: contractsPackage.name,
    description: "The contracts of WhitePay: Solidity sources, ABI and bytecode",
    ...(await common(version)),
    dependencies: { [library]: dependencies[library] },
  };
}
