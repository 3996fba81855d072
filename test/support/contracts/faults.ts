/** Copies of the contracts with planted faults, of which one at a time is on, and the tests that must detect each. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { projectRoot } from "../../../scripts/paths.ts";
import { placesOf, replaceCode } from "../../mutation/plant.ts";
import { committeeFaults } from "./faults-committee.ts";
import { groupFaults } from "./faults-group.ts";
import { voucherFaults } from "./faults-vouchers.ts";

export type Fault = {
  name: string;
  file: string;
  original: string;
  /** The code in its place; `$ON` is true while this fault is on. */
  planted: string;
  /** The head of the function, up to its word `pure`, if it may not read whether the fault is on. */
  pure?: string;
  /** Test file, and the part of a test's name that selects the tests to run. */
  suite: string;
  only: string;
  /** Random sequences must come to it as well. */
  sequences?: true;
};

export const faults: readonly Fault[] = [...committeeFaults, ...groupFaults, ...voucherFaults];

type Solc = {
  compile(
    input: string,
    callbacks: { import(path: string): { contents: string } | { error: string } },
  ): string;
};

/** Contracts that have code with faults in them, by path below contracts/. */
const rebuilt = [
  ["Registry", "Registry"],
  ["Committee", "Committee"],
  ["Upkeeping", "Upkeeping"],
  ["UpkeepingDesk", "UpkeepingDesk"],
  ["UpkeepingFactory", "UpkeepingFactory"],
  ["ReadVouchers", "ReadVouchers"],
  ["harness/CommitteeStandIn", "GroupFactoryStandIn"],
  ["harness/GroupStandIn", "CommitteeFactoryStandIn"],
] as const;

/** The address whose code turns the fault on. On a chain without code at these addresses, the contracts have no fault. */
export function switchOf(fault: number): string {
  return `0x${(0xfa0000 + fault).toString(16).padStart(40, "0")}`;
}

function withFaults(file: string, text: string): string {
  return faults.reduce((changed, fault, i) => {
    if (fault.file !== file) return changed;
    const on = `(address(uint160(${0xfa0000 + i})).code.length != 0)`;
    const planted = replaceCode(changed, fault.original, fault.planted.replaceAll("$ON", on));
    // Two faults of one function make it a view once.
    if (fault.pure === undefined || placesOf(planted, fault.pure).length === 0) return planted;
    return replaceCode(planted, fault.pure, fault.pure.replace(/ pure$/, " view"));
  }, text);
}

/** Compiles one copy that contains all faults, each with its switch, into a folder laid out like artifacts/. */
export function buildFaulty(folder: string): void {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const read = (path: string): string => {
    const text = readFileSync(join(projectRoot, path.startsWith("@") ? "node_modules" : "", path), "utf8");
    return path.startsWith("contracts/") ? withFaults(path.slice("contracts/".length), text) : text;
  };
  cpSync(join(projectRoot, "artifacts", "contracts"), join(folder, "contracts"), { recursive: true });
  for (const [source, name] of rebuilt) {
    const path = `contracts/${source}.sol`;
    const input = {
      language: "Solidity",
      sources: { [path]: { content: read(path) } },
      settings: {
        // For size alone: with all faults in it, the code must still fit the limit of a contract.
        optimizer: { enabled: true, runs: 1 },
        evmVersion: "osaka",
        viaIR: true,
        outputSelection: {
          [path]: { [name]: ["abi", "evm.bytecode.object", "evm.deployedBytecode"] },
        },
      },
    };
    const output = JSON.parse(
      solc.compile(JSON.stringify(input), { import: (file) => ({ contents: read(file) }) }),
    );
    const compiled = output.contracts?.[path]?.[name];
    if (compiled === undefined)
      throw new Error(`${name}: expected it to compile, actual ${JSON.stringify(output.errors)}`);
    const file = join(folder, "contracts", `${source}.sol`, `${basename(name)}.json`);
    const { bytecode, deployedBytecode } = compiled.evm;
    const artifact = {
      ...(JSON.parse(readFileSync(file, "utf8")) as object),
      abi: compiled.abi,
      bytecode: `0x${bytecode.object}`,
      deployedBytecode: `0x${deployedBytecode.object}`,
      immutableReferences: deployedBytecode.immutableReferences,
    };
    writeFileSync(file, JSON.stringify(artifact));
  }
}
