/**
 * docs/pay-for-storage.md, docs/provide-storage.md and docs/commands.md: every command runs as written, on a real chain with real
 * daemons, and prints what the page shows.
 */
import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Contract } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import { abandonable } from "../../client/group-plans.ts";
import { GroupView } from "../../client/group-view.ts";
import { tokenBalance } from "../../client/token.ts";
import { KeeperFleet } from "../../scripts/fleet/keepers.ts";
import { Pace, type Mining } from "../../scripts/fleet/pace.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { cliScript, projectRoot } from "../../scripts/paths.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { seededBytes } from "../support/files.ts";
import { fundAccount, keeperConfig, membersOf, payerScene, type PayerScene } from "../support/payer-scene.ts";

const pages = await Promise.all(
  ["pay-for-storage", "provide-storage", "commands"].map(async (name) => {
    const file = join(projectRoot, `docs/${name}.md`);
    return { file, text: await readFile(file, "utf8") };
  }),
);
const allText = pages.map(({ text }) => text).join("\n");

type Step = { readonly block: string; readonly commands: string; readonly output: string | undefined };
const steps: Step[] = [...allText.matchAll(/^```sh\n([\s\S]*?)^```(?:\n\n^```text\n([\s\S]*?)^```)?/gm)].map(
  ([block, commands = "", output]) => ({ block, commands, output }),
);

/**
 * The order of the steps across the pages, each by its first words: payer and provider wait for each other. Steps in one list need
 * nothing of each other, and run at the same time.
 */
const order: readonly (readonly string[])[] = [
  ["whitepay group quote", "(umask 077", "(umask 077", "(umask 077"],
  ["whitepay provider ingest", "whitepay provider register"],
  ["whitepay group create"],
  [
    "whitepay provider consent --config store/provider.yaml --group GROUP --price-per-month 1000 > consent.json",
  ],
  ["whitepay provider list", "whitepay group create"],
  ["whitepay provider revoke-consent"],
  ["whitepay provider run"],
  ["export WHITEPAY_GROUP", "whitepay group status"],
  ["whitepay group watch"],
  ["whitepay provider status", "whitepay provider earnings", "whitepay group fund"],
  ["whitepay provider withdraw", "whitepay group withdraw"],
  ["whitepay group fund 0.1 --permit"],
  ["whitepay group payments", "whitepay group retrieve", "whitepay group sync"],
  [
    "whitepay provider consent --config store/provider.yaml --group GROUP --price-per-month 1000 > consent-2.json",
  ],
  [
    "whitepay group remove-provider",
    "whitepay group enter",
    "whitepay group draft",
    "whitepay group name-payer",
    "whitepay payee show",
    "whitepay payee name",
  ],
  ["whitepay provider requests", "whitepay provider leave"],
  ["whitepay group terminate"],
  ["whitepay group abandon"],
];
/** The least time between two blocks; slow keepers make it longer. */
const block_ms = 100;
const patience_ms = 30_000;

let scene: PayerScene;
let folder: string;
let processes: Processes;
const failures: Error[] = [];
let mining: Mining | undefined;
let keeperApi = "";
/** The provider's status as JSON, joined with a keeper's records. */
let joined: { code: number | null; output: string };
/** Values of the words in capitals. */
const words = new Map<string, string>();
const printed = new Map<Step, string>();

beforeAll(async () => {
  scene = await payerScene();
  folder = join(scene.folder, "people");
  await mkdir(join(folder, "bin"), { recursive: true });
  const command = join(folder, "bin/whitepay");
  await writeFile(
    command,
    `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${cliScript}" "$@"\n`,
  );
  await chmod(command, 0o755);
  await writeFile(join(folder, "letters.tar"), seededBytes(300_000, 1));
  await writeFile(join(folder, "photos.tar"), seededBytes(4_500_000, 2));
  processes = new Processes((error) => failures.push(error));
  const [port] = await freePorts(1);
  for (const [word, value] of Object.entries({
    RPC: scene.rpc,
    FACTORY: scene.factory,
    REGISTRY: scene.registry,
    LENS: scene.lens,
    TOKEN: scene.token,
    COMMITTEE: await openCommittee(),
    "COMMITTEE-2": await openCommittee(),
    RECEIVER: `0x${"77".repeat(20)}`,
    SUCCESSOR: `0x${"66".repeat(20)}`,
    PORT: String(port),
    ...Object.fromEntries(scene.keepers.map(({ operator, index }) => [`KEEPER-${index}`, operator])),
  })) {
    words.set(word, value);
  }
});
afterAll(async () => {
  await mining?.stop();
  await processes.stopAll();
  await scene.close();
});

/** A committee of the first four keepers that any group may enter which pays a fee; returns its address. */
async function openCommittee(): Promise<string> {
  const terms = { token: scene.token, leastKeeperFee: 10n ** 12n, mostProviders: 1_000, open: true };
  const { address } = await scene.world.form(membersOf(scene).slice(0, 4), { rhythm: devnetRhythm, terms });
  return address;
}

function withValues(source: string): string {
  return [...words].reduce(
    (now, [word, value]) => now.replaceAll(new RegExp(`(?<![A-Z_])${word}(?![A-Z-])`, "g"), value),
    source,
  );
}

/** Runs the lines of a step in one shell and merges both streams, as a terminal does. */
function shell(commands: string): Promise<{ code: number | null; output: string }> {
  return new Promise((done, fail) => {
    const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}` };
    const group = words.get("GROUP");
    const child = spawn("sh", ["-ec", `exec 2>&1\n${withValues(commands)}`], {
      cwd: folder,
      env: { ...env, ...(group === undefined ? {} : { WHITEPAY_GROUP: group }) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.once("error", fail);
    child.once("close", (code) => done({ code, output }));
  });
}

/** Writes the pages' YAML files to where the commands expect them. */
async function writeFiles(): Promise<void> {
  for (const [, name = "", content = ""] of allText.matchAll(/^```yaml (\S+)\n([\s\S]*?)^```/gm)) {
    await writeFile(join(folder, name), withValues(content));
  }
}

async function startKeepers(): Promise<KeeperFleet> {
  const seats = await Promise.all(
    scene.keepers.slice(0, 4).map(async (keeper) => {
      return { keeper, configFile: await keeperConfig(scene, keeper) };
    }),
  );
  const fleet = new KeeperFleet(processes, seats);
  await Promise.all(seats.map((_, index) => fleet.start(index)));
  keeperApi = (fleet.readyLine(0) as { api: string }).api;
  return fleet;
}

function mineAtPaceOf(keepers: KeeperFleet): Mining {
  const pace = new Pace({
    living: () => keepers.living(),
    head: () => scene.provider.getBlockNumber(),
    mine: () => scene.mine(1),
    block_ms,
    patience_ms,
    onTrouble: (text) => void failures.push(new Error(text)),
  });
  return pace.begin((error) => void failures.push(error as Error));
}

/** Adds the group to the provider's config, starts the daemons, and then the mining of blocks. */
async function startDaemons(commands: string): Promise<string> {
  const group = words.get("GROUP") ?? "";
  const config = join(folder, "store/provider.yaml");
  await writeFile(config, (await readFile(config, "utf8")).replace("groups: []", `groups: ["${group}"]`));
  const args = withValues(commands.trim()).split(" ").slice(1);
  args[args.indexOf("store/provider.yaml")] = config;
  const provider = processes.start({
    name: "the provider",
    args: ["--disable-warning=ExperimentalWarning", cliScript, ...args],
    logFile: join(folder, "provider.log"),
    daemon: true,
  });
  const [ready, keepers] = await Promise.all([provider.ready, startKeepers()]);
  // Up to the first slot in which the provider is committed.
  const [account] = await new GroupView(scene.provider, scene.world.at(group)).providers();
  // One by one: blocks mined in one call do not link by parent hash, so keepers reject them.
  while ((await scene.provider.getBlockNumber()) < (account?.activeFrom ?? 0)) await scene.mine(1);
  mining = mineAtPaceOf(keepers);
  return `${JSON.stringify(ready)}\n`;
}

/** Prepares what later steps need beyond the text of the pages. */
async function afterwards(commands: string, output: string): Promise<void> {
  if (commands.includes("whitepay provider init")) {
    const operator = /^operator +(0x\w+)/m.exec(output)?.[1] ?? "";
    words.set("PROVIDER", operator);
    await scene.provider.send("hardhat_setBalance", [operator, "0x56bc75e2d63100000"]);
    await writeFiles();
  } else if (commands.startsWith("(umask")) {
    const account = /^payer\s+(0x\w+)/m.exec(output)?.[1] ?? "";
    words.set(commands.includes("payee.json") ? "PAYEE" : "ACCOUNT", account);
    await fundAccount(scene, account);
    await writeFiles();
  } else if (commands.startsWith("whitepay group create")) {
    const created = await readFile(join(folder, "group.created.json"), "utf8");
    words.set("GROUP", (JSON.parse(created) as { group: string }).group);
  } else if (commands.startsWith("whitepay group fund 0.1 --permit")) {
    const transfer = (
      scene.deployment.token.connect(await scene.provider.getSigner(0)) as Contract
    ).getFunction("transfer");
    await (await transfer(words.get("GROUP"), 3n * 10n ** 17n)).wait();
  } else if (commands.startsWith("whitepay group terminate")) {
    // The committee lets its turns lapse until `abandon` is possible (R34).
    const { from } = await abandonable(scene.provider, scene.world.at(words.get("GROUP") ?? ""));
    await scene.mine(Math.max(1, from - (await scene.provider.getBlockNumber())));
  } else if (commands.startsWith("whitepay provider status")) {
    joined = await shell(`${commands.trim()} --json --keeper-api ${keeperApi}`);
  } else if (commands.startsWith("whitepay group watch")) {
    // No further settlement is needed: from here on only transactions make blocks.
    await mining?.stop();
  }
}

/** Removes what differs from run to run: addresses, numbers, times, paths, and how often a line repeats. */
function shape(output: string): string[] {
  const lines = output
    .trim()
    .split("\n")
    // On a busy machine a challenge or a submission may be late, and the output says so.
    .filter((line) => !/LeaderReplaced|^ {2}slot \d+, keeper/.test(line))
    .map((line) =>
      line
        .replaceAll(/0x(?:[0-9a-fA-F]{6,}|…)/g, "0x…")
        .replaceAll(/12D3Koo\w+/g, "PEER")
        .replace(/^(volume +)\S+:/, "$1FOLDER:")
        .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE")
        .replaceAll(/\d+(?:\.\d+)?/g, "#")
        .replaceAll(/# (?:d|h|min|s)\b(?: # h)?/g, "TIME")
        .replaceAll(/# (?:B|[KMGT]iB)\b/g, "SIZE")
        .trimEnd(),
    );
  return lines.filter((line, i) => line !== lines[i - 1]);
}

/** The output as the page shows it: without folders of this machine, with shortened addresses. */
function readable(output: string): string {
  return output
    .replaceAll(`${folder}/`, "")
    .replaceAll(scene.rpc, "RPC")
    .replaceAll(/(0x[0-9a-fA-F]{6})[0-9a-fA-F]{34,}/g, "$1…")
    .replaceAll(/(12D3Koo\w{3})\w+/g, "$1…");
}

async function rewrite(): Promise<void> {
  for (const { file, text } of pages) {
    let now = text;
    for (const [{ block, commands, output }, actual] of printed) {
      if (output === undefined) continue;
      now = now.replace(block, () => `\`\`\`sh\n${commands}\`\`\`\n\n\`\`\`text\n${actual}\`\`\``);
    }
    await writeFile(file, now);
  }
}

async function play(step: Step): Promise<void> {
  if (step.commands.startsWith("whitepay provider run")) {
    printed.set(step, readable(await startDaemons(step.commands)));
    return;
  }
  const { code, output } = await shell(step.commands);
  expect(code, `${step.commands}\n${output}`).toBe(0);
  await afterwards(step.commands, output);
  printed.set(step, readable(output));
}

describe("the pages of payer and provider", () => {
  it(
    "list commands that work, from the first quote to the end of a group",
    { timeout: 600_000 },
    async () => {
      const left = [...steps];
      for (const starts of order) {
        const taken = starts.map((start) => {
          const at = left.findIndex(({ commands }) => commands.startsWith(start));
          expect(at, `a page has a step that begins with ${start}`).toBeGreaterThanOrEqual(0);
          return left.splice(at, 1)[0] as Step;
        });
        await Promise.all(taken.map(play));
      }
      expect(left.map(({ commands }) => commands)).toEqual([]);
      expect(failures).toEqual([]);
    },
  );

  it("show what the commands print", async () => {
    if (process.env["WHITEPAY_WRITE_DOCS"] === "1") return rewrite();
    expect(printed.size).toBe(order.flat().length);
    for (const [{ commands, output }, actual] of printed) {
      // Reports all differences at once, so that the pages can be corrected in one edit.
      expect.soft({ commands, output: shape(actual) }).toEqual({ commands, output: shape(output ?? "") });
    }
  });

  it("let a provider ask a keeper for its records", () => {
    const { code, output } = joined;
    expect(code).toBe(0);
    // If the keeper did not answer, or its answer was invalid, the output would begin with its name instead of the document.
    type Sums = { challenges: number; bytesProven: string };
    const { groups } = JSON.parse(output) as { groups: { provider: number; sums: Sums }[] };
    expect(groups).toMatchObject([{ provider: 0 }]);
    expect(groups[0]?.sums.challenges).toBeGreaterThan(0);
    expect(BigInt(groups[0]?.sums.bytesProven ?? 0)).toBeGreaterThan(0n);
  });

  it("have returned to the payer the bytes for which the provider was paid", async () => {
    for (const name of ["letters.tar", "photos.tar"]) {
      const back = await readFile(join(folder, "back", name));
      expect(Buffer.compare(back, await readFile(join(folder, name)))).toBe(0);
    }
    // What the provider earned came beside the tokens with which the test funds every account.
    const token = { address: scene.token, symbol: "WPD", decimals: 18 };
    const held = await tokenBalance(scene.provider, token, words.get("PAYEE") ?? "");
    expect(held).toBeGreaterThan(10n ** 25n);
  });
});
