/** Mutation tests: runs the tests and random scenarios of a tree that must detect a planted fault. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Catcher, Fault } from "./faults.ts";
import type { Tree } from "./tree.ts";

/** First seed of the random scenarios that look for planted faults. */
const firstSeed = 2_000;

type Ended = { readonly code: number | null; readonly said: string };

function run(tree: Tree, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd: tree.folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code, said }));
  });
}

/** Whether the fault is detected. Any result but passed or failed tests, or a violation or none, is an error of the set-up. */
async function notices(tree: Tree, catcher: Catcher, cores: number): Promise<boolean> {
  if ("seeds" in catcher) {
    const { seeds, keepers } = catcher;
    const words = `sim fuzz --seed ${firstSeed} --seeds ${seeds} --keepers ${keepers} --cores ${cores}`;
    const { code, said } = await run(tree, [join(tree.folder, "scripts/whitepay.ts"), ...words.split(" ")]);
    // The campaign passed, or had too few seeds to fire every kind of fault.
    if (code === 0 || said.includes("these faults never occurred")) return false;
    if (code === 1 && said.includes("does not hold:")) return true;
    throw new Error(`expected a violation or none, actual: ${said}`);
  }
  const { test, only } = catcher;
  const vitest = join(tree.folder, "node_modules/vitest/vitest.mjs");
  const filter = only === undefined ? [] : ["-t", only];
  const config = ["--config", "test/mutation/vitest.config.ts", "--bail", "1"];
  const { code, said } = await run(tree, [vitest, "run", ...config, ...test.split(" "), ...filter]);
  if (code === 0 && /Tests .*\d+ passed/.test(said)) return false;
  if (code === 1 && /Tests .*\d+ failed/.test(said)) return true;
  throw new Error(`${test}: expected tests that pass or fail, actual: ${said.slice(-2_000)}`);
}

/** Tests and scenarios for a fault without a list of its own, the fastest first. */
function everything({ file }: Fault): Catcher[] {
  const parts: readonly (readonly [part: string, tests: string])[] = [
    ["storage/", "test/unit/storage test/property/storage.test.ts"],
    ["provider-sim/", "test/unit/provider-sim"],
    ["keeper/core/", "test/unit/keeper/core test/property/core.test.ts"],
    ["protocol/codec/", "test/unit/protocol/codec test/property/messages.test.ts"],
    ["keeper/runtime/", "test/unit/keeper/runtime test/property/bookkeeper.test.ts"],
    ["keeper/", "test/unit"],
  ];
  const own = parts.filter(([part]) => file.startsWith(part)).map(([, test]) => ({ test }));
  const simulated =
    "test/simulation/scenarios test/simulation/agreement test/simulation/byzantine test/simulation/exchange " +
    "test/simulation/kill-points test/simulation/reality";
  return [...own, { test: simulated }, { seeds: 1_200, keepers: "4" }, { seeds: 20, keepers: "7,10,13" }];
}

/** The test or scenarios that detect the fault; undefined: none. */
export async function caughtBy(tree: Tree, fault: Fault, cores = 1): Promise<string | undefined> {
  const catchers = fault.caught.length > 0 ? fault.caught : everything(fault);
  return tree.with(fault, async () => {
    for (const catcher of catchers) {
      if (!(await notices(tree, catcher, cores))) continue;
      if ("seeds" in catcher) return `random scenarios of ${catcher.keepers} keepers`;
      return catcher.only === undefined ? catcher.test : `${catcher.test} (${catcher.only})`;
    }
    return undefined;
  });
}
