/** The compiled contracts of a deployment, the addresses at which they will be, and the code that must be there. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AbiCoder, concat, getBytes, getCreateAddress, hexlify, keccak256, type InterfaceAbi } from "ethers";
import { usageError } from "../console/exit.ts";

/** In the order of their creation (contracts/Deployer.sol). */
export const partNames = [
  "Registry",
  "Committee",
  "UpkeepingDesk",
  "Upkeeping",
  "UpkeepingFactory",
  "Lens",
  "ReadVouchers",
] as const;
export type PartName = (typeof partNames)[number];

export type Compiled = {
  readonly name: string;
  readonly abi: InterfaceAbi;
  /** Creation code without constructor arguments. */
  readonly creation: string;
  /** Code at the address; zeros where immutables go. */
  readonly runtime: string;
  /** Places of each immutable, in the order of the compiler's numbers. */
  readonly immutables: readonly (readonly { readonly start: number; readonly length: number }[])[];
  /** The compiler's input is in this file of build-info/. */
  readonly buildInfoId: string;
  /** The name of the source in that input. */
  readonly source: string;
};

export type SystemCode = {
  readonly deployer: Compiled;
  readonly parts: Readonly<Record<PartName, Compiled>>;
  /** The folder with the compiled contracts. */
  readonly folder: string;
};

/** Addresses of a deployment. */
export type Layout = { readonly deployer: string; readonly parts: Readonly<Record<PartName, string>> };

/** In a clone the compiler writes it, in the installed package it is a part. */
const ownArtifacts = fileURLToPath(new URL("../../artifacts", import.meta.url));

/** The immutables of each contract in the compiler's order, by what they hold. */
const immutableOrder: Readonly<Record<PartName, readonly PartName[]>> = {
  Registry: [],
  Committee: ["Registry", "UpkeepingFactory"],
  UpkeepingDesk: ["Registry", "UpkeepingFactory"],
  Upkeeping: ["UpkeepingDesk", "Registry", "UpkeepingFactory"],
  UpkeepingFactory: ["Committee", "Registry", "Upkeeping"],
  Lens: ["Registry"],
  ReadVouchers: [],
};

type ArtifactFile = {
  readonly contractName: string;
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
  readonly deployedBytecode: string;
  readonly immutableReferences: Readonly<
    Record<string, { readonly start: number; readonly length: number }[]>
  >;
  readonly buildInfoId: string;
  readonly inputSourceName: string;
};

async function readCompiled(folder: string, name: string): Promise<Compiled> {
  const path = join(folder, "contracts", `${name}.sol`, `${name}.json`);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw usageError("the contracts are not compiled", {
      expected: path,
      actual: "no such file",
      hint: "in a clone, ./whitepay deploy compiles them; an installed package contains them: install it again",
    });
  }
  const file = JSON.parse(text) as ArtifactFile;
  const places = Object.entries(file.immutableReferences).sort(([a], [b]) => Number(a) - Number(b));
  return {
    name,
    abi: file.abi,
    creation: file.bytecode,
    runtime: file.deployedBytecode,
    immutables: places.map(([, list]) => list),
    buildInfoId: file.buildInfoId,
    source: file.inputSourceName,
  };
}

/** @throws CliError exit 2 if the contracts are not compiled */
export async function readSystemCode(
  folder = process.env["WHITEPAY_ARTIFACTS"] ?? ownArtifacts,
): Promise<SystemCode> {
  const [deployer, ...parts] = await Promise.all(
    ["Deployer", ...partNames].map((name) => readCompiled(folder, name)),
  );
  const named = Object.fromEntries(parts.map((part) => [part.name, part])) as Record<PartName, Compiled>;
  return { deployer: deployer as Compiled, parts: named, folder };
}

export function codeHashes({ parts }: Pick<SystemCode, "parts">): string[] {
  return partNames.map((name) => keccak256(parts[name].creation));
}

/** The deployer's constructor arguments: the hashes of the code that it may create. */
export function deployerArguments(code: Pick<SystemCode, "parts">): string {
  return AbiCoder.defaultAbiCoder().encode([`bytes32[${partNames.length}]`], [codeHashes(code)]);
}

/** Creation code of the deployer, with its arguments. */
export function deployerCreation(code: SystemCode): string {
  return concat([code.deployer.creation, deployerArguments(code)]);
}

/** The deployer creates the parts with its first nonces; a contract's nonce begins at 1 (EIP-161). */
export function layoutAt(deployer: string): Layout {
  const parts = partNames.map((name, index) => [
    name,
    getCreateAddress({ from: deployer, nonce: index + 1 }),
  ]);
  return { deployer, parts: Object.fromEntries(parts) as Record<PartName, string> };
}

/** Constructor arguments of a part, as the deployer adds them. */
export function argumentsOf(name: PartName, { parts }: Layout): string[] {
  const { Registry, UpkeepingFactory, UpkeepingDesk, Committee, Upkeeping } = parts;
  const args: Readonly<Record<PartName, readonly string[]>> = {
    Registry: [],
    Committee: [Registry, UpkeepingFactory],
    UpkeepingDesk: [Registry, UpkeepingFactory],
    Upkeeping: [Registry, UpkeepingFactory, UpkeepingDesk],
    UpkeepingFactory: [Committee, Upkeeping, Registry],
    Lens: [Registry],
    ReadVouchers: [],
  };
  return [...args[name]];
}

/** The code that must be at the address of a part: the compiled code with its immutables. */
export function runtimeOf(name: PartName, { parts }: Pick<SystemCode, "parts">, layout: Layout): string {
  const { runtime, immutables } = parts[name];
  const values = immutableOrder[name];
  if (values.length !== immutables.length) {
    throw new RangeError(`${name}: expected ${values.length} immutables, actual ${immutables.length}`);
  }
  const code = getBytes(runtime).slice();
  immutables.forEach((places, index) => {
    const address = getBytes(layout.parts[values[index] as PartName]);
    for (const { start, length } of places) code.set(address, start + length - address.length);
  });
  return hexlify(code);
}
