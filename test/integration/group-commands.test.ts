/** `whitepay group …` on a real chain: outputs, resumed runs, and changes of a group. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommitteeView } from "../../client/committee-view.ts";
import { priceFor } from "../../client/prices.ts";
import { groupFile } from "../support/group-file.ts";
import { runCli } from "../support/cli.ts";
import {
  grades,
  keeperConfig,
  payerScene,
  statusOf,
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
    const { committee } = await statusOf(scene, group);
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
    expect((await statusOf(scene, group)).proposals).toEqual([
      { version: 2, proposer: scene.payer.address, changes, consented: [0] },
    ]);
    expect((await scene.run(["group", "status", "--group", group])).stdout).toContain(
      `\n  proposed   version 2 by ${scene.payer.address}: ${keeper(4)} as keeper 0; 1 keeper of it consented\n`,
    );
    await scene.json(["group", "replace-keeper", "--withdraw", "2", ...on]);
    expect((await statusOf(scene, group)).proposals).toEqual([]);
    const late = await scene.run(["group", "replace-keeper", "--withdraw", "2", ...on]);
    expect(late).toMatchObject({ code: 4, stderr: expect.stringContaining("rule R37") });
    const tooMuch = await scene.run(["group", "withdraw", "5000", ...on]);
    expect(tooMuch.code).toBe(4);
    expect(tooMuch.stderr).toContain("rule R32");
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
    const { escrow } = await statusOf(scene, made.group);
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
