/** The input of source verification: the compiler's standard JSON, with the exact settings, of each contract. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AbiCoder } from "ethers";
import { writeOutput } from "../console/output-file.ts";
import {
  argumentsOf,
  deployerArguments,
  partNames,
  type Compiled,
  type Layout,
  type SystemCode,
} from "./system.ts";

type BuildInfo = { readonly solcLongVersion: string; readonly input: object };

/** What a verification service asks for beside the input. */
export type Verification = {
  readonly address: string;
  /** Source and name, as in "project/contracts/Lens.sol:Lens". */
  readonly contract: string;
  readonly compiler: string;
  /** ABI-encoded, without 0x. */
  readonly constructorArguments: string;
  /** File name of the standard JSON input. */
  readonly input: string;
};

function argumentsHex(compiled: Compiled, code: SystemCode, layout: Layout): string {
  if (compiled === code.deployer) return deployerArguments(code).slice(2);
  const name = partNames.find((part) => code.parts[part] === compiled);
  const args = name === undefined ? [] : argumentsOf(name, layout);
  return AbiCoder.defaultAbiCoder()
    .encode(
      args.map(() => "address"),
      args,
    )
    .slice(2);
}

/** Writes NAME.json for each contract, and contracts.json with what else a service asks for. */
export async function writeVerification(
  folder: string,
  code: SystemCode,
  layout: Layout,
): Promise<Verification[]> {
  await mkdir(folder, { recursive: true });
  const all: Verification[] = [];
  for (const compiled of [code.deployer, ...partNames.map((name) => code.parts[name])]) {
    const path = join(code.folder, "build-info", `${compiled.buildInfoId}.json`);
    const { input, solcLongVersion } = JSON.parse(await readFile(path, "utf8")) as BuildInfo;
    const file = `${compiled.name}.json`;
    await writeOutput(join(folder, file), `${JSON.stringify(input)}\n`);
    const name = partNames.find((part) => part === compiled.name);
    all.push({
      address: name === undefined ? layout.deployer : layout.parts[name],
      contract: `${compiled.source}:${compiled.name}`,
      compiler: `v${solcLongVersion}`,
      constructorArguments: argumentsHex(compiled, code, layout),
      input: file,
    });
  }
  await writeOutput(join(folder, "contracts.json"), `${JSON.stringify(all, null, 2)}\n`);
  return all;
}
