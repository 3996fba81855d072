/** The contracts, compiled when needed, and their deployment. */
import { existsSync, readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Contract, ContractFactory, type InterfaceAbi, type Signer } from "ethers";
import { projectRoot } from "./paths.ts";

export type Artifact = { abi: InterfaceAbi; bytecode: string };

/** What a network of groups needs; all contracts are connected to the signer that deployed them. */
export type System = { registry: Contract; factory: Contract };
export type Deployment = System & { token: Contract };

/** The source below contracts/ of an artifact, where it is not a file of the same name at its top. */
const sources: Readonly<Record<string, string>> = {
  DemoToken: "demo/DemoToken",
  IUpkeeping: "interfaces/IUpkeeping",
  IRegistry: "interfaces/IRegistry",
  IUpkeepingFactory: "interfaces/IUpkeepingFactory",
  BLSHarness: "harness/BLSHarness",
  FeeToken: "harness/HostileTokens",
  ReentrantToken: "harness/HostileTokens",
  FalseToken: "harness/HostileTokens",
  SilentToken: "harness/HostileTokens",
  HostilePayee: "harness/HostileTokens",
  GasPriceOracleHarness: "harness/GasPriceOracleHarness",
  EcdsaReference: "harness/GasReferences",
  StorageKeysReference: "harness/GasReferences",
};

/** Another build of the contracts to use as it is: how the tests try copies with planted faults. */
const otherBuild = process.env["WHITEPAY_ARTIFACTS"];

function artifactPath(name: string): string {
  return join(
    otherBuild ?? join(projectRoot, "artifacts"),
    "contracts",
    `${sources[name] ?? name}.sol`,
    `${name}.json`,
  );
}

/** Reads a compiled contract by name ("Registry"). Throws if it has not been compiled. */
export function artifact(name: string): Artifact {
  const path = artifactPath(name);
  if (!existsSync(path))
    throw new Error(`${name}: expected an artifact at ${path}, actual none; compile first`);
  const { abi, bytecode } = JSON.parse(readFileSync(path, "utf8")) as Artifact;
  return { abi, bytecode };
}

async function newestSource_ms(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const sources = names.filter((entry) => entry.isFile() && entry.name.endsWith(".sol"));
  const times = await Promise.all(
    sources.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs),
  );
  return Math.max(0, ...times);
}

/** Whether every artifact is there and no source, and not the compiler's settings, are newer. */
async function isFresh(): Promise<boolean> {
  if (otherBuild !== undefined) return true;
  const marker = artifactPath("IUpkeeping");
  const built = join(projectRoot, "cache", "compile-cache.json");
  if (!existsSync(marker) || !existsSync(artifactPath("Upkeeping")) || !existsSync(built)) return false;
  const built_ms = (await stat(built)).mtimeMs;
  const settings_ms = (await stat(join(projectRoot, "hardhat.config.ts"))).mtimeMs;
  return built_ms >= Math.max(settings_ms, await newestSource_ms(join(projectRoot, "contracts")));
}

/** Compiles what is missing or out of date, in this process, without any network. */
export async function compileContracts(quiet = true): Promise<void> {
  if (await isFresh()) return;
  const { tasks } = await import("hardhat");
  await tasks.getTask("build").run({ quiet, noTests: true });
}

async function deploy(name: string, signer: Signer, args: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = artifact(name);
  const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  await contract.waitForDeployment();
  return contract as Contract;
}

/** Deploys the registry, the code that groups share, and the factory. Compiles first if needed. */
export async function deploySystem(signer: Signer): Promise<System> {
  await compileContracts();
  const registry = await deploy("Registry", signer, []);
  const members = await deploy("UpkeepingMembers", signer, [registry]);
  const escrow = await deploy("UpkeepingEscrow", signer, [registry, members]);
  const upkeeping = await deploy("Upkeeping", signer, [registry, escrow]);
  const factory = await deploy("UpkeepingFactory", signer, [upkeeping, registry]);
  return { registry, factory };
}

/** `deploySystem`, and a token of which anyone may mint; the signer starts with a million. */
export async function deployAll(signer: Signer): Promise<Deployment> {
  const system = await deploySystem(signer);
  const token = await deploy("DemoToken", signer, ["WhitePay demo token", "WPD"]);
  const mint = await token.getFunction("mint")(await signer.getAddress(), 1_000_000n * 10n ** 18n);
  await mint.wait();
  return { ...system, token };
}

/** A group's contract, with its whole interface. */
export function groupAt(address: string, signer: Signer): Contract {
  return new Contract(address, artifact("IUpkeeping").abi, signer);
}
