import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot, sourceFolders } from "../../scripts/paths.ts";
import { importRules, violations } from "./rules.ts";
import { blank, importsOf } from "../../scripts/typescript-source.ts";

const files = globSync(`{${sourceFolders.join()}}/**/*.ts`, { cwd: projectRoot });
const read = (file: string) => readFileSync(join(projectRoot, file), "utf8");

describe("the import table", () => {
  it("holds for every file", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap((file) => violations(file, read(file)))).toEqual([]);
  });

  it("covers every folder but scripts", () => {
    const bare = files.filter(
      (file) => !file.startsWith("scripts/") && !importRules.some(({ area }) => file.startsWith(area)),
    );
    expect(bare).toEqual([]);
  });

  it("has no exception: only scripts imports scripts or tests", () => {
    const upward = files
      .filter((file) => !file.startsWith("scripts/"))
      .filter((file) => importsOf(read(file)).some(({ from }) => /(^|\/)(scripts|test)\//.test(from ?? "")));
    expect(upward).toEqual([]);
  });
});

describe("the check", () => {
  it.each([
    ["keeper/core/a.ts", 'import { readFile } from "node:fs";'],
    ["keeper/core/a.ts", 'import { keyring } from "../ports/keyring.ts";'],
    ["keeper/core/a.ts", 'import { decodeMessage } from "../../protocol/codec/message.ts";'],
    ["protocol/a.ts", 'import { step } from "../keeper/core/machine.ts";'],
    ["protocol/a.ts", 'import { decodeMessage } from "./codec/message.ts";'],
    ["protocol/a.ts", 'import { Interface } from "ethers";'],
    ["keeper/core/a.ts", 'import type { Keyring } from "../ports/keyring.ts";'],
    ["keeper/core/a.ts", 'export * from "../runtime/loop.ts";'],
    ["keeper/core/stages/a.ts", 'import "../../adapters/store-level.ts";'],
    ["keeper/core/a.ts", 'type T = import("../runtime/loop.ts").Loop;'],
    ["keeper/core/a.ts", 'const x = import("ethers");'],
    ["keeper/core/a.ts", "const x = import(`./${name}.ts`);"],
    ["keeper/core/a.ts", 'import {\n  a,\n  b,\n} from "ethers";'],
    ["storage/core/a.ts", 'import { hash } from "../../protocol/hash.ts";'],
    ["storage/disk/a.ts", 'import { hash } from "../../protocol/hash.ts";'],
    ["protocol/codec/a.ts", 'import { step } from "../../keeper/core/machine.ts";'],
    ["daemon/a.ts", 'import { openKeeper } from "../keeper/compose.ts";'],
    ["keeper/ports/a.ts", 'import { quorum } from "../../protocol/quorum.ts";'],
    ["keeper/ports/a.ts", 'import { type A, quorum } from "../../protocol/quorum.ts";'],
    ["keeper/runtime/a.ts", 'import { open } from "../adapters/store-level.ts";'],
    ["keeper/runtime/a.ts", 'import { setTimeout } from "node:timers/promises";'],
    ["keeper/adapters/a.ts", 'import { open } from "./b.ts";'],
    ["keeper/adapters/a/index.ts", 'import { open } from "../b/index.ts";'],
    ["keeper/adapters/a.ts", 'import type { Loop } from "../runtime/loop.ts";'],
    ["keeper/adapters/a.ts", 'import { step } from "../core/machine.ts";'],
    ["keeper/compose.ts", 'import { runDemo } from "../scripts/demo/run.ts";'],
    ["provider/a.ts", 'import { loop } from "../keeper/runtime/loop.ts";'],
    ["provider/a.ts", 'import { withFaults } from "../provider-sim/faults.ts";'],
    ["sim/a.ts", 'import { open } from "../keeper/adapters/store-level.ts";'],
    ["client/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["archive/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["archive/a.ts", 'import { getAddress } from "ethers";'],
    ["archive/a.ts", "const now = Date.now();"],
    ["ceremony/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["ceremony/a.ts", 'import { usageError } from "../cli/console/exit.ts";'],
    ["ceremony/a.ts", 'import { readManifest } from "../archive/manifest.ts";'],
    ["ceremony/running/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["ceremony/running/a.ts", "const now = Date.now();"],
    ["cli/a.ts", 'import { runDemo } from "../scripts/demo/run.ts";'],
    ["keeper/core/a.ts", "const now = Date.now();"],
    ["keeper/core/a.ts", "const now = new Date();"],
    ["keeper/core/a.ts", "const chance = Math.random();"],
    ["keeper/core/a.ts", "setTimeout(() => {}, 1);"],
    ["keeper/core/a.ts", "const home = process.env.HOME;"],
    ["keeper/core/a.ts", "console.log(1);"],
    ["keeper/core/a.ts", "async function f() {}"],
    ["keeper/core/a.ts", "const f = () => performance.now();"],
    ["keeper/core/a.ts", "const text = `now ${Date.now()}`;"],
    ["keeper/core/a.ts", "const f = (): Promise<void> => later;"],
  ])("finds in %s: %s", (file, source) => {
    expect(violations(file, source)).toHaveLength(1);
  });

  it.each([
    [
      "keeper/core/stages/a.ts",
      'import { keccak_256 } from "@noble/hashes/sha3.js";\nimport { q } from "../../../protocol/quorum.ts";',
    ],
    ["keeper/core/a.ts", '// Date.now() would be wrong here\nconst text = "await process.exit";'],
    ["keeper/core/a.ts", 'const updateDate = 1; const late = "import x from \\"ethers\\"";'],
    ["keeper/core/a.ts", '/* import x from "ethers"; */ const slash = 4 / 2; const r = /Date\'/.test(x);'],
    [
      "keeper/ports/a.ts",
      'import type { State } from "../core/state.ts";\nimport { type A, type B } from "../../protocol/codec/a.ts";',
    ],
    [
      "keeper/adapters/a.ts",
      'import { Level } from "level";\nimport type { State } from "../core/state.ts";\nimport { quorum } from "../../protocol/quorum.ts";',
    ],
    ["keeper/adapters/a/one.ts", 'import { two } from "./two.ts";'],
    ["keeper/compose.ts", 'import { open } from "./adapters/a.ts";'],
  ])("accepts in %s: %s", (file, source) => {
    expect(violations(file, source)).toEqual([]);
  });

  it("keeps every character at its position when it blanks strings and comments", () => {
    for (const file of files) {
      const source = read(file);
      const { code } = blank(source);
      expect(code).toHaveLength(source.length);
      expect(code.split("\n")).toHaveLength(source.split("\n").length);
    }
  });
});
