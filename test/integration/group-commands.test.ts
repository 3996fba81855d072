/** `whitepay group …` on a real chain: outputs, refusals, and resumed runs. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { groupStatus, measurePace } from "../../client/status.ts";
import { writeKeeperConfig } from "../../scripts/fleet/setup.ts";
import { runCli, startAtTerminal } from "../support/cli.ts";
import {
  payerScene,
  storingProvider,
  type PayerScene,
  type StoringProvider,
} from "../support/payer-scene.ts";

let scene: PayerScene;
beforeAll(async () => {
  scene = await payerScene();
});
afterAll(() => scene.close());

type FileOptions = {
  readonly name: string;
  readonly providers: readonly StoringProvider[];
  readonly extra?: string;
};

async function groupFile({ name, providers, extra = "" }: FileOptions): Promise<string> {
  const path = join(scene.folder, `${name}.yaml`);
  const lines = [
    "preset: devnet",
    "blockTime_s: 1",
    `token: "${scene.token}"`,
    'pricePerMonth: "2592"',
    'deposit: "1000"',
    extra,
    "keepers:",
    ...scene.keepers.slice(0, 4).map(({ operator }) => `  - "${operator}"`),
    "providers:",
    ...providers.flatMap(({ operator, files }, index) => [
      `  - operator: "${operator}"`,
      `    consent: ${name}-${index}.json`,
      "    data:",
      `      files: [${files.join(", ")}]`,
    ]),
  ];
  await writeFile(path, `${lines.filter((line) => line !== "").join("\n")}\n`);
  return path;
}

function grades(checks: readonly { readonly name: string; readonly grade: string }[]): object {
  return Object.fromEntries(checks.map(({ name, grade }) => [name, grade]));
}

/** The group file with a block time 60 times that of the chain. */
async function paced(file: string, text: string): Promise<string> {
  await writeFile(file, text.replace("blockTime_s: 1", "blockTime_s: 60"));
  return file;
}

describe("whitepay group", () => {
  it("creates, funds and fills a group from its file; a resumed run repeats nothing", async () => {
    const providers = [
      await storingProvider(scene, "one", 21_001),
      await storingProvider(scene, "two", 21_002),
    ] as const;
    const file = await groupFile({ name: "first", providers });
    const dry = await scene.json(["group", "create", file, "--dry-run"]);
    expect(dry.transactions).toMatchObject([{ method: "createGroup", sent: false }]);
    const planned = ["createGroup", "approve", "deposit", "addProvider", "addProvider"];
    expect(dry.planned.map(({ method }: { method: string }) => method)).toEqual(planned);
    expect(grades(dry.checks)).toEqual({
      chain: "ok",
      "block time": "ok",
      rules: "ok",
      keepers: "warn",
      providers: "warn",
      deposit: "ok",
      token: "ok",
      coin: "ok",
    });
    const before = await scene.provider.getBlockNumber();

    const made = await scene.json(["group", "create", file, "--yes"]);
    expect(made.waitingFor).toEqual(providers.map(({ operator }) => operator));
    expect(made.transactions.map(({ method }: { method: string }) => method)).toEqual([
      "createGroup",
      "approve",
      "deposit",
    ]);
    expect(await scene.provider.getBlockNumber()).toBe(before + 3);
    const { group } = made;

    await providers[0].consent(group, join(scene.folder, "first-0.json"));
    const again = await scene.json(["group", "create", file, "--yes"]);
    expect(again).toMatchObject({ group, waitingFor: [providers[1].operator] });
    expect(again.transactions).toMatchObject([{ method: "addProvider", sent: true }]);
    // The printed gas limits are upper bounds of the sent ones.
    const shown = new Map<string, bigint>(
      dry.planned.map(({ method, gas }: { method: string; gas: string }) => [method, BigInt(gas)]),
    );
    for (const { method, gas } of [...made.transactions, ...again.transactions])
      expect(BigInt(gas), method).toBeLessThanOrEqual(shown.get(method) ?? 0n);
    // Simulates a first run that is killed after it recorded the sent transaction only.
    const note = join(scene.folder, "first.created.json");
    const { group: _, ...sent } = JSON.parse(await readFile(note, "utf8")) as { group: string };
    await writeFile(note, JSON.stringify({ ...sent, funded: false }));
    const idle = await scene.json(["group", "create", file, "--yes"]);
    expect(idle).toMatchObject({ group, transactions: [] });

    // A consent for data that differs from the payer's files is refused.
    await providers[1].consent(group, join(scene.folder, "first-1.json"));
    const other = ["--files", providers[1].files[1] ?? ""];
    const consent = join(scene.folder, "first-1.json");
    const wrong = await scene.run(["group", "add-provider", consent, "--group", group, "--yes", ...other]);
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain("consents to data that differs");
    const right = ["--files", ...providers[1].files];
    await scene.json(["group", "add-provider", consent, "--group", group, "--yes", ...right]);
    const used = await scene.run(["group", "add-provider", consent, "--group", group, "--yes"]);
    expect(used.code).toBe(4);
    expect(used.stderr).toContain("whitepay: the contract refused adding provider");

    await scene.mine(20);
    const status = await scene.json(["group", "status", "--group", group, "--months", "1"]);
    expect(status).toMatchObject({
      shortfall: "0",
      bytes: String(2 * 200_001),
      escrow: { deposited: String(10n ** 21n) },
    });
    // 2592 tokens per month of 2,592,000 blocks: 0.001 token per GiB and block.
    expect(status.parameters.price).toBe(String(10n ** 15n));
    const text = await scene.run(["group", "status", "--group", group]);
    expect(text.stdout).toMatch(/^funded until block \d+, about \d{4}-\d\d-\d\d .* blocks, \d+ d/m);
    expect(text.stdout).toMatch(/^shortfall {4}none$/m);
    // The estimate has its measured range; only the reserve is guaranteed.
    expect(text.stdout).toMatch(/^head .* block time [\d.]+ s over the last \d+ blocks \(/m);
    expect(text.stdout).toMatch(
      /^ {2}reserved {3}until block \d+, about .*; the payer may withdraw the rest$/m,
    );
  });

  it("changes data, and proposes a keeper, which accepts", async () => {
    const provider = await storingProvider(scene, "three", 21_003);
    const file = await groupFile({ name: "second", providers: [provider], extra: "keeperShareBps: 500" });
    const { group } = await scene.json(["group", "create", file, "--yes"]);
    const consent = join(scene.folder, "second-0.json");
    await provider.consent(group, consent);
    const on = ["--group", group, "--yes"];
    await scene.json(["group", "create", file, "--yes"]);
    await scene.mine(24);
    await provider.consent(group, consent);
    const changed = await scene.json(["group", "set-data", consent, ...on]);
    expect(changed.transactions).toMatchObject([{ method: "changeData", sent: true }]);
    const keeper = (index: number): string => scene.keepers[index]?.operator ?? "";
    await scene.json(["group", "replace-keeper", keeper(0), keeper(4), ...on]);
    const proposed = await scene.run(["group", "status", "--group", group]);
    expect(proposed.stdout).toContain(`proposed     version 2, waits for ${keeper(4)}, ${keeper(1)}, `);
    const comer = scene.keepers[4] as (typeof scene.keepers)[number];
    const { rpc, registry } = scene;
    const config = await writeKeeperConfig(comer, { rpc: [rpc], chainId: 31_337, registry, group });
    const accepted = await runCli(["keeper", "accept", group, "--config", config, "--yes", "--json"]);
    expect(JSON.parse(accepted.stdout)).toMatchObject({ committee: 2, transactions: [{ sent: true }] });
    const { pendingCommittee } = await groupStatus(scene.provider, group);
    expect(pendingCommittee).toMatchObject({ version: 2, accepted: [0] });
    await scene.json(["group", "replace-keeper", "--cancel", ...on]);
    expect((await groupStatus(scene.provider, group)).pendingCommittee).toBeUndefined();
    const tooMuch = await scene.run(["group", "withdraw", "5000", ...on]);
    expect(tooMuch.code).toBe(4);
    expect(tooMuch.stderr).toContain("rule R32");
  });

  it("reports errors in a group file with line and expected value", async () => {
    const provider = await storingProvider(scene, "four", 21_004);
    const file = await groupFile({ name: "wrong", providers: [provider] });
    const good = await readFile(file, "utf8");
    const { readGroupFile } = await import("../../cli/group/files/group.ts");
    const refusedFor = async (change: (text: string) => string): Promise<string> => {
      await writeFile(file, change(good));
      return readGroupFile(file).then(
        () => "accepted",
        (error: unknown) => (error as Error).message.replace(file, "FILE"),
      );
    };
    const keeper = scene.keepers[3]?.operator ?? "";
    expect(await refusedFor((text) => text)).toBe("accepted");
    expect(await refusedFor((text) => text.replace("deposit", "deposits"))).toBe(
      'FILE:5: deposits: unknown key; did you mean "deposit"?',
    );
    expect(await refusedFor((text) => text.replace(`  - "${keeper}"\n`, ""))).toBe(
      "FILE:7: keepers: expected 3f+1 keepers: 4, 7, 10, … 124; actual 3",
    );
    expect(await refusedFor((text) => text.replace(`"${keeper}"`, `"${keeper.slice(0, -1)}"`))).toContain(
      "FILE:10: keepers.3: expected an address: 0x and 40 hex digits",
    );
    expect(await refusedFor((text) => text.replace("preset: devnet\n", "blocks: { turn: 36 }\n"))).toBe(
      "FILE:1: blocks: missing: interval, slot, answer, confirmations, lockup; use a preset, or give them",
    );
    expect(await refusedFor((text) => text.replace("    data:\n", '    data:\n      bytes: "5"\n'))).toMatch(
      /^FILE:1[45]: providers.0.data: expected either files, or root and bytes$/,
    );
    expect(await refusedFor((text) => text.replace("pricePerMonth", 'price: "1"\npricePerMonth'))).toMatch(
      /^FILE:4: price: expected one of price/,
    );
    expect(await refusedFor((text) => `${text}\n: [`)).toMatch(/^FILE:\d+: /);
    const bad = await scene.run(["group", "create", file, "--yes"]);
    expect(bad).toMatchObject({ code: 2, stdout: "" });
  });

  it("checks everything first, and sends nothing if a later transaction would be refused", async () => {
    const provider = await storingProvider(scene, "seven", 21_007);
    const file = await groupFile({ name: "looked", providers: [provider] });
    const good = await readFile(file, "utf8");
    const sent = await scene.provider.getTransactionCount(scene.payer.address);
    const refused = async (from: string, to: string): Promise<{ code: number | null; stderr: string }> => {
      expect(good).toContain(from);
      await writeFile(file, good.replace(from, to));
      const { code, stdout, stderr } = await scene.run(["group", "create", file, "--yes"]);
      expect(stdout).toBe("");
      expect(await scene.provider.getTransactionCount(scene.payer.address)).toBe(sent);
      return { code, stderr };
    };
    const chain = await refused("preset: devnet", "preset: mainnet");
    expect(chain.code).toBe(2);
    expect(chain.stderr).toContain("preset mainnet is for chain 1, but the endpoint serves chain 31337");
    const rules = await refused("preset: devnet", "preset: devnet\nblocks: { turn: 10 }");
    expect(rules.code).toBe(4);
    expect(rules.stderr).toContain("2/3 turn >= time for its round: expected 14, actual 7");
    const nobody = `0x${"77".repeat(20)}`;
    const keeper = await refused(scene.keepers[2]?.operator ?? "", nobody);
    expect(keeper.code).toBe(1);
    expect(keeper.stderr).toContain(`not registered: ${nobody}`);
    const absent = await refused(provider.operator, nobody);
    expect(absent.stderr).toMatch(/^fail {2}providers {2}not registered: 0x7777/m);
    const little = await refused('deposit: "1000"', 'deposit: "0.00001"');
    expect(little.code).toBe(5);
    expect(little.stderr).toContain("all providers need 0.0000186");
    const much = await refused('deposit: "1000"', 'deposit: "100000000"');
    expect(much.code).toBe(5);
    expect(much.stderr).toMatch(/^fail {2}token .* has [\d.]+ WPD$/m);
    const both = await refused('deposit: "1000"', 'deposit: "1000"\nmonths: 3');
    expect(both.stderr).toMatch(/deposit .*months/);
    const pace = await scene.json(["group", "create", await paced(file, good), "--dry-run"]);
    expect(grades(pace.checks)).toMatchObject({ "block time": "warn" });
  });

  it("deposits for the months in the file, and detects a changed file", async () => {
    const provider = await storingProvider(scene, "eight", 21_008);
    const file = await groupFile({ name: "months", providers: [provider] });
    await writeFile(file, (await readFile(file, "utf8")).replace('deposit: "1000"', "months: 3"));
    const made = await scene.json(["group", "create", file, "--yes"]);
    const quoted = await runCli(["group", "quote", file, "--rpc", scene.rpc, "--months", "3", "--json"]);
    const { depositAdvised } = JSON.parse(quoted.stdout) as { depositAdvised: string };
    const { escrow } = await groupStatus(scene.provider, made.group);
    expect(escrow.deposited).toBe(BigInt(depositAdvised));

    const [changed = ""] = provider.files;
    const before = await readFile(changed);
    await writeFile(changed, Buffer.concat([before, Buffer.from("more")]));
    const refused = await scene.run(["group", "create", file, "--yes"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /file-0 changed since the group was created: expected 0x[0-9a-f]{64}, actual 0x/,
    );
    await writeFile(changed, before);
    await provider.consent(made.group, join(scene.folder, "months-0.json"));
    const added = await scene.run(["group", "create", file, "--yes"]);
    expect(added.code).toBe(0);
    expect(added.stderr).toContain(
      `the group is complete (1 provider); see whitepay group status --group ${made.group}`,
    );
    // The provider stores the old file: this is a warning only.
    await writeFile(changed, Buffer.concat([before, Buffer.from("more")]));
    const later = await scene.run(["group", "create", file, "--yes"]);
    expect(later.code).toBe(0);
    expect(later.stderr).toMatch(/^warn {2}files /m);
  });

  it("exits with the code of the failure, and keeps data apart from messages", async () => {
    const group = `0x${"12".repeat(20)}`;
    const unknown = await scene.run(["group", "status", "--group", group]);
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toContain(`there is no group at ${group}`);
    const missing = await scene.run(["group", "status"]);
    expect(missing.stderr).toContain("by WHITEPAY_GROUP or by --group");
    const dead = await scene.run(["group", "status", "--group", group, "--rpc", "http://127.0.0.1:1"]);
    expect(dead).toMatchObject({ code: 3, stdout: "" });
    const other = await scene.run(["group", "status", "--group", group, "--chain-id", "5"]);
    expect(other.code).toBe(3);

    const provider = await storingProvider(scene, "five", 21_005);
    const file = await groupFile({ name: "codes", providers: [provider] });
    const unasked = await scene.run(["group", "create", file]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toMatch(
      /^warn {2}keepers {4}4 registered, 0 reachable from here; a settlement needs 3/m,
    );
    expect(unasked.stderr).toMatch(/^ {2}4 {2}adding provider 0x.* \(addProvider, \d+ gas at most\)$/m);
    expect(unasked.stderr).toMatch(
      /^total cost at most [\d.]+ of the chain's coin, plus 1000 WPD into the escrow$/m,
    );
    expect(unasked.stderr).toContain("--yes sends without asking");
    // At a terminal one answer sends all transactions: a second question would have no answer.
    const asking = startAtTerminal(["group", "create", file, "--config", join(scene.folder, "payer.yaml")]);
    await asking.said("Send all of them?");
    asking.type("y\r");
    const created = await asking.ended;
    expect(created.code, created.stdout).toBe(0);
    const [, made = ""] = /^group +(0x[0-9a-fA-F]{40})\b/m.exec(created.stdout) ?? [];
    const status = await scene.json(["group", "status", "--group", made]);
    expect(status.escrow.deposited).toBe(String(10n ** 21n));
    const poor = await scene.run(["group", "fund", "100000000", "--group", made, "--yes"]);
    expect(poor).toMatchObject({ code: 5, stdout: "" });
    expect(poor.stderr).toContain("too little WPD");
    await scene.json(["group", "terminate", "--group", made, "--yes"]);
    const twice = await scene.run(["group", "terminate", "--group", made, "--yes"]);
    expect(twice.code).toBe(4);
    expect(twice.stderr).toContain("R33");
  });

  it("watch prints each event once, with amounts, and stops after the given number", async () => {
    const provider = await storingProvider(scene, "six", 21_006);
    const file = await groupFile({ name: "watched", providers: [provider] });
    const { group } = await scene.json(["group", "create", file, "--yes"]);
    const head = await scene.provider.getBlockNumber();
    const watching = scene.run([
      "group",
      "watch",
      "--group",
      group,
      "--from",
      String(head - 2),
      "--blocks",
      "1",
      "--poll-ms",
      "50",
    ]);
    // Mine blocks until the watch ends.
    const mining = setInterval(() => void scene.mine(1), 200);
    const { code, stdout } = await watching.finally(() => clearInterval(mining));
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toEqual([
      expect.stringMatching(/^block \d+ {2}CommitteeActivated/),
      expect.stringMatching(/^block \d+ {2}Deposited {2}from 0x\w+, amount 1000 WPD$/),
    ]);
  });

  it("estimates times from the pace of a day of blocks, which an outage of minutes changes little", async () => {
    await scene.provider.send("hardhat_mine", ["0x1c20", "0xc"]);
    await scene.provider.send("evm_increaseTime", [1_200]);
    await scene.mine(1);
    const block = await scene.provider.getBlock("latest");
    const pace = await measurePace(scene.provider, {
      block: block?.number ?? 0,
      time_s: block?.timestamp ?? 0,
    });
    expect(pace.blocks).toBe(7_200);
    expect(pace.block_s).toBeGreaterThan(12);
    expect(pace.block_s).toBeLessThan(12 * 1.02);
  });
});
