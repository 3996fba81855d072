/** The compiled contracts, and their deployment. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Contract, ContractFactory, type InterfaceAbi, type Signer } from "ethers";
import { codeHashes, layoutAt, partNames, readSystemCode, type PartName } from "../../cli/deploy/system.ts";
import { compileContracts } from "./compile.ts";
import { projectRoot } from "../paths.ts";

export type Artifact = { abi: InterfaceAbi; bytecode: string };

/** The contracts that configurations name, each connected to the signer that deployed it. */
export type System = { registry: Contract; factory: Contract; lens: Contract; vouchers: Contract };
export type Deployment = System & { token: Contract };

/** The source below contracts/ of an artifact, where it is not a file of the same name at its top. */
const sources: Readonly<Record<string, string>> = {
  DemoToken: "demo/DemoToken",
  IUpkeeping: "interfaces/IUpkeeping",
  ICommittee: "interfaces/ICommittee",
  IRegistry: "interfaces/IRegistry",
  IUpkeepingFactory: "interfaces/IUpkeepingFactory",
  IReadVouchers: "interfaces/IReadVouchers",
  BLSHarness: "harness/BLSHarness",
  FeeToken: "harness/HostileTokens",
  ReentrantToken: "harness/HostileTokens",
  FalseToken: "harness/HostileTokens",
  SilentToken: "harness/HostileTokens",
  HostilePayee: "harness/HostileTokens",
  GasPriceOracleHarness: "harness/GasPriceOracleHarness",
  EcdsaReference: "harness/GasReferences",
  StorageKeysReference: "harness/GasReferences",
  CommitteeStandIn: "harness/CommitteeStandIn",
  GroupFactoryStandIn: "harness/CommitteeStandIn",
  BatchReader: "harness/BatchReader",
  SettlementGasHarness: "harness/SettlementGasHarness",
  ContractWallet: "harness/ContractWallet",
  GroupStandIn: "harness/GroupStandIn",
  CommitteeFactoryStandIn: "harness/GroupStandIn",
};

/** Another build of the contracts to use as it is: how the tests try copies with planted faults. */
const artifactsFolder = process.env["WHITEPAY_ARTIFACTS"] ?? join(projectRoot, "artifacts");

function artifactPath(name: string): string {
  return join(artifactsFolder, "contracts", `${sources[name] ?? name}.sol`, `${basename(name)}.json`);
}

/** Reads a compiled contract by name ("Registry"), or by path below contracts/ ("interfaces/ILens"). Throws if it has not been compiled. */
export function artifact(name: string): Artifact {
  const path = artifactPath(name);
  if (!existsSync(path))
    throw new Error(`${name}: expected an artifact at ${path}, actual none; compile first`);
  const { abi, bytecode } = JSON.parse(readFileSync(path, "utf8")) as Artifact;
  return { abi, bytecode };
}

async function deploy(name: string, signer: Signer, args: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = artifact(name);
  const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  await contract.waitForDeployment();
  return contract as Contract;
}

/**
 * Deploys the registry, the code that committees and groups share, the factory of both, the lens, and the contract of paid reading, as
 * `whitepay deploy --by-nonce` does, without its looks at the chain. Compiles first if needed.
 */
export async function deploySystem(signer: Signer): Promise<System> {
  await compileContracts();
  const code = await readSystemCode(artifactsFolder);
  const deployer = await deploy("Deployer", signer, [codeHashes(code)]);
  const create = deployer.getFunction("create");
  for (const name of partNames) await (await create(code.parts[name].creation)).wait();
  const { parts } = layoutAt(await deployer.getAddress());
  const at = (name: PartName): Contract => new Contract(parts[name], artifact(name).abi, signer);
  return {
    registry: at("Registry"),
    factory: at("UpkeepingFactory"),
    lens: at("Lens"),
    vouchers: at("ReadVouchers"),
  };
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
