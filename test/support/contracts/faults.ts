/** Copies of the contracts with one fault planted in each, and the part of the suite that has to notice. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { projectRoot } from "../../../scripts/lib/paths.ts";

export type Fault = {
  name: string;
  file: string;
  original: string;
  planted: string;
  /** Contracts whose code contains the file. */
  rebuilt: string[];
  /** Test file, and the tests in it that are run. */
  suite: string;
  only: string;
};

const settling = { rebuilt: ["Upkeeping"], suite: "settle" };

export const faults: readonly Fault[] = [
  {
    ...settling,
    name: "the keepers' cut rounded up",
    file: "Upkeeping.sol",
    original: "uint256 itsCut = amount * bps / BPS;",
    planted: "uint256 itsCut = (amount * bps + BPS - 1) / BPS;",
    only: "to the unit",
  },
  {
    ...settling,
    name: "no compare and set of ts",
    file: "group/GroupSettlement.sol",
    original: "if (a.ts != hot.ts) revert Upkeeping_StaleStart(uint64(hot.ts), uint64(a.ts));",
    planted: "",
    only: "a stale ts",
  },
  {
    ...settling,
    name: "no end of the window",
    file: "group/GroupSettlement.sol",
    original: "if (block.number >= te + turn) revert Upkeeping_TooLate(te + turn, block.number);",
    planted: "",
    only: "after its window",
  },
  {
    ...settling,
    name: "a quorum of one too few",
    file: "group/GroupSettlement.sol",
    original: "if (signing < 2 * f + 1)",
    planted: "if (signing < 2 * f)",
    only: "too few signers",
  },
  {
    ...settling,
    name: "the shares of those left out go to the others",
    file: "group/GroupSettlement.sol",
    original: "share = cut / (a.n - a.failedCount);",
    planted: "share = cut / Quorum.count(a.payees);",
    only: "leaves out the share",
  },
  {
    ...settling,
    name: "a failed keeper may be a payee",
    file: "group/GroupSettlement.sol",
    original: "if (a.failed & a.payees != 0) revert Upkeeping_FailedPayee(0, a.failed & a.payees);",
    planted: "",
    only: "failed and payees",
  },
  {
    ...settling,
    name: "paid beyond what was committed",
    file: "Upkeeping.sol",
    original: "signed = committed;",
    planted: "",
    only: "committed integral",
  },
  {
    ...settling,
    name: "infinity passes for a signature",
    file: "libraries/Quorum.sol",
    original: "if (BLS.isInfinityG1(input)) return Verdict.Infinity;",
    planted: "",
    only: "infinity as a signature",
  },
  {
    ...settling,
    name: "the upper part of a debt is lost",
    file: "group/GroupSettlement.sol",
    original: "if (carried != 0)",
    planted: "if (carried > type(uint128).max)",
    suite: "money",
    only: "carry beyond 64 bits",
  },
  {
    name: "a key without proof of possession",
    file: "Registry.sol",
    original: "if (!BLS.pairingHolds(place)) revert Registry_BadProof(msg.sender);",
    planted: "",
    rebuilt: ["Registry"],
    suite: "registry",
    only: "proof of possession",
  },
  {
    name: "infinity passes for a key",
    file: "Registry.sol",
    original: "revert Registry_KeyIsInfinity();",
    planted: "{}",
    rebuilt: ["Registry"],
    suite: "registry",
    only: "infinity as key",
  },
  {
    name: "a call may be re-entered",
    file: "group/GroupStorage.sol",
    original: "if (_entered) revert IUpkeepingMoney.Upkeeping_Reentered();",
    planted: "",
    rebuilt: ["UpkeepingEscrow"],
    suite: "money",
    only: "cannot be counted twice",
  },
  {
    name: "the lockup is not kept back",
    file: "group/GroupStorage.sol",
    original: "return now_ - settled + args.lockup() * size;",
    planted: "return now_ - settled + size;",
    rebuilt: ["UpkeepingEscrow", "UpkeepingMembers"],
    suite: "money",
    only: "leave the payer what is neither",
  },
];

type Solc = {
  compile(
    input: string,
    callbacks: { import(path: string): { contents: string } | { error: string } },
  ): string;
};

/** Compiles the faulty copy into a folder shaped like artifacts/. */
export function buildFaulty(fault: Fault, folder: string): void {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const faulty = join(projectRoot, "contracts", fault.file);
  const read = (path: string): string => {
    const full = path.startsWith("@") ? join(projectRoot, "node_modules", path) : join(projectRoot, path);
    const text = readFileSync(full, "utf8");
    return full === faulty ? text.replace(fault.original, fault.planted) : text;
  };
  cpSync(join(projectRoot, "artifacts", "contracts"), join(folder, "contracts"), { recursive: true });
  for (const name of fault.rebuilt) {
    const path = `contracts/${name}.sol`;
    const input = {
      language: "Solidity",
      sources: { [path]: { content: read(path) } },
      settings: {
        optimizer: { enabled: true, runs: 200 },
        evmVersion: "osaka",
        viaIR: true,
        outputSelection: { [path]: { [name]: ["abi", "evm.bytecode.object"] } },
      },
    };
    const output = JSON.parse(
      solc.compile(JSON.stringify(input), { import: (file) => ({ contents: read(file) }) }),
    );
    const compiled = output.contracts?.[path]?.[name];
    if (compiled === undefined)
      throw new Error(`${fault.name}: expected it to compile, actual ${JSON.stringify(output.errors)}`);
    const target = join(folder, path, `${name}.json`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(
      target,
      JSON.stringify({ abi: compiled.abi, bytecode: `0x${compiled.evm.bytecode.object}` }),
    );
  }
}
