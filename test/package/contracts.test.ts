/** The contracts' tarball, installed into an empty folder: Solidity imports it, and its JSON is what this repository deploys. */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { sharedFolder } from "../support/files.ts";
import { install, rootManifest, type Installed } from "./install.ts";

type CompilerOutput = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: Record<
    string,
    Record<string, { abi: unknown[]; evm?: { bytecode: { object: string } } }>
  >;
};
type Compiler = { compile(input: string, callbacks: { import: (path: string) => object }): string };

let installed: Installed;
let remove: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  remove = shared.remove;
  installed = await install("contracts", shared.folder);
});
afterAll(() => remove());

/** Compiles one file of a user; imports come from the project's node_modules. */
function compile(content: string, outputs: readonly string[]): CompilerOutput {
  const solc = createRequire(import.meta.url)("solc") as Compiler;
  const input = {
    language: "Solidity",
    sources: { "User.sol": { content } },
    settings: { evmVersion: "osaka", viaIR: true, outputSelection: { "User.sol": { "*": outputs } } },
  };
  const find = (path: string): object => {
    const file = join(installed.project, "node_modules", path);
    return existsSync(file) ? { contents: readFileSync(file, "utf8") } : { error: `there is no ${path}` };
  };
  return JSON.parse(solc.compile(JSON.stringify(input), { import: find })) as CompilerOutput;
}

const errorsOf = ({ errors = [] }: CompilerOutput): string[] =>
  errors.filter(({ severity }) => severity === "error").map(({ formattedMessage }) => formattedMessage);

describe("the tarball of @whitepay/contracts", () => {
  it("holds sources, JSON and three documents, without tests and harnesses", () => {
    const { files, manifest } = installed;
    const documents = ["LICENSE", "README.md", "package.json"];
    const kept = /^(?:\w+\/)*\w+\.sol$|^abi\/\w+\.json$/;
    expect(files.filter((file) => !documents.includes(file) && !kept.test(file))).toEqual([]);
    expect(files.filter((file) => /^(?:test|harness|demo)\//.test(file))).toEqual([]);
    const library = "@openzeppelin/contracts";
    expect(manifest.dependencies).toEqual({ [library]: rootManifest.dependencies[library] });
  });

  it("is imported by a contract that calls a group", () => {
    const source = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {IUpkeeping} from "@whitepay/contracts/interfaces/IUpkeeping.sol";
import {IRegistry} from "@whitepay/contracts/interfaces/IRegistry.sol";
contract User {
  IUpkeeping public immutable group;
  IRegistry public immutable registry;
  constructor(IUpkeeping group_, IRegistry registry_) { group = group_; registry = registry_; }
  function selector() external pure returns (bytes4) { return type(IUpkeeping).interfaceId; }
}`;
    const output = compile(source, ["abi", "evm.bytecode.object"]);
    expect(errorsOf(output)).toEqual([]);
    const { User } = output.contracts?.["User.sol"] ?? {};
    expect(User?.evm?.bytecode.object.length).toBeGreaterThan(100);
  });

  it("holds every source that its contracts import", () => {
    const source = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {UpkeepingFactory} from "@whitepay/contracts/UpkeepingFactory.sol";
import {Upkeeping} from "@whitepay/contracts/Upkeeping.sol";
import {UpkeepingDesk} from "@whitepay/contracts/UpkeepingDesk.sol";
import {Committee} from "@whitepay/contracts/Committee.sol";
import {Lens} from "@whitepay/contracts/Lens.sol";
import {Registry} from "@whitepay/contracts/Registry.sol";
import {ReadVouchers} from "@whitepay/contracts/ReadVouchers.sol";
contract User { UpkeepingFactory public factory; }`;
    expect(errorsOf(compile(source, ["abi"]))).toEqual([]);
  });

  it.each([
    "Registry",
    "UpkeepingFactory",
    "Committee",
    "Upkeeping",
    "UpkeepingDesk",
    "Lens",
    "ReadVouchers",
    "ICommittee",
    "IUpkeeping",
  ])("has ABI and bytecode of %s as this repository deploys it", async (name) => {
    const document = JSON.parse(await readFile(join(installed.folder, "abi", `${name}.json`), "utf8")) as {
      abi: unknown;
      bytecode: string;
    };
    const { abi, bytecode } = artifact(name);
    expect({ abi: document.abi, bytecode: document.bytecode }).toEqual({ abi, bytecode });
  });
});
