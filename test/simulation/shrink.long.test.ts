import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseScenario } from "../../sim/scenario/schema.ts";
import { Tree } from "../mutation/tree.ts";
import { runCli } from "../support/cli.ts";
import type { CliResult } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

const manyFaults = `name: many
settlements: 3
committee: 7
providers: [3000000, 2000000, 5000000]
network: {loss: 0.01, delayMs: [5, 90]}
faults:
  - {when: {block: 20}, kind: duplicate, share: 0.3, forBlocks: 40}
  - {when: {block: 50}, provider: 1, kind: offline, forBlocks: 30}
  - {when: {block: 60}, keeper: 2, kind: rpc-stale, forBlocks: 20}
  - {when: {settlement: 2, phase: announce}, keeper: leader, kind: crash, forBlocks: 25}
  - {when: {block: 140}, provider: 0, kind: slow, forBlocks: 30}
  - {when: {block: 170}, kind: delay, delayMs: [50, 200], forBlocks: 10}
`;

it("shrinking writes a file with the one fault that shows a planted fault of the core: it fails with the planted fault and passes without", async () => {
  const fault = {
    name: "the failed leaders are one turn too late",
    file: "protocol/turns.ts",
    find: "leaderOf(order, turn - count + i)",
    put: "leaderOf(order, turn - count + i + 1)",
    also: [],
    caught: [],
  };
  const tree = await Tree.copy();
  const inTree = (command: readonly string[]): Promise<CliResult> =>
    tree.with(fault, () => runCli(command, { script: join(tree.folder, "scripts/whitepay.ts") }));
  const folder = await temporaryFolder();
  const [file, out] = [join(folder, "many.yaml"), join(folder, "shrunk.yaml")];
  writeFileSync(file, manyFaults);
  const shrunk = await inTree(["sim", "shrink", file, "--out", out]);
  expect(shrunk.stderr).toMatch(/^reduced 6 faults to 1 in \d+ runs$/m);
  expect(shrunk.code).toBe(0);
  const text = readFileSync(out, "utf8");
  expect(text).toContain(`# whitepay sim run ${out} --seed 1   (commit `);
  const { faults, providers, settlements } = parseScenario(text, out);
  // A leader that fails its turn is what the planted fault is about.
  expect(faults.map(({ kind }) => kind)).toEqual(["crash"]);
  expect({ providers, settlements }).toEqual({ providers: 1, settlements: 1 });
  const command = ["sim", "run", out];
  expect((await runCli(command)).code).toBe(0);
  const again = await inTree(command);
  await tree.remove();
  expect(again.code).toBe(1);
  const checker = /^fails: (\w+) at block/m.exec(shrunk.stderr)?.[1];
  expect(again.stderr).toContain(`does not hold: ${checker} at block`);
  // A failure says how to see it again.
  expect(again.stderr).toMatch(
    /\n {2}seed 1, commit \w+; replay it: whitepay sim replay .*shrunk.yaml --seed 1 --trace\n/,
  );
}, 300_000);
