import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";

/** The folders of contracts/ that a folder may import from; "." is contracts/ itself. Each one may import OpenZeppelin. */
const imports: Readonly<Record<string, readonly string[]>> = {
  interfaces: ["interfaces"],
  libraries: ["libraries", "interfaces"],
  group: ["group", "libraries", "interfaces"],
  committee: ["committee", "libraries", "interfaces"],
  factory: ["libraries", "interfaces"],
  ".": ["committee", "factory", "group", "libraries", "interfaces"],
  demo: [],
  harness: ["libraries", "factory", "interfaces"],
};
const maxLines = 400;
/** Files that hold several declarations of one kind. */
const collections = ["interfaces/Types.sol", "harness/GasReferences.sol", "harness/HostileTokens.sol"];

const contracts = join(projectRoot, "contracts");
const files = globSync("**/*.sol", { cwd: contracts });
const read = (file: string): string => readFileSync(join(contracts, file), "utf8");
const importsOf = (text: string): string[] =>
  [...text.matchAll(/^import [^"]*"([^"]+)";/gm)].map(([, path]) => path as string);

/** Imports that the table does not permit. */
function violations(file: string, text: string): string[] {
  const folder = dirname(file);
  return importsOf(text).filter((path) => {
    if (path.startsWith("@openzeppelin/")) return false;
    return !imports[folder]?.includes(posix.dirname(posix.join(folder, path)));
  });
}

describe("the files of contracts/", () => {
  it("import only what their folder may import", () => {
    expect(files.length).toBeGreaterThan(30);
    expect(files.flatMap((file) => violations(file, read(file)))).toEqual([]);
  });

  it(`have at most ${maxLines} lines`, () => {
    expect(files.filter((file) => read(file).split("\n").length > maxLines)).toEqual([]);
  });

  it("each declare a contract, library, interface or type of their own name", () => {
    const misnamed = files.filter((file) => {
      const name = basename(file, ".sol");
      const declared = new RegExp(`^(abstract contract|contract|interface|library|type) ${name} `, "m");
      return !collections.includes(file) && !declared.test(read(file));
    });
    expect(misnamed).toEqual([]);
  });
});

describe("the check of imports", () => {
  it.each([
    ["interfaces/IA.sol", 'import {B} from "../libraries/B.sol";'],
    ["libraries/A.sol", 'import {GroupB} from "../group/GroupB.sol";'],
    ["group/GroupA.sol", 'import {Upkeeping} from "../Upkeeping.sol";'],
    ["Upkeeping.sol", 'import {DemoToken} from "./demo/DemoToken.sol";'],
    ["Upkeeping.sol", 'import {ERC20} from "solmate/ERC20.sol";'],
  ])("refuses in %s: %s", (file, text) => {
    expect(violations(file, text)).toHaveLength(1);
  });
});
