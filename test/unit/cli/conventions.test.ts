/** Conventions of all commands. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { FunctionFragment } from "ethers";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { committeeAbi, factoryAbi, groupAbi, registryAbi } from "../../../client/abi.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { buildProgram } from "../../../cli/program.ts";
import { cloneCommands } from "../../../scripts/whitepay.ts";
import { startAtTerminal } from "../../support/cli.ts";
import { temporaryFolder } from "../../support/files.ts";

type Leaf = { readonly path: string; readonly options: readonly string[] };

function leavesOf(command: Command, path = ""): Leaf[] {
  if (command.commands.length === 0) {
    return [{ path, options: command.options.map(({ long }) => long ?? "") }];
  }
  return command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`.trim()));
}

const leaves = leavesOf(await buildProgram(cloneCommands, () => true));

/** Commands that send transactions. */
const paid = [
  "keeper register",
  "committee create",
  "committee join",
  "committee propose",
  "committee accept",
  "keeper withdraw",
  "keeper rotate-seat",
  "keeper resign",
  "keeper release-group",
  "group create",
  "group fund",
  "group withdraw",
  "group add-provider",
  "group set-data",
  "group remove-provider",
  "group replace-keeper",
  "group terminate",
  "group volunteers",
  "group abandon",
  "group sync",
  "group enter",
  "group raise-ceiling",
  "group hand-in-consent",
  "group invite",
  "group reclaim",
  "group rescue",
  "group name-payer",
  "group accept-payer",
  "group publish-manifest",
  "group collect-arrears",
  "group collect-keeper-arrears",
  "group collect-all-arrears",
  "provider redeem",
  "provider register",
  "reader deposit",
  "reader withdraw",
  "provider withdraw",
  "remove",
  "repair",
  "store",
  "provider abandon",
  "provider revoke-consent",
  "provider leave",
  "provider collect-arrears",
  "payee name",
  "payee accept",
  "payee withdraw",
  "deploy",
];

describe("every command", () => {
  it.each(leaves.map(({ path, options }) => [path, options] as const))(
    "%s has --json, unless it prints a script or a test report",
    (path, options) => {
      // These print a shell script and the report of the tests.
      const text = ["completion", "test"].includes(path);
      expect(options.includes("--json")).toBe(!text);
    },
  );

  it("has --yes and --dry-run exactly if it sends transactions", () => {
    const withBoth = leaves.filter(
      ({ options }) => options.includes("--yes") && options.includes("--dry-run"),
    );
    expect(withBoth.map(({ path }) => path).sort()).toEqual([...paid].sort());
    const withOne = leaves.filter(
      ({ options }) => options.includes("--yes") !== options.includes("--dry-run"),
    );
    expect(withOne).toEqual([]);
  });
});

describe("every call of the contracts", () => {
  /**
   * Calls between the contracts, parts of other calls, withdrawals one by one, which those over many groups replace, and
   * several calls in one.
   */
  const notOffered = [
    "multicall",
    "initialize",
    "creditItems",
    "payOutKeeper",
    "withdrawProviderFor",
    "withdrawKeeper",
    "withdrawProvider",
    "release",
    "admit",
    "changeCeiling",
    "endMembership",
    "storeOperators",
    "storeMembers",
    "storeKeys",
  ];
  const calls = [groupAbi, committeeAbi, registryAbi, factoryAbi]
    .flatMap(({ fragments }) => fragments)
    .filter((fragment) => fragment.type === "function")
    .map((fragment) => fragment as FunctionFragment)
    .filter(({ stateMutability, name }) => stateMutability !== "view" && !notOffered.includes(name))
    .map(({ name }) => name);

  it("has a command, listed in docs/commands.md", async () => {
    const page = await readFile(join(projectRoot, "docs/commands.md"), "utf8");
    const section = page.slice(page.indexOf("\n## Every right and its command\n"));
    const rows = [
      ...section.slice(0, section.indexOf("\nNot in it:")).matchAll(/^\| `(\w+)` \|.*\| (.*) \|$/gm),
    ];
    const named = new Set(rows.map(([, call]) => call));
    expect(named).toEqual(new Set(calls));
    expect(rows).toHaveLength(calls.length);
    const paths = leaves.map(({ path }) => path);
    for (const [, call, commands = ""] of rows) {
      for (const [, name = "", flag] of commands.matchAll(/`([a-z -]+)`(?: with `(--[a-z-]+)`)?/g)) {
        expect(paths, call).toContain(name);
        const { options = [] } = leaves.find(({ path }) => path === name) ?? {};
        expect([...options, undefined], `${call}: ${name}`).toContain(flag);
      }
    }
  });
});

const color = new RegExp(`${String.fromCharCode(27)}\\[(3[0-7]|9[0-7])m`);
const registry = `0x${"11".repeat(20)}`;
const factory = `0x${"22".repeat(20)}`;

describe("at a terminal", () => {
  it("keeper init asks for missing values, asks twice for a password, and creates the keeper", async () => {
    const folder = await temporaryFolder();
    const dir = join(folder, "keeper");
    await mkdir(dir);
    const asking = startAtTerminal(["keeper", "init", "--dir", dir, "--kdf", "light"], {
      env: { NO_COLOR: "1" },
    });
    const answers: [question: string, answer: string][] = [
      ["Chain id:", "31337"],
      ["Chain endpoints", "http://127.0.0.1:8545"],
      ["Registry contract:", registry],
      ["UpkeepingFactory contracts", factory],
      ["Listen on:", ""],
      ["Address that others dial", "/dns4/keeper.example/tcp/4001"],
      ["Password for the new keys:", "a secret"],
      ["(again)", "a secret"],
    ];
    for (const [question, answer] of answers) {
      await asking.said(question);
      asking.type(`${answer}\r`);
    }
    const { code, stdout } = await asking.ended;
    expect(code, stdout).toBe(0);
    const config = parse(await readFile(join(dir, "keeper.yaml"), "utf8")) as object;
    expect(config).toMatchObject({
      chain: { id: 31_337, rpc: ["http://127.0.0.1:8545"], registry, factories: [factory] },
      listen: ["/ip4/0.0.0.0/tcp/4001"],
      announce: ["/dns4/keeper.example/tcp/4001"],
    });
    expect(stdout).not.toContain("a secret");
    expect(stdout).not.toMatch(color);
  });

  it("Ctrl-C at a question exits 130 and creates no files; colours are on unless NO_COLOR is set", async () => {
    const dir = await temporaryFolder();
    const words = ["keeper", "init", "--dir", dir, "--preset", "devnet"];
    const env = { NO_COLOR: "", FORCE_COLOR: "1", TERM: "xterm" };
    const asking = startAtTerminal(words, { env });
    await asking.said("Chain endpoints");
    asking.type("\u0003");
    const { code, stdout } = await asking.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(color);
    expect(stdout).not.toContain("operator");
  });
});
