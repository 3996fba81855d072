/** What `whitepay group …` refuses, with the reason and the exit code, on a real chain. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGroupFile } from "../../cli/group/files/group.ts";
import { groupFile } from "../support/group-file.ts";
import { startAtTerminal, type CliResult } from "../support/cli.ts";
import { grades, payerScene, storingProvider, type PayerScene } from "../support/payer-scene.ts";

let scene: PayerScene;
beforeAll(async () => {
  scene = await payerScene();
});
afterAll(() => scene.close());

/** The group file with a block time 60 times that of the chain. */
async function paced(file: string, text: string): Promise<string> {
  await writeFile(file, text.replace("blockTime_s: 1", "blockTime_s: 60"));
  return file;
}

describe("refusals of whitepay group", () => {
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
});
