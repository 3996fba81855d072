/** `whitepay group …` on a real chain: outputs, refusals, and resumed runs. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommitteeView } from "../../client/committee-view.ts";
import { priceFor } from "../../client/prices.ts";
import { groupStatus, type GroupStatus } from "../../client/status.ts";
import { readGroupFile } from "../../cli/group/files/group.ts";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { groupFile, providerLines } from "../support/group-file.ts";
import { runCli, startAtTerminal, type CliResult } from "../support/cli.ts";
import {
  accountFlags,
  keeperConfig,
  membersOf,
  payerScene,
  storingProvider,
  type PayerScene,
} from "../support/payer-scene.ts";

/** Of the files below: 2592 tokens per TiB and month, in blocks of 1 s. */
const price = priceFor({ perMonth: 2_592n * 10n ** 18n, blockTime_s: 1 });

let scene: PayerScene;
beforeAll(async () => {
  scene = await payerScene();
});
afterAll(() => scene.close());

const statusOf = (group: string): Promise<GroupStatus> =>
  groupStatus(scene.provider, { address: group, lens: scene.lens });

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
    const file = await groupFile(scene, { name: "first", providers });
    const dry = await scene.json(["group", "create", file, "--dry-run"]);
    expect(dry.transactions).toMatchObject([{ method: "createPrivate", sent: false }]);
    const planned = ["createPrivate", "approve", "deposit", "addProvider", "addProvider"];
    expect(dry.planned.map(({ method }: { method: string }) => method)).toEqual(planned);
    expect(grades(dry.checks)).toEqual({
      chain: "ok",
      "block time": "ok",
      rules: "ok",
      consents: "ok",
      keepers: "warn",
      providers: "warn",
      price: "ok",
      deposit: "ok",
      token: "ok",
      coin: "ok",
    });
    const { found } = dry.checks.find(({ name }: { name: string }) => name === "price");
    expect(found).toMatch(
      /^2592 WPD a TiB and month \(\d+ units per 2\^64 byte·blocks\); with the fee 0\.\d+ WPD a month/,
    );
    const before = await scene.provider.getBlockNumber();

    const made = await scene.json(["group", "create", file, "--yes"]);
    expect(made.waitingFor).toEqual(providers.map(({ operator }) => operator));
    expect(made.transactions.map(({ method }: { method: string }) => method)).toEqual([
      "createPrivate",
      "approve",
      "deposit",
    ]);
    expect(await scene.provider.getBlockNumber()).toBe(before + 3);
    const { group } = made;

    await providers[0].consent(group, join(scene.folder, "first-0.json"), price);
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
    await providers[1].consent(group, join(scene.folder, "first-1.json"), price);
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
      escrow: { deposited: String(10n ** 19n) },
    });
    // 2592 tokens per TiB and month of 2,592,000 blocks: 0.001 token per TiB and block.
    const { data } = status.providers[0];
    expect(data[0].price).toBe(String(((10n ** 15n) << 64n) / (1n << 40n)));
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
    const file = await groupFile(scene, {
      name: "second",
      providers: [provider],
      extra: "keeperShareBps: 500",
    });
    const { group } = await scene.json(["group", "create", file, "--yes"]);
    const consent = join(scene.folder, "second-0.json");
    await provider.consent(group, consent, price);
    const on = ["--group", group, "--yes"];
    await scene.json(["group", "create", file, "--yes"]);
    await scene.mine(24);
    await provider.consent(group, consent, price);
    const changed = await scene.json(["group", "set-data", consent, ...on]);
    expect(changed.transactions).toMatchObject([{ method: "changeData", sent: true }]);
    const keeper = (index: number): string => scene.keepers[index]?.operator ?? "";
    await scene.json(["group", "replace-keeper", keeper(0), keeper(4), ...on]);
    const { committee } = await statusOf(group);
    const address = committee?.address ?? "";
    const view = new CommitteeView(scene.provider, { address, lens: scene.lens });
    const proposed = [4, 1, 2, 3].map(keeper);
    expect(await view.version(2)).toMatchObject({ operators: proposed, consented: [] });
    const config = await keeperConfig(scene, scene.keepers[4] as (typeof scene.keepers)[number]);
    const words = ["committee", "accept", address, "--version", "2", "--config", config, "--yes", "--json"];
    const accepted = await runCli(words);
    expect(JSON.parse(accepted.stdout)).toMatchObject({ version: 2, transactions: [{ sent: true }] });
    expect((await view.version(2)).consented).toEqual([0]);
    const changes = [{ seat: 0, old: keeper(0), next: keeper(4) }];
    expect((await statusOf(group)).proposals).toEqual([
      { version: 2, proposer: scene.payer.address, changes, consented: [0] },
    ]);
    expect((await scene.run(["group", "status", "--group", group])).stdout).toContain(
      `\n  proposed   version 2 by ${scene.payer.address}: ${keeper(4)} as keeper 0; 1 keeper of it consented\n`,
    );
    await scene.json(["group", "replace-keeper", "--withdraw", "2", ...on]);
    expect((await statusOf(group)).proposals).toEqual([]);
    const late = await scene.run(["group", "replace-keeper", "--withdraw", "2", ...on]);
    expect(late).toMatchObject({ code: 4, stderr: expect.stringContaining("rule R37") });
    const tooMuch = await scene.run(["group", "withdraw", "5000", ...on]);
    expect(tooMuch.code).toBe(4);
    expect(tooMuch.stderr).toContain("rule R32");
  });

  it("enters a shared committee after the deposit, and shows its terms before", async () => {
    const provider = await storingProvider(scene, "nine", 21_009);
    const members = membersOf(scene).slice(0, 4);
    const terms = { token: scene.token, leastKeeperFee: 5_000n, mostProviders: 2 };
    const form = (isOpen: boolean): Promise<Committee> =>
      scene.world.form(members, { rhythm: devnetRhythm, terms: { ...terms, open: isOpen } });
    const open = await form(true);
    const closed = await form(false);
    const file = join(scene.folder, "shared.yaml");
    const lines = (committee: string, fee: string): string[] => [
      "preset: devnet",
      "blockTime_s: 1",
      `token: "${scene.token}"`,
      'pricePerMonth: "2592"',
      'deposit: "10"',
      `keeperFee: "${fee}"`,
      `committee: "${committee}"`,
      ...providerLines("shared", [provider]),
    ];
    const create = async (
      committee: string,
      fee: string,
      ...flags: readonly string[]
    ): Promise<CliResult> => {
      await writeFile(file, `${lines(committee, fee).join("\n")}\n`);
      return scene.run(["group", "create", file, ...flags]);
    };
    const cheap = await create(open.address, "4999", "--dry-run");
    expect(cheap).toMatchObject({ code: 4, stdout: "" });
    expect(cheap.stderr).toMatch(
      /^fail {2}committee {2}0x\w+ refuses the group \(R38\): keeperFee: at least 5000 \(/m,
    );
    const stranger = await accountFlags(scene, "nine-payer", Wallet.createRandom().privateKey);
    const alone = await create(closed.address, "5000", "--dry-run", ...stranger);
    expect(alone.code, alone.stderr).toBe(0);
    expect(alone.stderr).toMatch(
      new RegExp(
        `its convener ${scene.payer.address} must let the group in first: whitepay group invite --group 0x`,
      ),
    );
    const made = await create(open.address, "5000", "--yes", "--json");
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr).toMatch(
      /^ok {4}committee {2}0x\w+, 4 keepers, 2 providers left; terms: WPD, fee at least 0\.0+5 WPD per provider and 65,536 blocks, share at least 10 %, at most 2 providers, open to any group$/m,
    );
    const { group, transactions } = JSON.parse(made.stdout) as {
      group: string;
      transactions: { method: string }[];
    };
    expect(transactions.map(({ method }) => method)).toEqual(["createGroup", "approve", "deposit", "enter"]);
    const { state, config } = await statusOf(group);
    expect(state.service).toMatchObject({ committee: open.address, number: 1, ceiling: 1 });
    expect(config.keeperFee).toBe(5_000n);
  });

  it("forms a private committee before its group if the group pays a fee", async () => {
    const provider = await storingProvider(scene, "ten", 21_010);
    const file = await groupFile(scene, {
      name: "paying",
      providers: [provider],
      extra: 'keeperFee: "5000"',
    });
    const made = await scene.json(["group", "create", file, "--yes"]);
    const methods = ["createCommittee", "createGroup", "approve", "deposit", "enter"];
    expect(made.transactions.map(({ method }: { method: string }) => method)).toEqual(methods);
    expect(made.planned.map(({ method }: { method: string }) => method)).toEqual([...methods, "addProvider"]);
    const { state, committee } = await statusOf(made.group);
    expect(state.service).toMatchObject({ committee: committee?.address, ceiling: 1 });
    expect(committee?.convener).toBe(scene.payer.address);
  });

  it("reports errors in a group file with line and expected value", async () => {
    const provider = await storingProvider(scene, "four", 21_004);
    const file = await groupFile(scene, { name: "wrong", providers: [provider] });
    const good = await readFile(file, "utf8");
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
    const file = await groupFile(scene, { name: "looked", providers: [provider] });
    const good = await readFile(file, "utf8");
    const sent = await scene.provider.getTransactionCount(scene.payer.address);
    let files = 0;
    const refused = async (from: string, to: string): Promise<CliResult> => {
      expect(good).toContain(from);
      const changed = join(scene.folder, `looked-${files++}.yaml`);
      await writeFile(changed, good.replace(from, to));
      return scene.run(["group", "create", changed, "--yes"]);
    };
    const nobody = `0x${"77".repeat(20)}`;
    const all = await Promise.all([
      refused("preset: devnet", "preset: mainnet"),
      refused("preset: devnet", "preset: devnet\nblocks: { turn: 10 }"),
      refused("preset: devnet", "preset: devnet\nblocks: { lockup: 99 }"),
      refused(scene.keepers[2]?.operator ?? "", nobody),
      refused(provider.operator, nobody),
      refused('deposit: "10"', 'deposit: "0.0000000001"'),
      refused('deposit: "10"', 'deposit: "100000000"'),
      refused('deposit: "10"', 'deposit: "10"\nmonths: 3'),
    ]);
    const [chain, rules, short, keeper, absent, little, much, both] = all;
    expect(all.map(({ stdout }) => stdout).join("")).toBe("");
    expect(await scene.provider.getTransactionCount(scene.payer.address)).toBe(sent);
    expect(chain.code).toBe(2);
    expect(chain.stderr).toContain("preset mainnet is for chain 1, but the endpoint serves chain 31337");
    expect(rules.code).toBe(4);
    expect(rules.stderr).toContain("2/3 turn >= time for its round: expected 14, actual 7");
    // The contract refuses it only when the group enters, after the deposit.
    expect(short.code).toBe(4);
    expect(short.stderr).toContain("lockup >= interval+(f+1)*turn: expected 100, actual 99");
    expect(keeper.code).toBe(1);
    expect(keeper.stderr).toContain(`not registered: ${nobody}`);
    expect(absent.stderr).toMatch(/^fail {2}providers {2}not registered: 0x7777/m);
    expect(little.code).toBe(5);
    expect(little.stderr).toMatch(
      /all providers and the fee need 0\.0000000\d+ WPD in the escrow for the lockup/,
    );
    expect(much.code).toBe(5);
    expect(much.stderr).toMatch(/^fail {2}token .* has [\d.]+ WPD$/m);
    expect(both.stderr).toMatch(/deposit .*months/);
    const pace = await scene.json(["group", "create", await paced(file, good), "--dry-run"]);
    expect(grades(pace.checks)).toMatchObject({ "block time": "warn" });
  });

  it("deposits for the months in the file, and detects a changed file", async () => {
    const provider = await storingProvider(scene, "eight", 21_008);
    const file = await groupFile(scene, { name: "months", providers: [provider] });
    await writeFile(file, (await readFile(file, "utf8")).replace('deposit: "10"', "months: 3"));
    const [made, quoted] = await Promise.all([
      scene.json(["group", "create", file, "--yes"]),
      runCli(["group", "quote", file, "--rpc", scene.rpc, "--months", "3", "--json"]),
    ]);
    const { depositAdvised } = JSON.parse(quoted.stdout) as { depositAdvised: string };
    const { escrow } = await statusOf(made.group);
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
    await provider.consent(made.group, join(scene.folder, "months-0.json"), price);
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
    const status = (...flags: readonly string[]): Promise<CliResult> =>
      scene.run(["group", "status", ...flags]);
    const [unknown, missing, dead, other] = await Promise.all([
      status("--group", group),
      status(),
      status("--group", group, "--rpc", "http://127.0.0.1:1"),
      status("--group", group, "--chain-id", "5"),
    ]);
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toContain(`there is no group at ${group}`);
    expect(missing.stderr).toContain("by WHITEPAY_GROUP or by --group");
    expect(dead).toMatchObject({ code: 3, stdout: "" });
    expect(other.code).toBe(3);

    const provider = await storingProvider(scene, "five", 21_005);
    const file = await groupFile(scene, { name: "codes", providers: [provider] });
    const unasked = await scene.run(["group", "create", file]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toMatch(
      /^warn {2}keepers {4}4 registered, 0 reachable from here; a settlement needs 3/m,
    );
    expect(unasked.stderr).toMatch(/^ {2}4 {2}adding provider 0x.* \(addProvider, \d+ gas at most\)$/m);
    expect(unasked.stderr).toMatch(
      /^total cost at most [\d.]+ of the chain's coin, plus 10 WPD into the escrow$/m,
    );
    expect(unasked.stderr).toContain("--yes sends without asking");
    // At a terminal one answer sends all transactions: a second question would have no answer.
    const asking = startAtTerminal(["group", "create", file, "--config", join(scene.folder, "payer.yaml")]);
    await asking.said("Send all of them?");
    asking.type("y\r");
    const created = await asking.ended;
    expect(created.code, created.stdout).toBe(0);
    const [, made = ""] = /^group +(0x[0-9a-fA-F]{40})\b/m.exec(created.stdout) ?? [];
    const [shown, poor] = await Promise.all([
      scene.json(["group", "status", "--group", made]),
      scene.run(["group", "fund", "100000000", "--group", made, "--yes"]),
    ]);
    expect(shown.escrow.deposited).toBe(String(10n ** 19n));
    expect(poor).toMatchObject({ code: 5, stdout: "" });
    expect(poor.stderr).toContain("too little WPD");
    await scene.json(["group", "terminate", "--group", made, "--yes"]);
    const twice = await scene.run(["group", "terminate", "--group", made, "--yes"]);
    expect(twice.code).toBe(4);
    expect(twice.stderr).toContain("R33");
  });

  it("watch prints each event once, with amounts, and stops after the given number", async () => {
    const provider = await storingProvider(scene, "six", 21_006);
    const file = await groupFile(scene, { name: "watched", providers: [provider] });
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
      expect.stringMatching(/^block \d+ {2}Credited {2}blocks \d+ to \d+, no provider$/),
      expect.stringMatching(/^block \d+ {2}Entered {2}committee 0x\w+, number 1, ceiling 1, from \d+$/),
      expect.stringMatching(/^block \d+ {2}Deposited {2}from 0x\w+, amount 10 WPD$/),
    ]);
  });
});
