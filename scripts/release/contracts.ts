/** The package of the contracts: their sources, and the ABI and bytecode of each as JSON. */
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { compileContracts } from "../contracts/compile.ts";
import { projectRoot } from "../paths.ts";
import { contractsPackage } from "./packages.ts";

type Artifact = {
  readonly contractName: string;
  readonly sourceName: string;
  readonly abi: readonly unknown[];
  readonly bytecode: string;
  readonly deployedBytecode: string;
};

/** Copies the sources and writes abi/NAME.json for each contract and interface of them; the folder is the package's root. */
export async function stageContracts(folder: string): Promise<void> {
  await compileContracts();
  const artifacts = join(process.env["WHITEPAY_ARTIFACTS"] ?? join(projectRoot, "artifacts"), "contracts");
  await mkdir(join(folder, "abi"), { recursive: true });
  for (const source of await contractSources()) {
    await cp(join(projectRoot, "contracts", source), join(folder, source));
    for (const name of await readdir(join(artifacts, source))) {
      if (!/^\w+\.json$/.test(name)) continue;
      const { contractName, abi, bytecode, deployedBytecode } = JSON.parse(
        await readFile(join(artifacts, source, name), "utf8"),
      ) as Artifact;
      const sourceName = `${contractsPackage.name}/${source}`;
      const document = { contractName, sourceName, abi, bytecode, deployedBytecode };
      await writeFile(join(folder, "abi", `${basename(name, ".json")}.json`), JSON.stringify(document));
    }
  }
  await cp(join(projectRoot, "contracts/SPEC.md"), join(folder, "README.md"));
}

/** The .sol files of the package, from contracts/. */
async function contractSources(): Promise<string[]> {
  const files = await readdir(join(projectRoot, "contracts"), { recursive: true });
  return files
    .filter((file) => file.endsWith(".sol"))
    .filter((file) => !contractsPackage.without.some((part) => file.startsWith(`${part}/`)))
    .sort();
}
