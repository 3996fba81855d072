/** The first compile, from a folder that has nothing to do with the project. */
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { start, type CliResult } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

const contract = (body: string): string =>
  `// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\ncontract Small { function f() external { ${body} } }\n`;
const settings = `import { createRequire } from "node:module";
const path = createRequire(import.meta.url).resolve("solc/soljson.js");
export default { solidity: { version: "0.8.37", path } };
`;

async function project(source: string): Promise<string> {
  const root = await temporaryFolder();
  await mkdir(join(root, "contracts"));
  await writeFile(join(root, "contracts", "Small.sol"), source);
  await writeFile(join(root, "hardhat.config.ts"), settings);
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  await symlink(join(projectRoot, "node_modules"), join(root, "node_modules"));
  return root;
}

/** As a command does it: in a process whose current folder is another one. */
function compileFrom(cwd: string, root: string): Promise<CliResult> {
  const code = `const { compileContracts } = await import(${JSON.stringify(join(projectRoot, "scripts/contracts/compile.ts"))});
await compileContracts(${JSON.stringify(root)}).catch((error) => { console.error(error.message, error.hint); process.exit(1); });`;
  return start(process.execPath, ["--input-type=module", "--eval", code], { cwd }).ended;
}

it("compiles once, prints that it does, and prints no warnings of the compiler", async () => {
  // The compiler warns of a variable that is not used.
  const root = await project(contract("uint256 unused;"));
  const elsewhere = await temporaryFolder();
  const first = await compileFrom(elsewhere, root);
  expect(first).toEqual({
    code: 0,
    stdout: "",
    stderr: expect.stringMatching(
      /^compiling the contracts, once \(about a minute\) \.\.\.\ncontracts compiled after \d+ s\n$/,
    ),
  });
  expect(await compileFrom(elsewhere, root)).toEqual({ code: 0, stdout: "", stderr: "" });
  await rm(join(root, "artifacts"), { recursive: true });
  expect((await compileFrom(elsewhere, root)).stderr).toContain("contracts compiled");
});

it("prints the compiler's output if it fails", async () => {
  const root = await project(contract("this is no Solidity;"));
  const { code, stderr } = await compileFrom(await temporaryFolder(), root);
  expect(code).toBe(1);
  expect(stderr).toContain("the contracts do not compile");
  expect(stderr).toContain("contracts/Small.sol:3");
});
